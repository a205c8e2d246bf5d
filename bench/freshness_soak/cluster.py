"""A PostgreSQL that dies, and is started again."""

import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import psycopg

from dashboard import embedded

_ALONE = "view_states"  # the table on which a refresher holds its lock
_REFRESHERS = f"""
SELECT pid FROM pg_locks
WHERE relation = 'dashboard.{_ALONE}'::regclass AND mode = 'ShareUpdateExclusiveLock' AND granted
"""
_LISTENERS = "SELECT pid FROM pg_stat_activity WHERE application_name = 'daybook listener'"
_TERMINATE = "SELECT pg_terminate_backend(pid) FROM ({pids}) AS found"


class Cluster:
    """The bundled server in a folder; ``url`` stays the same over its deaths."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._folder, self._stack = folder, stack
        self.url = ""
        self.start()

    def start(self) -> None:
        """Start it again, once nothing of the one before is left."""
        self.url = self._stack.enter_context(embedded.running(self._folder))

    def kill(self, number: int) -> None:
        """Send its first process a signal: SIGKILL, SIGQUIT to stop at once, SIGINT to stop in order."""
        lines = (self._folder / "postgres" / "postmaster.pid").read_text().splitlines()
        os.kill(int(lines[0]), number)

    def refreshers(self) -> list[int]:
        """Processes that refresh a view, or are about to."""
        return self._pids(_REFRESHERS)

    def terminate_refreshers(self) -> int:
        return len(self._pids(_TERMINATE.format(pids=_REFRESHERS)))

    def terminate_listeners(self) -> int:
        return len(self._pids(_TERMINATE.format(pids=_LISTENERS)))

    def crash(self) -> None:
        """Kill what PostgreSQL runs for a client, so that it ends all others and recovers by itself."""
        with psycopg.connect(self.url) as connection, suppress(psycopg.Error):
            victim = next(iter(self.refreshers()), connection.info.backend_pid)
            os.kill(victim, signal.SIGKILL)
            connection.execute("SELECT pg_sleep(0.1)")

    def _pids(self, query: str) -> list[int]:
        with psycopg.connect(self.url, autocommit=True) as connection:
            return [pid for (pid,) in connection.execute(query).fetchall()]


@contextmanager
def running(folder: Path) -> Iterator[Cluster]:
    with ExitStack() as stack:
        yield Cluster(folder, stack)
