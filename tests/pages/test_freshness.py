"""The freshness page: each of its parts in its usual state, in trouble, and while others are in trouble."""

from datetime import UTC, datetime
from types import SimpleNamespace

import psycopg
import pytest
from streamlit.testing.v1 import AppTest

from dashboard import ui
from dashboard.catalogue import catalogue
from tests.pages.conftest import OpenPage, Show
from tests.pages.test_pages import let_in
from tests.reads import Admin
from tests.servers import free_port

NAMES = [view.name for view in catalogue().views]
PARTS = ["Refreshes", "Jobs", "How changes are noticed"]
STRANGE = "<b>bold</b> **x** [a](b) `y` :smile: $z$"


@pytest.fixture
def page(open_page: OpenPage, show: Show, own_shop_url: str, admin: Admin) -> AppTest:
    """The page of a shop where all is well."""
    show(own_shop_url)
    admin("INSERT INTO procrastinate.procrastinate_workers DEFAULT VALUES")
    return open_page("freshness")


def titles(page: AppTest) -> list[str]:
    return [
        block.value.split("**")[1].replace("\\", "")
        for block in page.markdown
        if block.value.startswith("**")
    ]


def test_all_is_well(page: AppTest) -> None:
    assert not page.exception
    assert not page.error
    assert not page.warning
    assert page.subheader[0].value == "Freshness"
    [verdict] = page.success
    assert "All 8 views show every change" in verdict.value
    assert titles(page) == [*NAMES, *PARTS]
    assert [metric.value for metric in page.metric if metric.label == "Duration"]
    assert len(page.dataframe) == 2  # there was no job
    assert [caption.value for caption in page.caption] == ["There is no such job."]


def test_what_a_view_shows_is_told_in_words(page: AppTest) -> None:
    [sales] = [
        block.value for block in page.markdown if "Rows" in block.value and "19 Mar 2025" in block.value
    ][-1:]
    assert "Waiting] nothing" in sales
    assert "Next refresh] after a change, or in" in sales


def test_changes_wait(page: AppTest, admin: Admin) -> None:
    admin(
        "UPDATE shop.order_payments SET payment_value = payment_value + 1 WHERE order_id = "
        "(SELECT order_id FROM shop.orders ORDER BY order_purchase_timestamp LIMIT 1)"
    )
    page.run()
    assert "6 views lack changes of 1 day" in page.info[0].value.replace("\\", "")


def test_error_of_a_view_is_shown_in_full_and_is_no_markup(page: AppTest, admin: Admin) -> None:
    admin(
        f"UPDATE dashboard.view_states SET failures = 2, error = '{STRANGE}', failed_at = now()"
        " WHERE view = 'customer_days'"
    )
    page.run()
    assert "The refresh of customer\\_days fails" in page.error[0].value
    assert [code.value for code in page.code] == [STRANGE]
    assert page.code[0].language in (None, "", "plaintext")


def test_no_order_yet(open_page: OpenPage, show: Show, database_url: str) -> None:
    show(database_url)
    page = open_page("freshness")
    assert not page.exception
    assert "No worker is alive" in page.error[0].value
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("INSERT INTO procrastinate.procrastinate_workers DEFAULT VALUES")
        connection.execute("UPDATE dashboard.view_states SET snapshot = pg_current_snapshot()")
    page.run()
    assert "There are no orders yet" in page.info[0].value
    assert "`python -m dashboard load demo`" in page.info[0].value
    assert titles(page) == [*NAMES, *PARTS]


def test_views_that_were_never_filled(page: AppTest, admin: Admin) -> None:
    admin("REFRESH MATERIALIZED VIEW dashboard.customer_days WITH NO DATA")
    assert "customer\\_days was never filled" in page.run().warning[0].value
    admin("DELETE FROM dashboard.view_states")
    admin("DELETE FROM dashboard.refreshes")
    page.run()
    assert not page.exception
    assert "were never filled" in page.warning[0].value
    assert "No view was ever refreshed." in [caption.value for caption in page.caption]


class TestRefreshNow:
    JOBS = "SELECT arguments->'views', status FROM dashboard.jobs ORDER BY job_id"

    def test_queues_all_views_once_however_often_it_is_clicked(self, page: AppTest, admin: Admin) -> None:
        page.button[0].click().run()
        assert not page.exception
        said = [caption.value.replace("\\", "") for caption in page.caption]
        assert said[0] == "It is queued."
        assert "Refresh of all views: queued just now." in said[1]
        page.button[0].click().run()
        assert page.caption[0].value == "It is queued already, and will run once."
        assert admin(self.JOBS) == [(NAMES, "queued")]
        assert "There is no such job." not in [caption.value for caption in page.caption]

    def test_queues_the_view_that_was_chosen(self, page: AppTest, admin: Admin) -> None:
        page.selectbox[0].select("customer_days").run()
        page.button[0].click().run()
        assert admin(self.JOBS) == [(["customer_days"], "queued")]

    def test_says_why_it_cannot(self, page: AppTest, admin: Admin) -> None:
        admin(
            "DROP TABLE procrastinate.procrastinate_periodic_defers, procrastinate.procrastinate_jobs CASCADE"
        )
        page.button[0].click().run()
        assert not page.exception
        assert any("does not exist" in error.value for error in page.error)


def test_status_of_jobs_is_part_of_the_address(page: AppTest, open_page: OpenPage, admin: Admin) -> None:
    page.button[0].click().run()
    [status] = page.get("button_group")
    assert "queued 1" in str(status.proto)
    shown = open_page("freshness", status="queued")
    assert len(shown.dataframe) == len(page.dataframe) == 3
    assert len(open_page("freshness", status="failed").dataframe) == 2
    assert len(open_page("freshness", status="strange").dataframe) == 3


class TestParts:
    def test_without_a_right_one_part_fails_alone(self, page: AppTest, admin: Admin) -> None:
        admin("REVOKE SELECT ON dashboard.jobs FROM daybook_reader")
        page.run()
        [error] = page.error
        assert "lacks a right" in error.value
        assert titles(page) == [*NAMES, *PARTS]
        assert "All 8 views" in page.success[0].value

    def test_without_the_state_of_views_the_others_live(self, page: AppTest, admin: Admin) -> None:
        admin("REVOKE SELECT ON dashboard.view_states FROM daybook_reader")
        page.run()
        [error] = page.error
        assert "lacks a right" in error.value
        assert titles(page) == PARTS
        assert page.get("plotly_chart")

    def test_what_is_not_known_of_the_views_is_said(self, page: AppTest, own_shop_url: str) -> None:
        with psycopg.connect(own_shop_url) as connection:
            connection.execute("LOCK TABLE dashboard.versions IN ACCESS EXCLUSIVE MODE")
            page.run()
        assert not page.error
        assert any("Not all is known" in caption.value for caption in page.caption)


def test_on_a_database_that_never_answered(open_page: OpenPage, show: Show) -> None:
    show(f"postgresql://nobody@127.0.0.1:{free_port()}/none")
    page = open_page("freshness")
    assert not page.exception
    [error] = page.error
    assert "Check that it runs" in error.value


def test_while_the_database_is_away_and_when_it_is_back(
    page: AppTest, own_shop_url: str, server: str
) -> None:
    let_in(server, own_shop_url, False)
    page.run()
    assert not page.exception
    [error] = page.error
    assert "PostgreSQL does not answer" in error.value
    let_in(server, own_shop_url, True)
    page.run()
    assert "All 8 views" in page.success[0].value


@pytest.mark.parametrize(
    ("named", "shown"),
    [("Asia/Tokyo", "Asia/Tokyo"), (None, "UTC"), ("Etc/Unknown", "UTC"), ("../etc", "UTC")],
)
def test_times_are_those_of_the_reader(
    monkeypatch: pytest.MonkeyPatch, named: str | None, shown: str
) -> None:
    monkeypatch.setattr(ui.text.st, "context", SimpleNamespace(timezone=named))
    assert ui.zone() == shown
    assert ui.exact(datetime(2025, 3, 20, 12, tzinfo=UTC)).endswith(f":00:00 ({shown})")
