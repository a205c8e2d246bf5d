"""Making the materialized views as their files say."""

import time
from itertools import groupby
from operator import itemgetter

from dashboard.catalogue import View, catalogue
from dashboard.database import Writer
from dashboard.refresh.filling import Refresh, filled, number_people, tables_read, take
from dashboard.refresh.months import forget_months
from dashboard.refresh.publishing import publish, state_seen
from dashboard.versions import shut_out_readers

_BUILT = """
SELECT relname, CASE relkind WHEN 'm' THEN 'MATERIALIZED VIEW' ELSE 'TABLE' END,
    coalesce(obj_description(pg_class.oid, 'pg_class'), '')
FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
WHERE nspname = 'dashboard' AND relkind IN ('m', 'r')
"""
_NONE = ("", "")
_FORGET = "DELETE FROM dashboard.view_states WHERE view = ANY (%(views)s::text[])"


def build_views(writer: Writer) -> list[str]:
    """Make the views whose definition is new or changed, and drop those without a file; names of both.

    A view that reads a changed one is made again too. Each view's comment ends with the fingerprint of its
    definition. Only where there is something to do does this wait for readers or a refresh to end.
    """
    if not any(_outdated(writer)):
        return []
    take(writer, tables_read(writer, catalogue().views))
    shut_out_readers(writer)
    doomed, stale = _outdated(writer)
    if doomed:
        _drop(writer, doomed)
    seen = state_seen(writer)
    numbered = number_people(writer, stale)
    built = [_build(writer, view) for view in stale]
    # Their columns may be others, too.
    publish(writer, built, seen, [*(view.name for view in stale), *numbered])
    return sorted({*(name for _, name in doomed), *(view.name for view in stale)})


def _outdated(writer: Writer) -> tuple[list[tuple[str, str]], tuple[View, ...]]:
    """What to drop, as pairs of kind and name, and the views to make."""
    built = {name: (kind, comment) for name, kind, comment in writer.rows(_BUILT)}
    known = catalogue()
    changed = {view.name for view in known.views if not built.get(view.name, _NONE)[1].endswith(_mark(view))}
    stale = known.reading(changed)
    ours = {name for name, (_, comment) in built.items() if "[definition " in comment}
    doomed = ours - {view.name for view in known.views} | built.keys() & {view.name for view in stale}
    return sorted((built[name][0], name) for name in doomed), stale


def _drop(writer: Writer, doomed: list[tuple[str, str]]) -> None:
    for kind, of_kind in groupby(doomed, key=itemgetter(0)):
        writer.execute(f"DROP {kind} {', '.join(f'dashboard.{name}' for _, name in of_kind)}")
    names = [name for _, name in doomed]
    writer.execute(_FORGET, {"views": names})
    forget_months(writer, names)


def _build(writer: Writer, view: View) -> Refresh:
    started = time.perf_counter()
    for statement in view.statements:
        writer.execute(statement)
    comment = f"{view.title} {_mark(view)}".replace("'", "''")
    writer.execute(f"COMMENT ON {view.kind} dashboard.{view.name} IS '{comment}'")
    return filled(writer, view, "build", started)


def _mark(view: View) -> str:
    return f"[definition {view.definition}]"
