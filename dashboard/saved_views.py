"""The table of saved views: addresses of pages that people gave a name."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from dashboard.database import Database, Writer
from dashboard.errors import NameTaken, ViewError
from dashboard.parts import asked, begin

PAGES = ("/", "/sales", "/explore", "/products", "/customers", "/reports")
"""Paths of the pages that can be saved: their address says all that they show."""
LONGEST = 80
"""Characters of a name."""
MOST = 200
"""Views of a page."""
MOST_CHARACTERS = 8_000
"""Of an address, as it is stored. Servers and browsers take about as many."""

Query = Mapping[str, Sequence[str]]
"""Parameters of an address: names to all values."""

_PATIENCE = "SET LOCAL lock_timeout = '2s'"
_ALONE = "SELECT pg_advisory_xact_lock(hashtext('daybook saved views'))"
_NAMED = "SELECT view_id FROM dashboard.saved_views WHERE page = %(page)s AND name = %(name)s"
_COUNT = "SELECT count(*) FROM dashboard.saved_views WHERE page = %(page)s"
_SAVE = """
INSERT INTO dashboard.saved_views (page, name, query) VALUES (%(page)s, %(name)s, %(query)s) RETURNING view_id
"""
_AS_SEEN = "WHERE view_id = %(view_id)s AND updated_at = %(updated_at)s"
_CHANGE = f"""
UPDATE dashboard.saved_views SET name = %(name)s, query = %(query)s, updated_at = clock_timestamp() {_AS_SEEN}
"""  # noqa: S608 - a constant
_DELETE = f"DELETE FROM dashboard.saved_views {_AS_SEEN}"  # noqa: S608 - likewise


@dataclass(frozen=True, slots=True)
class SavedView:
    """One as it was read; it may have been changed since ``updated_at``."""

    view_id: int
    page: str
    name: str
    query: Query
    updated_at: datetime


def listed(database: Database, page: str) -> tuple[SavedView, ...]:
    """The views of a page, by name, as they are at this moment. Raises DatabaseError."""
    with database.snapshot() as snapshot:
        begin(snapshot)
        rows = asked(snapshot, "ops/saved_views", page=page).to_dicts()
    return tuple(SavedView(**row | {"query": json.loads(row["query"])}) for row in rows)


def save(database: Database, page: str, name: str, query: Query) -> int:
    """Give an address a name; the number of the new view.

    Raises NameTaken, ViewError for what can't be saved, and DatabaseError.
    """
    if page not in PAGES:
        raise ViewError(f"Views of {page} can't be saved, only of {', '.join(PAGES)}.")
    values = {"page": page, "name": _readable(name), "query": _stored(query)}
    with _alone(database) as writer:
        _refuse_taken(writer, values)
        [(number,)] = writer.rows(_COUNT, values)
        if number >= MOST:
            raise ViewError(f"This page has {number} views, and can't have more. Delete one of them first.")
        [(view_id,)] = writer.rows(_SAVE, values)
    return int(view_id)


def replace(database: Database, view: SavedView, query: Query) -> None:
    """Let a view stand for another address. Raises ViewError, also if it is not as it was seen, and DatabaseError."""
    _change(database, view, view.name, query)


def rename(database: Database, view: SavedView, name: str) -> None:
    """Raises NameTaken, ViewError, also if it is not as it was seen, and DatabaseError."""
    _change(database, view, name, view.query)


def delete(database: Database, view: SavedView) -> None:
    """For good. Raises ViewError if it is not as it was seen, and DatabaseError."""
    with _alone(database) as writer:
        _as_seen(writer.execute(_DELETE, {"view_id": view.view_id, "updated_at": view.updated_at}))


def _change(database: Database, view: SavedView, name: str, query: Query) -> None:
    values = {
        "view_id": view.view_id,
        "updated_at": view.updated_at,
        "page": view.page,
        "name": _readable(name),
        "query": _stored(query),
    }
    with _alone(database) as writer:
        if values["name"] != view.name:
            _refuse_taken(writer, values)
        _as_seen(writer.execute(_CHANGE, values))


@contextmanager
def _alone(database: Database) -> Iterator[Writer]:
    """One who saves at a time: names and numbers stay as they were counted. A click waits two seconds at most."""
    with database.writer() as writer:
        writer.execute(_PATIENCE)
        writer.execute(_ALONE)
        yield writer


def _refuse_taken(writer: Writer, values: Mapping[str, object]) -> None:
    if rows := writer.rows(_NAMED, values):
        raise NameTaken(str(values["name"]), rows[0][0])


def _as_seen(touched: int) -> None:
    if not touched:
        raise ViewError(
            "Somebody changed or deleted this view meanwhile. Look at it as it is now, then try again."
        )


def _readable(name: str) -> str:
    """The name in one line. Raises ViewError."""
    line = " ".join(name.split())
    if not line:
        raise ViewError("A view needs a name. Write one, then save.")
    if len(line) > LONGEST:
        raise ViewError(f"A name has at most {LONGEST} characters, and this one has {len(line)}. Shorten it.")
    if not line.isprintable():
        raise ViewError(
            "This name holds characters that can't be seen. Write it with letters, digits and signs."
        )
    return line


def _stored(query: Query) -> str:
    """The address as JSON. Raises ViewError."""
    text = json.dumps({name: list(values) for name, values in query.items()}, ensure_ascii=False)
    if len(text) > MOST_CHARACTERS:
        raise ViewError(
            f"This address has {len(text):,} characters, and at most {MOST_CHARACTERS:,} can be saved. "
            "Filter by fewer members."
        )
    if any("\0" in said for name, values in query.items() for said in (name, *values)):
        raise ViewError("The address holds a character that can't be saved. Choose the filters anew.")
    return text
