"""The System page: in its usual state, in trouble, and while parts of it are in trouble."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from streamlit.testing.v1 import AppTest

from dashboard.database import Database
from dashboard.telemetry import Traffic, beating
from tests.pages.conftest import OpenPage, Show, settings_for
from tests.pages.test_freshness import titles
from tests.pages.test_pages import let_in
from tests.reads import Admin
from tests.servers import free_port, wait_until

CARDS = ["Requests", "Runs of pages", "Pools", "Versions", "Settings"]
COUNTED = "SELECT process FROM dashboard.processes WHERE reruns::text LIKE '%/explore%'"
STRANGE = "<b>bold</b> **x** [a](b) `y` :smile: $z$"
LATE = """
INSERT INTO dashboard.processes SELECT (jsonb_populate_record(one, jsonb_build_object(
    'process', 'gone', 'kind', 'worker', 'pid', 7, 'host', %s::text, 'heard_at', now() - interval '5 minutes'
))).* FROM dashboard.processes AS one
"""
LATER = """
INSERT INTO dashboard.processes SELECT (jsonb_populate_record(one, jsonb_build_object(
    'process', 'again', 'heard_at', now(), 'started_at', now() - interval '1 minute'
))).* FROM dashboard.processes AS one WHERE process = 'gone'
"""
UNKNOWN = "Not known, since what the processes tell can't be read."


@pytest.fixture
def page(
    open_page: OpenPage, show: Show, own_shop_url: str, admin: Admin, tmp_path: Path
) -> Iterator[AppTest]:
    """The page of a shop whose one server is well."""
    show(own_shop_url)
    settings = settings_for(own_shop_url, tmp_path / "other", heartbeat_seconds=0.1)
    database, traffic = Database(own_shop_url, settings), Traffic()
    traffic.requests.record(("/sales", "GET", "200"), 0.02)
    traffic.reruns.record(("/explore",), 0.3)
    with beating("server", "this", database, settings, traffic):
        wait_until(lambda: bool(admin(COUNTED)), "the server is heard of")
        yield open_page("system")
    database.close()


def test_all_is_well_then_one_is_lost_and_its_name_is_no_markup(page: AppTest, admin: Admin) -> None:
    assert not page.exception
    assert not page.error
    [verdict] = page.success
    assert "The one process runs well" in verdict.value
    assert titles(page)[1:] == CARDS
    assert len(page.get("plotly_chart")) == 2
    assert {metric.label: metric.value for metric in page.metric}["Requests"] == "1"
    requests, reruns, pools, versions, settings = (table.value for table in page.dataframe)
    assert requests.iloc[0].tolist()[:4] == ["/sales", "GET", "200", 1]
    assert reruns.iloc[0]["page"] == "/explore"
    assert "statements" in pools["pool"].tolist()
    assert versions.iloc[0].tolist()[0] == "PostgreSQL"
    assert settings.iloc[0].tolist()[:3] != []
    assert "hunter2" not in str(settings)

    admin(LATE.replace("%s", f"'{STRANGE}'"))
    page.run()
    assert not page.exception
    [warning] = page.warning
    assert "went silent" in warning.value
    assert STRANGE not in warning.value
    assert len([block for block in page.markdown if "silent" in block.value]) == 1

    admin(LATER)  # it was killed, and started again since
    page.run()
    assert "2 processes run well" in page.success[0].value
    assert not [block for block in page.markdown if "silent" in block.value]


def test_without_the_right_the_rest_lives(page: AppTest, admin: Admin) -> None:
    admin("REVOKE SELECT ON dashboard.processes FROM daybook_reader")
    page.run()
    assert not page.exception
    [error] = page.error
    assert "lacks a right" in error.value
    assert titles(page) == CARDS
    assert len(page.dataframe) == 2  # versions and settings
    assert said(page).count(UNKNOWN) == 3  # not that nothing was asked


def test_while_somebody_locks_what_the_processes_tell(page: AppTest, own_shop_url: str) -> None:
    with psycopg.connect(own_shop_url) as other:
        other.execute("LOCK TABLE dashboard.processes IN ACCESS EXCLUSIVE MODE")
        page.run()
        other.rollback()
    assert not page.exception
    [error] = page.error
    assert "Somebody holds what this needs" in error.value
    assert titles(page) == CARDS
    assert page.dataframe[0].value.iloc[0].tolist()[0] == "PostgreSQL"


def said(page: AppTest) -> list[str]:
    return [caption.value.replace("\\", "") for caption in page.caption]


def test_nobody_has_given_a_sign(open_page: OpenPage, show: Show, database_url: str) -> None:
    show(database_url)
    page = open_page("system")
    assert not page.exception
    assert "No server has given a sign of life" in page.info[0].value
    assert "There were no requests in the last hour." in said(page)


def test_on_a_database_that_never_answered(open_page: OpenPage, show: Show) -> None:
    show(f"postgresql://nobody@127.0.0.1:{free_port()}/none")
    page = open_page("system")
    assert not page.exception
    [error] = page.error
    assert "Check that it runs" in error.value


def test_while_the_database_is_away(page: AppTest, own_shop_url: str, server: str) -> None:
    let_in(server, own_shop_url, False)
    page.run()
    assert not page.exception
    [error] = page.error
    assert "PostgreSQL does not answer" in error.value
    assert titles(page) == CARDS
    assert "DASHBOARD_DATA_DIR" in page.dataframe[-1].value["setting"].tolist()
    let_in(server, own_shop_url, True)
    assert not page.run().error
