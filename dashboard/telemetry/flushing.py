"""The thread that writes what was counted of reads, and deletes what is old."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial

from dashboard.database import Database, Writer
from dashboard.demand import prune as prune_demand
from dashboard.errors import DatabaseError, DatabaseUnavailable, MissingRights
from dashboard.settings import Settings
from dashboard.telemetry import heartbeat, statements
from dashboard.telemetry.reads import Statistics
from dashboard.telemetry.recording import prune_recorded
from dashboard.trouble import Trouble

log = logging.getLogger(__name__)

RETENTION_DAYS = 30
PRUNE_SECONDS = 3_600.0
DEMAND_FLUSH_SECONDS = 60.0  # its rows are a day's, and written whole each time

# A missing right is put right by a person if at all, while a lock or a full disk may pass; each attempt is an error
# in PostgreSQL's log.
REFUSED_RETRY_SECONDS, FAILED_RETRY_SECONDS = 600.0, 10.0

# Without a bound in time: after a long while there may be much to delete.
_PATIENCE = "SET LOCAL lock_timeout = '2s'"
_PRUNE = """
DELETE FROM dashboard.read_statistics WHERE minute < now() - %(days)s * interval '1 day'
"""


@contextmanager
def flushing(statistics: Statistics, database: Database, settings: Settings) -> Iterator[None]:
    """Write every ``statistics_flush_seconds`` while the block lasts, and at its end.

    The end waits for the last write as long as it may take to connect, and then goes on without it.
    """
    stop = threading.Event()
    flusher = _Flusher(statistics, database, settings.statistics_flush_seconds, stop)
    thread = threading.Thread(target=flusher.run, name="statistics", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(settings.connect_timeout_seconds)
        if thread.is_alive():
            log.warning("the last statistics of reads are not waited for any longer, and may be lost")


class _Flusher:
    """What the thread does."""

    def __init__(
        self, statistics: Statistics, database: Database, flush_seconds: float, stop: threading.Event
    ) -> None:
        self._flush_seconds = flush_seconds
        self._stop = stop
        self._writing = (
            _Chore("statistics of reads can't be written", lambda: statistics.flush(database)),
            _Chore(
                "what was asked can't be written",
                lambda: statistics.demand.flush(database),
                DEMAND_FLUSH_SECONDS,
            ),
            _Chore(
                "recorded reads can't be written",
                lambda: statistics.recording.flush(database, is_last=stop.is_set()),
            ),
            _Chore("slow statements can't be written", lambda: statistics.statements.flush(database)),
        )
        self._pruning = tuple(
            _Chore("old statistics can't be deleted", partial(_prune, database, what), PRUNE_SECONDS)
            for what in _OLD
        )

    def run(self) -> None:
        while not self._stop.wait(self._flush_seconds):
            self._round()
        for chore in self._writing:
            chore.due_at = 0.0
        self._round()

    def _round(self) -> None:
        """All that is due; the end waits for no deletion. A database that is away for one thing is away for all."""
        with suppress(DatabaseUnavailable):
            if sum([chore.attempt() for chore in self._writing]):
                for chore in self._pruning:
                    if not self._stop.is_set():
                        chore.attempt()


class _Chore:
    """One thing that the thread does again and again. What is refused to it holds up no other."""

    def __init__(self, failure: str, do: Callable[[], int], every_seconds: float = 0.0) -> None:
        self.due_at = 0.0
        self._trouble = Trouble(log, failure)
        self._do = do
        self._every_seconds = every_seconds

    def attempt(self) -> int:
        """Do it if it is time to; the number of rows. Raises DatabaseUnavailable."""
        if time.monotonic() < self.due_at:
            return 0
        rows = 0
        with self._trouble.told():
            rows = self._do()
        if isinstance(self._trouble.error, DatabaseUnavailable):
            raise self._trouble.error
        self.due_at = time.monotonic() + max(self._every_seconds, _retry_seconds(self._trouble.error))
        return rows


def _retry_seconds(error: Exception | None) -> float:
    match error:
        case None:
            return 0.0
        case DatabaseError() if not isinstance(error, MissingRights):
            return FAILED_RETRY_SECONDS
        case _:
            return REFUSED_RETRY_SECONDS


def prune(database: Database) -> int:
    """Delete what was kept too long of reads, statements and processes; the number of rows. Raises DatabaseError."""
    return sum(_prune(database, what) for what in _OLD)


def _prune(database: Database, what: Callable[[Writer], int]) -> int:
    with database.writer() as writer:
        writer.execute(_PATIENCE)
        return what(writer)


def _prune_minutes(writer: Writer) -> int:
    return writer.execute(_PRUNE, {"days": RETENTION_DAYS})


_OLD = (_prune_minutes, prune_demand, prune_recorded, statements.prune, heartbeat.prune)
