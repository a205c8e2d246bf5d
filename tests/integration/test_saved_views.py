"""Saved views on a real PostgreSQL: their names and bounds, and people who change the same one at once."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest

from dashboard import saved_views
from dashboard.database import Database
from dashboard.errors import DatabaseError, NameTaken, ViewError
from dashboard.saved_views import LONGEST, MOST_CHARACTERS, PAGES, SavedView

Admin = Callable[..., list[tuple[Any, ...]]]

QUERY = {"range": ["28d"], "state": ["SP", "RJ"], "category": ["<b>$x$</b> & \\u0000 …"], "by": [""]}
PEOPLE = 8


def names(database: Database, page: str = "/sales") -> list[str]:
    return [view.name for view in saved_views.listed(database, page)]


def only(database: Database, page: str = "/sales") -> SavedView:
    [view] = saved_views.listed(database, page)
    return view


def at_once(action: Callable[[int], object]) -> list[object]:
    """What becomes of it when several people do it: results and errors."""

    def outcome(number: int) -> object:
        try:
            return action(number)
        except ViewError as error:
            return type(error)

    with ThreadPoolExecutor(PEOPLE) as pool:
        return list(pool.map(outcome, range(PEOPLE)))


def test_view_is_read_as_it_was_saved(database: Database) -> None:
    number = saved_views.save(database, "/sales", "  Weekly \n board ", QUERY)
    view = only(database)
    assert (view.view_id, view.page, view.name, view.query) == (number, "/sales", "Weekly board", QUERY)


@pytest.mark.parametrize("page", PAGES)
def test_views_are_those_of_a_page_by_name(database: Database, page: str) -> None:
    for name in ("b", "Á", "a", "C"):
        saved_views.save(database, page, name, QUERY)
    assert set(names(database, page)) == {"a", "b", "C", "Á"}
    assert [name for name in names(database, page) if name.isascii()] == ["a", "b", "C"]
    assert [names(database, other) for other in PAGES if other != page] == [[]] * (len(PAGES) - 1)


def test_same_name_is_free_on_another_page(database: Database) -> None:
    assert saved_views.save(database, "/", "Board", {}) != saved_views.save(database, "/sales", "Board", {})


def test_taken_name_is_said_with_the_view_that_has_it(database: Database) -> None:
    number = saved_views.save(database, "/sales", "Board", QUERY)
    with pytest.raises(NameTaken, match="This page has a view Board already") as taken:
        saved_views.save(database, "/sales", " Board", {})
    assert taken.value.view_id == number
    assert only(database).query == QUERY


@pytest.mark.parametrize(
    "name", ["x" * LONGEST, "é", "<script>alert(1)</script>", "'; DROP TABLE x; --", "%s", "👍🏽"]
)
def test_name_is_kept_whatever_it_says(database: Database, name: str) -> None:
    saved_views.save(database, "/", name, {})
    assert names(database, "/") == [name]


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("", "needs a name"),
        (" \n\t ", "needs a name"),
        ("x" * (LONGEST + 1), "at most 80 characters, and this one has 81"),
        ("a\0b", "can't be seen"),
        ("a\x07b", "can't be seen"),
        ("a\u202eb", "can't be seen"),
        ("a\ud800b", "can't be seen"),
    ],
)
def test_name_that_can_not_be_read_is_refused(database: Database, name: str, problem: str) -> None:
    with pytest.raises(ViewError, match=problem):
        saved_views.save(database, "/", name, {})
    saved_views.save(database, "/", "Board", {})
    with pytest.raises(ViewError, match=problem):
        saved_views.rename(database, only(database, "/"), name)
    assert names(database, "/") == ["Board"]


@pytest.mark.parametrize("page", ["", "sales", "/freshness", "/customer", "/x"])
def test_unknown_page_is_refused(database: Database, page: str) -> None:
    with pytest.raises(ViewError, match="can't be saved, only of /, /sales"):
        saved_views.save(database, page, "Board", {})


def test_address_is_bounded_and_holds_text_only(database: Database, admin: Admin) -> None:
    saved_views.save(database, "/", "long", {"state": ["x" * (MOST_CHARACTERS - 20)]})
    with pytest.raises(ViewError, match="at most 8,000 can be saved"):
        saved_views.save(database, "/", "longer", {"state": ["x" * MOST_CHARACTERS]})
    with pytest.raises(ViewError, match="a character that can't be saved"):
        saved_views.save(database, "/", "nul", {"state": ["\0"]})
    for query in ("[]", '{"a": "b"}', '{"a": [1]}', '{"a": [["b"]]}', '{"a": null}'):
        with pytest.raises(psycopg.errors.CheckViolation):
            admin(f"INSERT INTO dashboard.saved_views (page, name, query) VALUES ('/', 'x', '{query}')")


def test_page_has_so_many_views_at_most(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saved_views, "MOST", 3)
    outcomes = at_once(lambda number: saved_views.save(database, "/", f"view {number}", {}))
    assert outcomes.count(ViewError) == PEOPLE - 3
    assert len(names(database, "/")) == 3
    saved_views.save(database, "/sales", "elsewhere", {})
    saved_views.delete(database, saved_views.listed(database, "/")[0])
    saved_views.save(database, "/", "again", {})


def test_of_several_who_save_a_name_at_once_one_wins_and_the_others_are_told(database: Database) -> None:
    outcomes = at_once(lambda number: saved_views.save(database, "/", "Board", {"by": [str(number)]}))
    assert outcomes.count(NameTaken) == PEOPLE - 1
    [winner] = [number for number, outcome in enumerate(outcomes) if outcome is not NameTaken]
    assert only(database, "/").query == {"by": [str(winner)]}


def test_of_several_who_change_a_view_at_once_one_wins_and_the_others_are_told(database: Database) -> None:
    saved_views.save(database, "/", "Board", {})
    seen = only(database, "/")
    outcomes = at_once(lambda number: saved_views.replace(database, seen, {"by": [str(number)]}))
    assert outcomes.count(ViewError) == PEOPLE - 1
    assert only(database, "/").query == {"by": [str(outcomes.index(None))]}
    for late in (saved_views.delete, lambda *of: saved_views.rename(*of, "Other")):
        with pytest.raises(ViewError, match="changed or deleted this view meanwhile"):
            late(database, seen)
    assert only(database, "/").name == "Board"


def test_view_is_renamed_replaced_and_deleted(database: Database, admin: Admin) -> None:
    saved_views.save(database, "/", "Board", QUERY)
    saved_views.save(database, "/", "Other", {})
    board = saved_views.listed(database, "/")[0]
    with pytest.raises(NameTaken, match="Other"):
        saved_views.rename(database, board, "Other")
    saved_views.rename(database, board, " Team ")
    assert names(database, "/") == ["Other", "Team"]
    team = saved_views.listed(database, "/")[1]
    assert (team.view_id, team.query) == (board.view_id, QUERY)
    assert team.updated_at > board.updated_at
    saved_views.replace(database, team, {"range": ["7d"]})
    team = saved_views.listed(database, "/")[1]
    assert team.query == {"range": ["7d"]}
    saved_views.delete(database, team)
    assert names(database, "/") == ["Other"]
    assert admin("SELECT count(*) FROM dashboard.saved_views") == [(1,)]


def test_who_holds_the_table_keeps_nobody_waiting(database: Database, database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute("LOCK TABLE dashboard.saved_views IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(DatabaseError, match="Try again in a moment"):
            saved_views.save(database, "/", "Board", {})
        with pytest.raises(DatabaseError):
            saved_views.listed(database, "/")
    saved_views.save(database, "/", "Board", {})
    assert names(database, "/") == ["Board"]
