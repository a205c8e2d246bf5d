"""Which months of a view differ from those that it had after its last refresh."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import TypeAlias

from dashboard.database import Writer

Months: TypeAlias = dict[
    date | None, tuple[int, Decimal]
]  # rows and checksum; None: no day, or not one of a calendar

_HAS_DAYS = """
SELECT FROM pg_attribute
WHERE attrelid = %(view)s::regclass AND attname = 'date' AND atttypid = 'date'::regtype AND NOT attisdropped
"""
_MONTH = "CASE WHEN date >= '0001-01-01' AND date <= '9999-12-31' THEN date_trunc('month', date::timestamp)::date END"
# Sums of hashes don't depend on the order of rows. Two of them make an accident as unlikely as 128 bits can; over
# less than 2^31 rows the sum of 64 bits stays below 2^95, so the other one is added as a multiple of 2^96. Unlike
# equal values of a type, equal texts look equal to a reader, too. A million rows take 0.6 s on two cores; a
# statement that wrote what it found would have to do with one.
_SUM = """
count(*),
sum(hashtextextended(shown::text, 0)) * 79228162514264337593543950336 + sum(hashtextextended(shown::text, 1))
"""
_FOUND = f"SELECT {{month}} AS month, {_SUM} FROM dashboard.{{view}} AS shown GROUP BY 1"  # noqa: S608 - ours
_FOUND_OF = f"""
SELECT month, {_SUM} FROM unnest(%(months)s::date[]) AS month
JOIN dashboard.{{view}} AS shown ON date >= month AND date < (month + interval '1 month')::date
GROUP BY 1
"""  # noqa: S608 - likewise
_STORED = "SELECT nullif(month, '-infinity'), rows, checksum FROM dashboard.view_months WHERE view = %(view)s"
_FORGET = "DELETE FROM dashboard.view_months WHERE view = ANY (%(views)s::text[])"
_STORE = """
INSERT INTO dashboard.view_months (view, month, rows, checksum)
SELECT %(view)s, coalesce(month, '-infinity'), rows, checksum
FROM unnest(%(months)s::date[], %(rows)s::bigint[], %(checksums)s::numeric[]) AS found (month, rows, checksum)
"""


@dataclass(frozen=True, slots=True)
class Comparison:
    """The rows of a view, and the first days of its months whose rows are others than before.

    ``is_whole``: it can't be said by months, since the view has no days, or nothing was known of it.
    """

    rows: int
    changed: tuple[date, ...]
    is_whole: bool


def compare(writer: Writer, view: str, days: Iterable[date] | None = None) -> Comparison:
    """Compare a view with what was stored of it, and store what it is now.

    If nothing can have changed outside of some ``days``, only their months are looked at.
    """
    stored = _stored(writer, view)
    found = _found_of(writer, view, days, stored) if stored and days is not None else _found(writer, view)
    changed = {month for month in found.keys() | stored.keys() if found.get(month) != stored.get(month)}
    if changed:
        forget_months(writer, [view])
        _store(writer, view, found)
    rows = sum(count for count, _ in found.values())
    months = tuple(sorted(month for month in changed if month is not None))
    return Comparison(rows, months, is_whole=None in changed or (bool(changed) and not stored))


def forget_months(writer: Writer, views: Iterable[str]) -> None:
    """Know nothing of these views any more."""
    writer.execute(_FORGET, {"views": list(views)})


def _found(writer: Writer, view: str) -> Months:
    month = _MONTH if writer.rows(_HAS_DAYS, {"view": f"dashboard.{view}"}) else "NULL::date"
    return _by_month(writer.rows(_FOUND.format(month=month, view=view)))


def _found_of(writer: Writer, view: str, days: Iterable[date], stored: Months) -> Months:
    months = {day.replace(day=1) for day in days}
    looked_at = _by_month(writer.rows(_FOUND_OF.format(view=view), {"months": sorted(months)}))
    return {month: known for month, known in stored.items() if month not in months} | looked_at


def _stored(writer: Writer, view: str) -> Months:
    return _by_month(writer.rows(_STORED, {"view": view}))


def _by_month(rows: Iterable[tuple[date | None, int, Decimal]]) -> Months:
    return {month: (count, checksum) for month, count, checksum in rows}


def _store(writer: Writer, view: str, found: Months) -> None:
    counts, checksums = [count for count, _ in found.values()], [checksum for _, checksum in found.values()]
    writer.execute(_STORE, {"view": view, "months": list(found), "rows": counts, "checksums": checksums})
