"""What readers and operators learn of a refresh: versions, states and history."""

from collections.abc import Iterable

from dashboard.database import Writer
from dashboard.refresh.filling import Refresh
from dashboard.versions import bump, bump_months

_SEEN = "SELECT pg_current_snapshot()::text"
_STATE = """
INSERT INTO dashboard.view_states (view, snapshot, refreshed_at, duration_seconds, rows)
VALUES (%(view)s, %(seen)s::pg_snapshot, clock_timestamp(), %(duration_seconds)s, %(rows)s)
ON CONFLICT (view) DO UPDATE SET
    snapshot = excluded.snapshot, refreshed_at = excluded.refreshed_at,
    duration_seconds = excluded.duration_seconds, rows = excluded.rows,
    failures = 0, error = NULL, failed_at = NULL, retry_at = NULL
"""
_RECORD = """
INSERT INTO dashboard.refreshes (view, reason, duration_seconds, rows, months_changed)
VALUES (%(view)s, %(reason)s, %(duration_seconds)s, %(rows)s, %(months_changed)s)
"""
_FAILURE = """
INSERT INTO dashboard.view_states (view, failures, error, failed_at, retry_at)
VALUES (%(view)s, 1, %(error)s, clock_timestamp(), clock_timestamp() + interval '1 s')
ON CONFLICT (view) DO UPDATE SET
    failures = view_states.failures + 1, error = excluded.error, failed_at = excluded.failed_at,
    retry_at = clock_timestamp() + least(300, 2 ^ least(view_states.failures, 9)) * interval '1 s'
"""
_RECORD_FAILURE = """
INSERT INTO dashboard.refreshes (view, reason, duration_seconds, months_changed, error)
VALUES (%(view)s, %(reason)s, %(duration_seconds)s, 0, %(error)s)
"""


def state_seen(writer: Writer) -> str:
    """The snapshot that tells which changes a refresh that begins now will show."""
    [(seen,)] = writer.rows(_SEEN)
    return str(seen)


def publish(writer: Writer, done: Iterable[Refresh], seen: str, relations: Iterable[str] = ()) -> None:
    """Record refreshes, and give what they changed and the ``relations`` a new version. Last, as ``bump`` is."""
    done = list(done)
    for refresh in done:
        values = _values(refresh) | {"seen": seen}
        writer.execute(_STATE, values)
        writer.execute(_RECORD, values)
    bump(writer, [*(refresh.view for refresh in done if refresh.is_whole), *relations])
    for refresh in done:
        if not refresh.is_whole:
            bump_months(writer, refresh.view, refresh.months)


def record_failure(writer: Writer, failed: Refresh) -> None:
    """Count a failure. The view is due again in 1 s, and after each further failure in twice the time, up to 5 min."""
    writer.execute(_FAILURE, _values(failed))
    writer.execute(_RECORD_FAILURE, _values(failed))


def _values(refresh: Refresh) -> dict[str, object]:
    return {
        "view": refresh.view,
        "reason": refresh.reason,
        "duration_seconds": refresh.duration_seconds,
        "rows": refresh.rows,
        "months_changed": refresh.months_changed,
        "error": refresh.error,
    }
