"""Saved views in the head of pages: saving, opening, changing and deleting them, and what is in the way."""

from collections.abc import Callable
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from dashboard import app, saved_views
from dashboard.saved_views import SavedView
from dashboard.settings import ROOT
from tests.pages.conftest import OpenPage, Show, go
from tests.pages.test_pages import let_in

OpenViews = Callable[..., AppTest]

WEEK = {"range": ["7d"], "compare": ["none"], "grain": ["auto"]}
STRANGE = "<b>bold</b> **x** [a](b) `y` :smile: $z$"


@pytest.fixture
def open_views(open_page: OpenPage, show: Show, own_shop_url: str) -> OpenViews:
    """Open a page of a shop of the test's own, and the list of its views."""
    show(own_shop_url)

    def open_views(name: str = "sales", **query: str) -> AppTest:
        return unfold(open_page(name, **{"range": "7d", "compare": "none", **query}))

    return open_views


def unfold(page: AppTest) -> AppTest:
    page.session_state["views"] = True
    return page.run()


def views(page: str = "/sales") -> list[SavedView]:
    return [*saved_views.listed(app.process_data().database, page)]


def save(page: AppTest, name: str) -> AppTest:
    page.text_input(key="name of the view").input(name)
    return press(page, "Save")


def press(page: AppTest, label: str) -> AppTest:
    [button] = [button for button in page.button if button.label == label]
    return button.click().run()


def press_key(page: AppTest, key: str) -> AppTest:
    return page.button(key=key).click().run()


def listed(page: AppTest) -> list[str]:
    return [button.label.replace("\\", "") for button in page.button if "open view" in str(button.key)]


def address(page: AppTest) -> dict[str, list[str]]:
    return {
        name: said if isinstance(said, list) else [said] for name, said in dict(page.query_params).items()
    }


def said(page: AppTest) -> str:
    return " ".join(text.value for text in (*page.caption, *page.markdown)).replace("\\", "")


def errors(page: AppTest) -> list[str]:
    assert not page.exception
    return [error.value.replace("\\", "") for error in page.error]


def test_address_is_saved_as_it_stands_but_for_what_is_nobody_elses(open_views: OpenViews) -> None:
    page = open_views(state=["SP", "RJ"], view="breakdown", of="status", orders="2025-03-14~x", saved="77")
    assert "Nobody saved a view of this page yet." in said(page)
    save(page, " Weekly  board ")
    assert errors(page) == []
    [view] = views()
    assert (view.name, view.query) == (
        "Weekly board",
        WEEK | {"state": ["SP", "RJ"], "view": ["breakdown"], "of": ["status"]},
    )
    assert listed(page) == ["Weekly board"]
    assert page.text_input(key="name of the view").value == ""
    assert address(page)["saved"] == [str(view.view_id)]


def test_opening_a_view_sets_the_whole_address_and_closes_the_list(open_views: OpenViews) -> None:
    page = save(open_views(state="SP"), "South")
    number = views()[0].view_id
    page = unfold(go(page, "sales", range="90d", category="toys", measure="orders"))
    assert listed(page) == ["South"]
    press_key(page, f"open view {number}")
    assert errors(page) == []
    assert address(page) == WEEK | {"state": ["SP"], "saved": [str(number)]}
    assert page.selectbox(key="range").value == "7d"
    assert listed(page) == []
    assert "**13–19 Mar 2025**" in page.caption[0].value


def test_view_that_is_open_is_marked_and_that_it_was_changed_is_said(open_views: OpenViews) -> None:
    page = save(save(open_views(), "Other"), "Week")
    number = views()[1].view_id
    marked = [button.icon for button in page.button if "open view" in str(button.key)]
    assert marked == [":material/bookmark:", ":material/check:"]
    page.selectbox(key="range").select("90d").run()
    assert listed(page) == ["Other", "Week :gray[:small[changed since]]"]
    press_key(page, f"replace view {number}")
    assert "Replace **Week** by what the page shows?" in said(page)
    press(page, "Keep")
    assert views()[1].query == WEEK
    press(press_key(page, f"replace view {number}"), "Replace")
    assert views()[1].query == WEEK | {"range": ["90d"]}
    assert listed(page) == ["Other", "Week"]


def test_address_wins_over_the_view_that_it_names(open_views: OpenViews) -> None:
    save(open_views(range="90d"), "Quarter")
    page = open_views(saved=str(views()[0].view_id))
    assert page.selectbox(key="range").value == "7d"
    assert listed(page) == ["Quarter :gray[:small[changed since]]"]


def test_taken_name_is_replaced_only_when_that_is_confirmed(open_views: OpenViews) -> None:
    save(open_views(range="90d"), "Board")
    page = save(open_views(), "Board")
    assert "This page has a view Board already." in errors(page)[0]
    assert views()[0].query == WEEK | {"range": ["90d"]}
    assert page.text_input(key="name of the view").value == "Board"
    press(page, "Replace")
    assert errors(page) == []
    assert views()[0].query == WEEK
    assert page.text_input(key="name of the view").value == ""


def test_view_is_renamed(open_views: OpenViews) -> None:
    page = save(open_views(), "Board")
    number = views()[0].view_id
    press_key(page, f"rename view {number}")
    page.text_input(key=f"other name of view {number}").input("Team")
    press(page, "Rename")
    assert errors(page) == []
    assert listed(page) == ["Team"]
    assert address(page)["saved"] == [str(number)]


def test_deleting_is_asked_twice_and_ends_the_mark(open_views: OpenViews) -> None:
    page = save(open_views(), "Board")
    number = views()[0].view_id
    press(press_key(page, f"delete view {number}"), "Keep")
    assert listed(page) == ["Board"]
    press_key(page, f"delete view {number}")
    assert "Delete **Board** for good?" in said(page)
    press(page, "Delete")
    assert errors(page) == []
    assert views() == []
    assert "saved" not in address(page)


def test_question_is_forgotten_when_the_list_is_closed(open_views: OpenViews) -> None:
    page = save(open_views(), "Board")
    press_key(page, f"delete view {views()[0].view_id}")
    page.session_state["views"] = False
    assert listed(unfold(page.run())) == ["Board"]


def test_what_somebody_else_deleted_is_said(open_views: OpenViews) -> None:
    page = save(open_views(), "Board")
    press_key(page, f"delete view {views()[0].view_id}")
    saved_views.delete(app.process_data().database, views()[0])
    press(page, "Delete")
    assert "changed or deleted this view meanwhile" in errors(page)[0]
    assert listed(page) == []


@pytest.mark.parametrize("name", ["", "a\x07b"])
def test_name_that_can_not_be_read_is_refused_in_words(open_views: OpenViews, name: str) -> None:
    [error] = errors(save(open_views(), name))
    assert "name" in error
    assert views() == []


def test_name_is_no_markup(open_views: OpenViews) -> None:
    page = save(open_views(), STRANGE)
    number = views()[0].view_id
    label = page.button(key=f"open view {number}").label
    assert "\\<b\\>bold" in label
    assert "\\*\\*x\\*\\*" in label
    press_key(page, f"delete view {number}")
    [question] = [text.value for text in page.markdown if text.value.startswith("Delete")]
    assert "\\<b\\>bold" in question


@pytest.mark.usefixtures("shown")
def test_closed_list_reads_nothing(open_page: OpenPage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saved_views, "listed", lambda *_: pytest.fail("it was read"))
    assert errors(open_page("sales")) == []


def test_while_the_database_is_away_the_list_says_so_and_the_page_lives(
    open_views: OpenViews, own_shop_url: str, server: str
) -> None:
    page = open_views()
    let_in(server, own_shop_url, False)
    [error] = errors(page.run())
    assert "PostgreSQL does not answer" in error
    assert page.get("plotly_chart")
    let_in(server, own_shop_url, True)
    assert errors(page.run()) == []


@pytest.mark.usefixtures("shown")
@pytest.mark.parametrize("path", sorted((ROOT / "pages").glob("*/*.py")), ids=lambda path: path.stem)
def test_pages_for_business_but_for_that_of_one_customer_have_views(open_page: OpenPage, path: Any) -> None:
    page = unfold(open_page(path.stem))
    has_views = path.parent.name == "business" and path.stem != "customer"
    assert ("name of the view" in {field.key for field in page.text_input}) == has_views
