"""The table of reports: those that were asked for, what became of them, and their documents."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from dashboard.database import Database, Writer
from dashboard.errors import ReportError
from dashboard.freshness import ACTIVE, pause_seconds
from dashboard.parts import asked, begin
from dashboard.reports.making import Made
from dashboard.reports.title import file_name, readable
from dashboard.window import Comparison, Grain, Span, Unit, Window, parse_days, write_days

NUMBER = 50
"""So many of the last reports are listed."""
MOST_WAITING = 20
"""More reports than this are not queued at a time."""

_ALONE = "SELECT pg_advisory_xact_lock(hashtext('daybook reports'))"
_WAITING = """
SELECT count(*) FROM dashboard.reports JOIN dashboard.jobs USING (job_id)
WHERE generated_at IS NULL AND status = ANY (%(active)s)
"""
_PLACE = """
INSERT INTO dashboard.reports (title, first_day, last_day, choices)
VALUES (%(title)s, %(first_day)s, %(last_day)s, %(choices)s)
RETURNING report_id
"""
_HAND_OVER = "UPDATE dashboard.reports SET job_id = %(job_id)s WHERE report_id = %(report_id)s"
_TAKE_UP = """
SELECT title, first_day, last_day, choices FROM dashboard.reports
WHERE report_id = %(report_id)s AND generated_at IS NULL
"""
_FILL = """
UPDATE dashboard.reports
SET generated_at = %(generated_at)s, data_version = %(data_version)s, content = %(content)s
WHERE report_id = %(report_id)s AND generated_at IS NULL
"""
_CONTENT = "SELECT content FROM dashboard.reports WHERE report_id = %(report_id)s"
_DELETE = "DELETE FROM dashboard.reports WHERE report_id = %(report_id)s"
_DELETE_OLD = "DELETE FROM dashboard.reports WHERE requested_at < now() - %(days)s * interval '1 day'"


@dataclass(frozen=True, slots=True)
class Report:
    """One that was asked for at ``queued_at``. Status and times are those of its job, of which ``error`` is what
    its last failure said, also if it is tried again.
    """

    report_id: int
    title: str
    first_day: date
    last_day: date
    queued_at: datetime
    generated_at: datetime | None
    data_version: int | None
    status: str
    started_at: datetime | None
    finished_at: datetime | None
    duration_seconds: float | None
    error: str | None

    @property
    def days(self) -> Span:
        return Span.through(self.first_day, self.last_day)

    @property
    def is_active(self) -> bool:
        return self.status in ACTIVE

    @property
    def file_name(self) -> str:
        return file_name(self.title)


@dataclass(frozen=True, slots=True)
class Shelf:
    """The last reports, the newest first, at ``now`` by the clock of the database.

    ``heard_at`` is the last sign of life of any worker, None if there never was one.
    """

    now: datetime
    reports: tuple[Report, ...]
    heard_at: datetime | None

    @property
    def waiting(self) -> tuple[Report, ...]:
        """Those that a worker has, or is to have."""
        return tuple(report for report in self.reports if report.is_active)

    @property
    def pause_seconds(self) -> int | None:
        """After which time to look again; None if nothing will have become of them."""
        return pause_seconds(self.now, [report.started_at or report.queued_at for report in self.waiting])


def read(database: Database) -> Shelf:
    """Cheap enough to be read every second. Raises DatabaseError."""
    with database.snapshot() as snapshot:
        now = begin(snapshot)
        rows = asked(snapshot, "ops/reports", number=NUMBER).to_dicts()
        [heard_at] = asked(snapshot, "ops/last_heartbeat")["heard_at"]
    return Shelf(now, tuple(Report(**row) for row in rows), heard_at)


def place(writer: Writer, title: str, window: Window) -> int:
    """Make room for a report, and tell its number. Raises ReportError if too many wait already."""
    writer.execute(_ALONE)
    [(waiting,)] = writer.rows(_WAITING, {"active": list(ACTIVE)})
    if waiting >= MOST_WAITING:
        raise ReportError(
            f"{waiting} reports wait to be made already. Ask again when some of them are done, or delete some."
        )
    values = {
        "title": readable(title, window),
        "first_day": window.start,
        "last_day": window.last,
        "choices": json.dumps(_choices(window)),
    }
    [(report_id,)] = writer.rows(_PLACE, values)
    return int(report_id)


def hand_over(writer: Writer, report_id: int, job_id: int) -> None:
    """Tell which job is to make a report."""
    writer.execute(_HAND_OVER, {"report_id": report_id, "job_id": job_id})


def take_up(writer: Writer, report_id: int) -> tuple[str, Window] | None:
    """Title and window of a report that is to be made; None if it was made, or deleted.

    The watermark of the window is not known here: it is taken to be over.
    """
    rows = writer.rows(_TAKE_UP, {"report_id": report_id})
    if not rows:
        return None
    [(title, first_day, last_day, choices)] = rows
    return title, _window(Span.through(first_day, last_day), choices)


def fill(writer: Writer, report_id: int, made: Made) -> None:
    """Does nothing to one that was deleted meanwhile, or made by somebody else."""
    values = {
        "report_id": report_id,
        "generated_at": made.generated_at,
        "data_version": made.data_version,
        "content": made.content,
    }
    writer.execute(_FILL, values)


def content(database: Database, report_id: int) -> bytes:
    """The document, in UTF-8. Raises ReportError if there is none any more, and DatabaseError."""
    with database.writer() as writer:  # a replica may not have it yet
        [document] = writer.rows(_CONTENT, {"report_id": report_id}) or [(None,)]
    if document[0] is None:
        raise ReportError("This report was deleted meanwhile. Reload the page.")
    return str(document[0]).encode()


def delete(database: Database, report_id: int) -> None:
    """For good. A job that was to make it finds nothing to do."""
    with database.writer() as writer:
        writer.execute(_DELETE, {"report_id": report_id})


def delete_old(writer: Writer, days: int) -> int:
    """Delete what was asked for longer ago; how many there were."""
    return writer.execute(_DELETE_OLD, {"days": days})


def _choices(window: Window) -> dict[str, str | None]:
    compared = window.compared
    return {
        "grain": window.chosen_grain,
        "comparison": window.comparison,
        "compared": write_days(compared) if compared else None,
        "unit": window.unit.name if window.unit else None,
        "preset": window.preset,
    }


def _window(span: Span, choices: Mapping[str, Any]) -> Window:
    grain, unit, compared = choices["grain"], choices["unit"], choices["compared"]
    return Window(
        span.start,
        span.end,
        watermark=span.last,
        chosen_grain=Grain(grain) if grain else None,
        comparison=Comparison(choices["comparison"]),
        compared=parse_days("compared", compared) if compared else None,
        unit=Unit[unit] if unit else None,
        preset=choices["preset"],
    )
