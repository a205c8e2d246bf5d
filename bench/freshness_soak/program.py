"""The programs that keep the data fresh, as processes that are killed and replaced."""

import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from dashboard.settings import ROOT

END_SECONDS = 60.0
LAST_WORDS = 2_000  # characters

_READY = "(Ctrl-C ends it)"


@dataclass
class Program:
    """``python -m dashboard …``, one process after the other."""

    arguments: Sequence[str]
    environment: Mapping[str, str]
    log: Path
    process: subprocess.Popen[bytes] | None = None
    vain_starts: int = 0
    problems: list[str] = field(default_factory=list)
    _said_before: int = 0

    def start(self) -> None:
        with self.log.open("ab") as output:
            self._said_before = output.tell()
            self.process = subprocess.Popen(
                [sys.executable, "-m", "dashboard", *self.arguments],
                cwd=ROOT,
                env=self.environment,
                stdout=output,
                stderr=output,
            )

    def signal(self, number: int) -> None:
        assert self.process
        self.tend()
        self.process.send_signal(number)

    def replace(self) -> None:
        """Kill it, and start another."""
        assert self.process
        self.signal(signal.SIGKILL)
        self.process.wait()
        self.start()

    def end(self) -> None:
        """Ask it to end."""
        assert self.process
        self.tend()
        self.process.terminate()
        try:
            self.process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self.problems.append(f"{self.arguments} does not end")
            self.process.kill()
            self.process.wait()

    def last_words(self) -> str:
        """The end of its log."""
        return self.log.read_text(errors="replace")[-LAST_WORDS:]

    def tend(self) -> None:
        """Start it again if it met no database when it started, as whoever runs it in earnest does."""
        assert self.process
        if self.process.poll() is None:
            return
        said = self.log.read_bytes()[self._said_before :].decode()
        if _READY in said or "PostgreSQL does not answer" not in said:
            self.problems.append(f"{self.arguments} ended by itself with {self.process.returncode}: {said}")
        self.vain_starts += 1
        self.start()


@contextmanager
def running(*programs: Program) -> Iterator[None]:
    try:
        for program in programs:
            program.start()
        yield
    finally:
        for program in programs:
            if program.process:
                program.end()
