"""The materialized views: building them from their files, and filling them anew."""

import time
from collections.abc import Iterable
from dataclasses import dataclass

from dashboard.catalogue import View, catalogue
from dashboard.database import Writer
from dashboard.versions import bump, shut_out_readers

PEOPLE = "people"  # the table that numbers them, as the views that read it name it

# One refresher at a time, in all processes; released at the end of the transaction.
_LOCK = "SELECT pg_advisory_xact_lock(hashtext('daybook refresh'))"
_BUILT = """
SELECT relname, obj_description(pg_class.oid)
FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
WHERE nspname = 'dashboard' AND relkind = 'm'
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
_RECORD = """
INSERT INTO dashboard.refreshes (view, reason, duration_seconds, rows)
VALUES (%(view)s, %(reason)s, %(duration_seconds)s, %(rows)s)
"""


@dataclass(frozen=True, slots=True)
class Refresh:
    """One view filled anew."""

    view: str
    reason: str
    duration_seconds: float
    rows: int


def refresh_views(
    writer: Writer, *, reason: str, views: Iterable[View] | None = None, sources: Iterable[str] = ()
) -> list[Refresh]:
    """Fill views and those that read them anew, in the caller's transaction; by default all.

    ``sources`` are relations that changed besides the views. They and the views get a new version with the
    commit, so a reader sees either the old rows under the old version or the new ones under the new.
    """
    writer.execute(_LOCK)
    known = catalogue()
    views = known.views if views is None else known.reading({view.name for view in views})
    # Readers go on beside a concurrent refresh. A plain one takes a quarter of the time, and so fills views that
    # have nothing to show yet.
    concurrently = "CONCURRENTLY" if any(_has_rows(writer, view) for view in views) else ""
    if views and not concurrently:
        shut_out_readers(writer)
    numbered = _number_people(writer, views)
    done = [_refresh(writer, view, reason, concurrently) for view in views]
    bump(writer, [*(view.name for view in views), *numbered, *sources])
    return done


def _number_people(writer: Writer, views: Iterable[View]) -> list[str]:
    """Number the people without a number, if one of the views reads the numbers; the table, if it changed."""
    is_read = any(PEOPLE in view.reads for view in views)
    return [PEOPLE] if is_read and writer.execute(_NUMBER) else []


def _has_rows(writer: Writer, view: View) -> bool:
    return bool(writer.rows(f"SELECT FROM dashboard.{view.name} LIMIT 1"))


def _refresh(writer: Writer, view: View, reason: str, concurrently: str) -> Refresh:
    started = time.perf_counter()
    relation = f"dashboard.{view.name}"
    writer.execute(f"REFRESH MATERIALIZED VIEW {concurrently} {relation}")
    writer.execute(f"ANALYZE {relation}")
    [(rows,)] = writer.rows(f"SELECT count(*) FROM {relation}")  # noqa: S608 - a catalogue name
    duration_seconds = time.perf_counter() - started
    writer.execute(
        _RECORD, {"view": view.name, "reason": reason, "duration_seconds": duration_seconds, "rows": rows}
    )
    return Refresh(view.name, reason, duration_seconds, rows)


def build_views(writer: Writer) -> list[str]:
    """Make the views whose definition is new or changed, and drop those without a file; names of both.

    A view that reads a changed one is made again too. Each view's comment ends with the fingerprint of its
    definition. Only where there is something to do does this wait for readers or a refresh to end.
    """
    if not any(_outdated(writer)):
        return []
    writer.execute(_LOCK)
    shut_out_readers(writer)
    doomed, stale = _outdated(writer)
    if doomed:
        writer.execute(f"DROP MATERIALIZED VIEW {', '.join(f'dashboard.{name}' for name in doomed)}")
    numbered = _number_people(writer, stale)
    for view in stale:
        _build(writer, view)
    if stale:
        bump(writer, [*(view.name for view in stale), *numbered])
    return sorted({*doomed, *(view.name for view in stale)})


def _outdated(writer: Writer) -> tuple[list[str], tuple[View, ...]]:
    """Names of the views to drop, and the views to make."""
    built = {name: comment or "" for name, comment in writer.rows(_BUILT)}
    known = catalogue()
    changed = {view.name for view in known.views if not built.get(view.name, "").endswith(_mark(view))}
    stale = known.reading(changed)
    ours = {name for name, comment in built.items() if "[definition " in comment}
    doomed = ours - {view.name for view in known.views} | built.keys() & {view.name for view in stale}
    return sorted(doomed), stale


def _build(writer: Writer, view: View) -> None:
    for statement in view.statements:
        writer.execute(statement)
    comment = f"{view.title} {_mark(view)}".replace("'", "''")
    writer.execute(f"COMMENT ON MATERIALIZED VIEW dashboard.{view.name} IS '{comment}'")
    writer.execute(f"ANALYZE dashboard.{view.name}")


def _mark(view: View) -> str:
    return f"[definition {view.definition}]"
