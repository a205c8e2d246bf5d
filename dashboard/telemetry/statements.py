"""The statements that were slow or failed: queued in memory, written to the database by the statistics thread."""

import json
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import polars as pl

from dashboard.catalogue import Query, catalogue
from dashboard.database import Database, Writer
from dashboard.demand import written_values
from dashboard.errors import DatabaseUnavailable, DaybookError, StatementCancelled, StatementTimeout
from dashboard.telemetry.asker import asker

log = logging.getLogger(__name__)

MOST_QUEUED = 1_000
MOST_ROWS = 20_000  # in the table; the oldest go first
MOST_UNAVAILABLE = 2_000  # of those: an outage fails every read, and shall not push out what was slow
SLOW_RETENTION_DAYS = 30
MOST_CHARACTERS = 20_000  # of the SQL of a statement that is in no file, and of an error

_COLUMNS = (
    "process, number, finished_at, query, sql, param_names, param_values, rows, wait_ms, run_ms, asker, "
    "outcome, error"
)
# A write whose commit was not confirmed is done again.
_WRITE = f"""
INSERT INTO dashboard.slow_statements ({_COLUMNS})
SELECT {_COLUMNS} FROM jsonb_populate_recordset(NULL::dashboard.slow_statements, %(rows)s::jsonb)
ON CONFLICT (process, number) DO NOTHING
"""  # noqa: S608 - constants
_PRUNE = """
DELETE FROM dashboard.slow_statements
WHERE finished_at < now() - %(days)s * interval '1 day'
   OR statement_id <= (SELECT max(statement_id) FROM dashboard.slow_statements) - %(most)s
   OR outcome = 'unavailable' AND statement_id <= (
        SELECT statement_id FROM dashboard.slow_statements WHERE outcome = 'unavailable'
        ORDER BY statement_id DESC OFFSET %(most_unavailable)s LIMIT 1
   )
"""
_OUTCOMES: tuple[tuple[type[BaseException], str], ...] = (
    (StatementTimeout, "timed out"),
    (DatabaseUnavailable, "unavailable"),
    (StatementCancelled, "given up"),
)


@dataclass(slots=True, eq=False)
class Run:
    """One statement on its way; who runs it says how many ``rows`` it gave. It rests without ``started``."""

    values: Sequence[object]
    started: float | None
    rows: int | None = None
    spent_ms: float = 0.0

    @property
    def ms(self) -> float:
        return self.spent_ms + (0.0 if self.started is None else _ms_since(self.started))


class Course:
    """What one read asks of the database: it waits for a place, then runs statements one after the other."""

    def __init__(self, told: "StatementLog", query: Query, values: Sequence[object]) -> None:
        self._told, self._query = told, query
        self._asker = asker()
        self._began = time.perf_counter()
        self._waited_ms: float | None = None
        self._run = Run(values, self._began)

    @property
    def spent_ms(self) -> float:
        """The time of the database for the statement at hand, without what is done with its rows meanwhile."""
        return 0.0 if self._waited_ms is None else self._run.ms

    def placed(self) -> None:
        """It has its place and its connection, and waits no more."""
        self._waited_ms = _ms_since(self._began)
        self._run.started = time.perf_counter()

    @contextmanager
    def running(self, values: Sequence[object]) -> Iterator[Run]:
        """Time one statement; an error is told by whoever sees it as one of ours: ``fail``."""
        run = self._run = Run(values, time.perf_counter())
        yield run
        self._tell(run.ms, None)

    def taking(
        self, values: Sequence[object], frames: Iterator[pl.DataFrame], spent_ms: float
    ) -> Iterator[pl.DataFrame]:
        """Time one statement whose rows are taken in frames, but not what is done with them in between.

        ``spent_ms`` went into it before.
        """
        run = self._run = Run(values, None, 0, spent_ms)
        while True:
            run.started = time.perf_counter()
            frame = next(frames, None)
            run.spent_ms, run.started = run.ms, None
            if frame is None:
                break
            run.rows = (run.rows or 0) + len(frame)
            yield frame
        self._tell(run.ms, None)

    def fail(self, error: BaseException) -> None:
        """The statement at hand failed, or there was no place for it."""
        self._tell(self.spent_ms, error)

    def _tell(self, run_ms: float, error: BaseException | None) -> None:
        wait_ms = _ms_since(self._began) if self._waited_ms is None else self._waited_ms
        self._told.record(self._query, self._run.values, self._run.rows, wait_ms, run_ms, self._asker, error)
        self._waited_ms = 0.0  # the next statement of this read has its place


class StatementLog:
    """The slow and failed statements of one process. Any thread may record, and none waits for the database."""

    def __init__(self, process: str, slow_seconds: float, clock: Callable[[], float] = time.time) -> None:
        self.dropped = self._told = 0
        self._process, self._slow_ms, self._clock = process, slow_seconds * 1_000, clock
        self._counting, self._flushing = threading.Lock(), threading.Lock()
        self._number = 0
        self._queue: deque[dict[str, Any]] = deque()

    @contextmanager
    def course(self, query: Query, values: Sequence[object]) -> Iterator[Course]:
        """Follow a read of a query in the block; ``values`` are those of its first statement."""
        course = Course(self, query, values)
        try:
            yield course
        except DaybookError as error:
            course.fail(error)
            raise

    def record(
        self,
        query: Query,
        values: Sequence[object],
        rows: int | None,
        wait_ms: float,
        run_ms: float,
        whom: str,
        error: BaseException | None,
    ) -> None:
        """Keep one statement if it was slow or failed; one that was given up counts as slow if it was."""
        is_slow = wait_ms + run_ms > self._slow_ms
        outcome = _outcome(error)
        if not is_slow and outcome in ("answered", "given up"):
            return
        # An outage fails every read, and is told of elsewhere.
        level = logging.DEBUG if outcome in ("unavailable", "given up") else logging.WARNING
        told = {
            "query": query.name,
            "outcome": outcome,
            "wait_ms": round(wait_ms, 1),
            "run_ms": round(run_ms, 1),
            "rows": rows,
            "asker": _storable(whom),
        }
        known = {name: value for name, value in told.items() if value not in (None, "")}
        error_told = {"error": _storable(str(error))} if error else {}
        log.log(level, "%s statement", "failed" if error else "slow", extra=known | error_told)
        is_in_file = query.name in catalogue().queries
        row = {
            "process": self._process,
            "finished_at": datetime.fromtimestamp(self._clock(), UTC).isoformat(),
            "query": query.name,
            "sql": None if is_in_file else _storable(query.sql),
            "param_names": list(query.params),
            "param_values": _values(values),
            "rows": rows,
            "wait_ms": wait_ms,
            "run_ms": run_ms,
            "asker": _storable(whom),
            "outcome": outcome,
            "error": None if error is None else _storable(str(error)),
        }
        with self._counting:
            self._number += 1
            if len(self._queue) >= MOST_QUEUED:
                self.dropped += 1
                return
            self._queue.append(row | {"number": self._number})

    def flush(self, database: Database) -> int:
        """Write what is queued; the number of rows. Raises DatabaseError, and then keeps it."""
        with self._flushing:
            rows = list(self._queue)
            if rows:
                with database.quick_writer() as writer:
                    writer.execute(_WRITE, {"rows": json.dumps(rows)})
                with self._counting:
                    for _ in rows:
                        self._queue.popleft()
                    lost, self._told = self.dropped - self._told, self.dropped
                if lost:
                    log.warning("%d slow or failed statements found no place until now, and are lost", lost)
            return len(rows)


def prune(writer: Writer) -> int:
    """Delete slow statements that are older than ``SLOW_RETENTION_DAYS``, or have ``MOST_ROWS`` newer ones.

    So are those of outages that have ``MOST_UNAVAILABLE`` newer ones.
    """
    bounds = {"days": SLOW_RETENTION_DAYS, "most": MOST_ROWS, "most_unavailable": MOST_UNAVAILABLE}
    return writer.execute(_PRUNE, bounds)


def _outcome(error: BaseException | None) -> str:
    if error is None:
        return "answered"
    return next((name for kind, name in _OUTCOMES if isinstance(error, kind)), "failed")


def _values(values: Sequence[object]) -> Any:
    text = written_values(values)
    found = None if text is None or "\\u0000" in text else json.loads(text)
    return found if _is_storable(found) else None


def _is_storable(values: object) -> bool:
    """Whether PostgreSQL takes it: half of a character is none, and would stop all rows that are written with it."""
    try:
        return bool(json.dumps(values, ensure_ascii=False).encode())
    except UnicodeEncodeError:
        return False


def _storable(text: str) -> str:
    return text.replace("\0", "").encode(errors="replace").decode()[:MOST_CHARACTERS]


def _ms_since(started: float) -> float:
    return (time.perf_counter() - started) * 1_000
