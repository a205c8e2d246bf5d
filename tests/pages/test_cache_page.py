"""The operators' page of the cache: usual, in trouble, and what its buttons do once they are confirmed."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from dashboard import app
from tests import servers
from tests.pages.conftest import OpenPage, Show
from tests.pages.test_freshness import titles
from tests.pages.test_pages import let_in
from tests.reads import Admin
from tests.servers import free_port

PARTS = ["Where answers came from", "By query", "Why reads missed", "How long readers waited"]
WHAT_IF, LEVELS = "What if answers lived longer, or shorter", ["Memory of this process", "Disk"]
FILE, SERVER = "What the file tells", "What the servers tell"
ACTIONS = "Invalidate or warm"
VERSION = "SELECT coalesce(max(version), 0) FROM dashboard.versions WHERE relation = 'business/daily_sales'"


@pytest.fixture
def page(open_page: OpenPage, show: Show, own_shop_url: str) -> AppTest:
    """The page after somebody has looked at another one, twice."""
    show(own_shop_url)
    open_page("overview")
    open_page("overview")
    statistics, database = app.process_data().statistics, app.process_data().database
    statistics.flush(database)
    statistics.recording.flush(database, is_last=True)
    return open_page("cache")


def said(page: AppTest) -> str:
    return "\n".join(block.value for block in (*page.caption, *page.markdown)).replace("\\", "")


def test_each_part_tells_of_what_was_read(page: AppTest, open_page: OpenPage) -> None:
    assert not page.exception
    assert not page.error
    assert page.subheader[0].value == "Cache"
    assert titles(page) == [*PARTS, WHAT_IF, *LEVELS, FILE, ACTIONS]
    [hits] = [metric.value for metric in page.metric if metric.label == "Hits"]
    assert hits.endswith("%")
    assert len(page.get("plotly_chart")) == 1
    queries, missed, waits, what_if, *_ = page.dataframe
    assert "business/daily_sales" in queries.value["query"].tolist()
    [why] = missed.value[missed.value["query"] == "business/daily_sales"].to_dict("records")
    assert sum(number for reason, number in why.items() if reason != "query") > 0
    assert {"memory", "database"} <= {*waits.value["source"]}
    assert what_if.value["lifetime"].tolist()[0] == "as set"
    week = open_page("cache", past="week")
    assert not week.exception
    assert "in the last week" in "".join(block.value for block in (*week.success, *week.info))


def test_nothing_is_done_before_it_is_confirmed(page: AppTest, admin: Admin) -> None:
    before = admin(VERSION)
    page.selectbox[0].select("business/daily_sales")
    press(page, "Invalidate")
    assert "Invalidate **business/daily_sales**?" in said(page)
    press(page, "Leave it")
    assert admin(VERSION) == before

    press(page, "Invalidate")
    press(page, "Yes, invalidate")
    assert not page.exception
    assert "business/daily_sales was made invalid" in said(page)
    assert admin(VERSION) > before

    assert page.selectbox[0].value == "business/daily_sales"
    press(page, "Warm")
    press(page, "Yes, warm")
    assert not page.exception
    assert "business/daily_sales was warmed:" in said(page)
    assert " 0 failed" in said(page)


def press(page: AppTest, label: str) -> None:
    [button] = [one for one in page.button if one.label == label]
    button.click().run()


def test_a_part_that_may_not_be_read_fails_alone(page: AppTest, admin: Admin) -> None:
    admin("REVOKE SELECT ON dashboard.recorded_reads FROM daybook_reader")
    page.run()
    [error] = page.error
    assert "lacks a right" in error.value
    assert titles(page) == [*PARTS, WHAT_IF, *LEVELS, FILE, ACTIONS]


def test_levels_are_told_while_the_database_is_away(page: AppTest, own_shop_url: str, server: str) -> None:
    let_in(server, own_shop_url, False)
    page.run()
    assert not page.exception
    [error] = page.error
    assert "PostgreSQL does not answer" in error.value
    assert titles(page) == [*LEVELS, FILE, ACTIONS]
    press(page, "Invalidate")
    press(page, "Yes, invalidate")
    assert not page.exception
    let_in(server, own_shop_url, True)
    page.run()
    assert not page.error


def test_without_a_read_and_without_redis(open_page: OpenPage, show: Show, database_url: str) -> None:
    show(database_url, REDIS_URL=f"redis://127.0.0.1:{free_port()}")
    page = open_page("cache")
    assert not page.exception
    assert "Redis does not answer" in page.error[0].value
    assert "Nobody read anything in the last hour" in page.info[0].value
    assert titles(page) == [*PARTS, WHAT_IF, LEVELS[0], "Redis", ACTIONS]


def test_redis_tells_of_itself(open_page: OpenPage, show: Show, shop_url: str, tmp_path: Path) -> None:
    arguments = ("--maxmemory", "50mb", "--maxmemory-policy", "allkeys-lru", "--slowlog-log-slower-than", "0")
    with servers.single(tmp_path / "valkey", *arguments) as server:
        show(shop_url, REDIS_URL=f"redis://127.0.0.1:{server.port}", redis_timeout_seconds=5.0)
        open_page("overview")
        page = open_page("cache")
        assert not page.exception
        assert titles(page) == [*PARTS, WHAT_IF, LEVELS[0], "Redis", SERVER, ACTIONS]
        *_, biggest, told, slow = (table.value for table in page.dataframe)
        assert all(biggest["age"])
        assert all(biggest["ends"])
        [redis] = told.to_dict("records")
        assert (redis["max_bytes"], redis["policy"]) == (50 * 1_048_576, "allkeys-lru")
        assert redis["ping_ms"] > 0
        assert redis["counted"]
        assert redis["clients"]
        assert len(slow) == 10
