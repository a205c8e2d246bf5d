"""Filling one materialized view anew, by the one who may: what it takes, and what is known of it afterwards."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from dashboard.catalogue import View
from dashboard.database import Writer
from dashboard.refresh.months import Comparison, compare

PEOPLE = "people"  # the table that numbers them, as the views that read it name it

# One refresher at a time, in all processes, until the end of its transaction. Taking a lock on a table, unlike an
# advisory one, takes no snapshot, so what the refresher sees is not older than what the one before it wrote. The
# lock excludes nobody else who reads or writes the table.
_ALONE = "LOCK TABLE dashboard.view_states IN SHARE UPDATE EXCLUSIVE MODE {nowait}"
# Nobody truncates what a view reads between our snapshot and our reading: the snapshot would see no rows. And a
# loader, who holds the shop's tables before it refreshes, never waits for a refresher who waits for it.
_SHARED = "LOCK TABLE {tables} IN ACCESS SHARE MODE {nowait}"
_TABLES = """
SELECT DISTINCT found::text
FROM unnest(%(names)s::text[]) AS name, LATERAL (
    VALUES (to_regclass(format('shop.%%I', name))), (to_regclass(format('dashboard.%%I', name))), (to_regclass(name))
) AS candidate (found)
JOIN pg_class ON pg_class.oid = found
WHERE relkind IN ('r', 'p', 'v')
ORDER BY 1
"""
# A number means the same person in all states of the data: who has one keeps it. Skipping the known people by ON
# CONFLICT would draw a number for each of them, and a million have none left after 2,147 refreshes. In order of
# their ids, a first fill takes half the time.
_NUMBER = """
INSERT INTO dashboard.people (customer_unique_id)
SELECT DISTINCT customer_unique_id FROM shop.customers
WHERE NOT EXISTS (
    SELECT FROM dashboard.people WHERE people.customer_unique_id = customers.customer_unique_id
)
ORDER BY customer_unique_id
"""
_IS_POPULATED = "SELECT FROM pg_class WHERE oid = %(view)s::regclass AND relispopulated"


@dataclass(frozen=True, slots=True)
class Refresh:
    """One view filled anew, or not if there is an ``error``.

    ``months`` are the first days of those whose rows are others than before. With ``is_whole`` the view has a new
    version as a whole: it has no days, or nothing was known of its rows before.
    """

    view: str
    reason: str
    duration_seconds: float
    rows: int = 0
    months: tuple[date, ...] = ()
    is_whole: bool = False
    error: str = ""

    @property
    def months_changed(self) -> int:
        """Months with a new version; a view without days has one."""
        return len(self.months) or int(self.is_whole)


def tables_read(writer: Writer, views: Iterable[View]) -> list[str]:
    """The tables that views read, as SQL names them."""
    names = sorted({name for view in views for name in view.reads})
    return [table for (table,) in writer.rows(_TABLES, {"names": names})]


def take(writer: Writer, tables: Iterable[str], *, is_patient: bool = True) -> None:
    """Be the only refresher until the commit, and share the tables that the views read.

    Takes no snapshot. Raises LockTaken instead of waiting, unless ``is_patient``.
    """
    nowait = "" if is_patient else "NOWAIT"
    if listed := ", ".join(tables):
        writer.execute(_SHARED.format(tables=listed, nowait=nowait))
    writer.execute(_ALONE.format(nowait=nowait))


def number_people(writer: Writer, views: Iterable[View]) -> list[str]:
    """Number the people without a number, if one of the views reads the numbers; the table, if it changed."""
    is_read = any(PEOPLE in view.reads for view in views)
    return [PEOPLE] if is_read and writer.execute(_NUMBER) else []


def is_populated(writer: Writer, view: View) -> bool:
    """Whether the view can be read, and so refreshed beside its readers."""
    return bool(writer.rows(_IS_POPULATED, {"view": f"dashboard.{view.name}"}))


def has_rows(writer: Writer, view: View) -> bool:
    return is_populated(writer, view) and bool(writer.rows(f"SELECT FROM dashboard.{view.name} LIMIT 1"))


def fill(
    writer: Writer, view: View, reason: str, *, is_concurrent: bool, days: Sequence[date] | None = None
) -> Refresh:
    """Compute the view's rows anew and find what changed. Readers go on beside it if it is concurrent.

    Of a view that is kept by days, those of ``days``; None are all.
    """
    started = time.perf_counter()
    if view.is_kept_by_days:
        _replace(writer, view, days)
        return filled(writer, view, reason, started, days)
    concurrently = "CONCURRENTLY" if is_concurrent else ""
    writer.execute(f"REFRESH MATERIALIZED VIEW {concurrently} dashboard.{view.name}")
    return filled(writer, view, reason, started)


def _replace(writer: Writer, view: View, days: Sequence[date] | None) -> None:
    of_days = "" if days is None else " WHERE date = ANY (%(days)s::date[])"
    select = view.select.replace("%", "%%")
    writer.execute(f"DELETE FROM dashboard.{view.name}{of_days}", {"days": days})  # noqa: S608 - the catalogue's
    writer.execute(
        f"INSERT INTO dashboard.{view.name} SELECT * FROM ({select}) AS made{of_days}",  # noqa: S608 - likewise
        {"days": days},
    )


def filled(
    writer: Writer, view: View, reason: str, started: float, days: Sequence[date] | None = None
) -> Refresh:
    """What has become of a view, or of some of its days, begun to be filled at ``started`` of ``time.perf_counter``."""
    if days is None:
        writer.execute(f"ANALYZE dashboard.{view.name}")
    found: Comparison = compare(writer, view.name, days)
    duration_seconds = time.perf_counter() - started
    return Refresh(view.name, reason, duration_seconds, found.rows, found.changed, found.is_whole)
