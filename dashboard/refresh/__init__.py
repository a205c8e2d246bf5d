"""The materialized views: building them from their files, and filling them anew."""

from collections.abc import Iterable

from dashboard.catalogue import View, catalogue
from dashboard.changes import settle
from dashboard.database import Writer
from dashboard.refresh.building import build_views
from dashboard.refresh.filling import PEOPLE, Refresh, fill, has_rows, number_people, tables_read, take
from dashboard.refresh.pending import refresh_pending
from dashboard.refresh.publishing import publish, state_seen
from dashboard.versions import shut_out_readers

__all__ = ["PEOPLE", "Refresh", "build_views", "refresh_pending", "refresh_views"]


def refresh_views(
    writer: Writer, *, reason: str, views: Iterable[View] | None = None, sources: Iterable[str] = ()
) -> list[Refresh]:
    """Fill views and those that read them anew, in the caller's transaction; by default all.

    ``sources`` are relations that changed besides the views. They and the months that changed get a new version
    with the commit, so a reader sees either the old rows under the old version or the new ones under the new.
    """
    known = catalogue()
    views = known.views if views is None else known.reading({view.name for view in views})
    take(writer, tables_read(writer, views))
    seen = state_seen(writer)
    # Readers go on beside a concurrent refresh. A plain one takes a quarter of the time, and so fills views that
    # have nothing to show yet.
    is_concurrent = any(has_rows(writer, view) for view in views)
    if views and not is_concurrent:
        shut_out_readers(writer)
    numbered = number_people(writer, views)
    done = [fill(writer, view, reason, is_concurrent=is_concurrent) for view in views]
    settle(writer, views)
    publish(writer, done, seen, [*numbered, *sources])
    return done
