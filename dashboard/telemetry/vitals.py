"""What this process takes of its machine."""

import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path

import psutil

COURSE_MINUTES = 60

_GROUPS = Path("/sys/fs/cgroup")

# What a container may take, what it takes, and of that the pages of files that nobody used lately, which the kernel
# gives up before it kills anybody: https://docs.kernel.org/admin-guide/cgroup-v2.html#memory
_VERSION_2 = ("memory.max", "memory.current", "memory.stat", "inactive_file")
_VERSION_1 = (
    *("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes", "memory/memory.stat"),
    "total_inactive_file",
)


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
        self._before = self._at, self._cpu_seconds  # the last measurement before this minute
        self._course: deque[tuple[int, int, float]] = deque(maxlen=COURSE_MINUTES)

    def age_seconds(self) -> float:
        """Since the process was started, also if the machine's clock was set meanwhile."""
        return time.monotonic() - self._born_at

    def measure(self) -> Vitals:
        """As it is now. The share of the processor is that since the last time."""
        now, spent = time.monotonic(), self._spent()
        last = self._at, self._cpu_seconds
        if now // 60 > self._at // 60:
            self._before = last
        self._at, self._cpu_seconds = now, spent
        memory_bytes, available_bytes = machine_memory()
        with self._process.oneshot():
            vitals = Vitals(
                resident_bytes=self._process.memory_info().rss,
                memory_bytes=memory_bytes,
                available_bytes=available_bytes,
                cpu_seconds=spent,
                cpu_share=self._share_since(*last),
                threads=self._process.num_threads(),
            )
        self._remember(int(now // 60), vitals.resident_bytes, self._share_since(*self._before))
        return vitals

    def course(self) -> list[dict[str, float]]:
        """Of each minute its last memory, and its share of the processor, the oldest first."""
        return [{"resident_bytes": size, "cpu_share": round(share, 4)} for _, size, share in self._course]

    def _share_since(self, at: float, cpu_seconds: float) -> float:
        return (self._cpu_seconds - cpu_seconds) / max(self._at - at, 0.001)

    def _remember(self, minute: int, resident_bytes: int, cpu_share: float) -> None:
        if self._course and self._course[-1][0] == minute:
            self._course.pop()
        self._course.append((minute, resident_bytes, cpu_share))

    def _spent(self) -> float:
        times = self._process.cpu_times()
        return float(times.user + times.system)


def machine_memory(groups: Path = _GROUPS) -> tuple[int, int]:
    """Bytes of memory that there are for processes here, and those of them that are left."""
    memory = psutil.virtual_memory()
    found = _of_container(groups, *_VERSION_2) or _of_container(groups, *_VERSION_1)
    if found is None or found[0] >= memory.total:
        return memory.total, memory.available
    limit, taken = found
    return limit, min(memory.available, max(limit - taken, 0))


def _of_container(groups: Path, limit: str, taken: str, stat: str, idle: str) -> tuple[int, int] | None:
    """The bytes that it may take, and takes; None if there is no container, or one without a limit: ``max``."""
    try:
        counts = dict(line.split() for line in (groups / stat).read_text().splitlines())
        return (
            int((groups / limit).read_text()),
            int((groups / taken).read_text()) - int(counts.get(idle, 0)),
        )
    except (OSError, ValueError):
        return None
