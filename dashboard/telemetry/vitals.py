"""What this process takes of its machine."""

import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path

import psutil

COURSE_MINUTES = 60

# What a container may take, and takes: https://docs.kernel.org/admin-guide/cgroup-v2.html#memory
_LIMIT = Path("/sys/fs/cgroup/memory.max")
_TAKEN = Path("/sys/fs/cgroup/memory.current")


@dataclass(frozen=True, slots=True)
class Vitals:
    """``resident_bytes`` of ``memory_bytes``, of which ``available_bytes`` are left; ``cpu_share`` is of one core."""

    resident_bytes: int
    memory_bytes: int
    available_bytes: int
    cpu_seconds: float
    cpu_share: float
    threads: int


class Pulse:
    """Measures this process, and remembers from one measurement to the next."""

    def __init__(self) -> None:
        self._process = psutil.Process()
        self._born_at: float = time.monotonic() - (time.time() - self._process.create_time())
        self._at, self._cpu_seconds = time.monotonic(), self._spent()
        self._course: deque[tuple[int, int, float]] = deque(maxlen=COURSE_MINUTES)

    def age_seconds(self) -> float:
        """Since the process was started, also if the machine's clock was set meanwhile."""
        return time.monotonic() - self._born_at

    def measure(self) -> Vitals:
        """As it is now. The share of the processor is that since the last time."""
        now, spent = time.monotonic(), self._spent()
        share = (spent - self._cpu_seconds) / max(now - self._at, 0.001)
        self._at, self._cpu_seconds = now, spent
        memory_bytes, available_bytes = machine_memory()
        with self._process.oneshot():
            vitals = Vitals(
                resident_bytes=self._process.memory_info().rss,
                memory_bytes=memory_bytes,
                available_bytes=available_bytes,
                cpu_seconds=spent,
                cpu_share=share,
                threads=self._process.num_threads(),
            )
        self._remember(int(now // 60), vitals)
        return vitals

    def course(self) -> list[dict[str, float]]:
        """One measurement a minute, the oldest first."""
        return [{"resident_bytes": size, "cpu_share": round(share, 4)} for _, size, share in self._course]

    def _remember(self, minute: int, vitals: Vitals) -> None:
        if self._course and self._course[-1][0] == minute:
            self._course.pop()
        self._course.append((minute, vitals.resident_bytes, vitals.cpu_share))

    def _spent(self) -> float:
        times = self._process.cpu_times()
        return float(times.user + times.system)


def machine_memory() -> tuple[int, int]:
    """Bytes of memory that there are for processes here, and those of them that are left."""
    memory = psutil.virtual_memory()
    try:
        limit, taken = int(_LIMIT.read_text()), int(_TAKEN.read_text())
    except (OSError, ValueError):  # no container, or one without a limit: "max"
        return memory.total, memory.available
    if limit >= memory.total:
        return memory.total, memory.available
    return limit, min(memory.available, max(limit - taken, 0))
