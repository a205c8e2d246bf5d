"""The log of changes: what each view does not show of it yet, and what nobody needs any more."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple

from dashboard.catalogue import View, catalogue
from dashboard.database import Snapshot, Writer

# A snapshot of another cluster, from which the database was restored, may be from the future: it says nothing.
_FILLED = """
SELECT view, snapshot FROM dashboard.view_states
WHERE pg_snapshot_xmax(snapshot) <= pg_snapshot_xmax(pg_current_snapshot())
"""
_NAMES = f"SELECT view FROM ({_FILLED}) AS filled"  # noqa: S608 - a constant
# So may a transaction. Beside those, only this one itself is beyond its snapshot.
_PENDING = f"""
SELECT change_log.ctid AS entry, reads.view, day, changed_at
FROM dashboard.change_log
JOIN unnest({{views}}::text[], {{sources}}::text[]) AS reads (view, source) USING (source)
LEFT JOIN ({_FILLED}) AS filled USING (view)
WHERE snapshot IS NULL OR NOT pg_visible_in_snapshot(transaction, snapshot) AND (
    transaction < pg_snapshot_xmax(pg_current_snapshot()) OR transaction = pg_current_xact_id_if_assigned()
)
"""  # noqa: S608 - constants
_BACKLOG = f"""
SELECT view, CASE WHEN isfinite(day) THEN day END AS day, bool_or(day IS NULL) AS is_any_day,
    min(changed_at) AS since
FROM ({_PENDING.format(views="$1", sources="$2")}) AS pending
GROUP BY 1, 2
ORDER BY 1, 2
"""  # noqa: S608 - constants
_FORGET = f"""
WITH pending AS (
    SELECT entry, array_agg(view ORDER BY view) AS views
    FROM ({_PENDING.format(views="%(views)s", sources="%(sources)s")}) AS pending
    GROUP BY entry
), known AS (
    SELECT change_log.ctid AS entry, views IS NULL
        OR row_number() OVER (PARTITION BY source, day, views ORDER BY changed_at) > 1 AS is_done
    FROM dashboard.change_log LEFT JOIN pending ON entry = change_log.ctid
)
DELETE FROM dashboard.change_log USING known WHERE entry = change_log.ctid AND is_done
"""  # noqa: S608 - constants
_SETTLE = """
DELETE FROM dashboard.change_log
WHERE transaction = pg_current_xact_id_if_assigned() AND source <> ALL (%(others)s::text[])
"""


class _Row(NamedTuple):
    day: date | None
    is_any_day: bool
    since: datetime


@dataclass(frozen=True, slots=True)
class Backlog:
    """What a view does not show yet.

    ``is_filled`` says whether anything is known of what it shows. ``days`` are the business days with changes, in
    order; with ``is_any_day`` there are changes of which the days are not known. ``since`` is when the first
    of the changes was made, None if there was none.
    """

    view: str
    is_filled: bool
    days: tuple[date, ...]
    is_any_day: bool
    since: datetime | None

    @property
    def is_pending(self) -> bool:
        """Whether the view has to be filled."""
        return not self.is_filled or self.since is not None


def backlog(snapshot: Snapshot) -> tuple[Backlog, ...]:
    """The backlog of each view, in the order in which they are built."""
    views, sources = _reads()
    filled = {view for (view,) in snapshot.frame(_NAMES).iter_rows()}
    pending: dict[str, list[_Row]] = {view.name: [] for view in catalogue().views}
    for view, *row in snapshot.frame(_BACKLOG, (views, sources)).iter_rows():
        pending[view].append(_Row(*row))
    return tuple(_backlog(view, view in filled, rows) for view, rows in pending.items())


def _backlog(view: str, is_filled: bool, rows: Sequence[_Row]) -> Backlog:
    days = tuple(row.day for row in rows if row.day)
    is_any_day = any(row.is_any_day for row in rows)
    return Backlog(view, is_filled, days, is_any_day, min((row.since for row in rows), default=None))


def forget(writer: Writer) -> int:
    """Delete what all views show, and what says the same once more; the number of entries.

    So the log stays small also while a view fails for long. Call it as the only refresher: another's snapshot could
    show the one of two changes that is kept and not the other.
    """
    views, sources = _reads()
    return writer.execute(_FORGET, {"views": views, "sources": sources})


def settle(writer: Writer, views: Iterable[View]) -> None:
    """Delete what this transaction logged before it filled these views, unless others read that as well.

    It is not visible in the transaction's own snapshots, and so the views would be filled once more.
    """
    names = {view.name for view in views}
    others = {source for view, source in zip(*_reads(), strict=True) if view not in names}
    writer.execute(_SETTLE, {"others": sorted(others)})


def _reads() -> tuple[list[str], list[str]]:
    """Pairs of a view and a relation that it reads, be it through other views."""
    found: dict[str, set[str]] = {}
    for view in catalogue().views:
        found[view.name] = set(view.reads).union(*(found.get(name, ()) for name in view.reads))
    pairs = [(view, source) for view, sources in found.items() for source in sorted(sources)]
    return [view for view, _ in pairs], [source for _, source in pairs]
