"""How fresh the views are, told from states that refreshes, failures, locks and jobs really leave."""

from collections.abc import Callable, Iterator
from datetime import date, timedelta

import polars as pl
import psycopg
import pytest

from dashboard import freshness
from dashboard.catalogue import catalogue
from dashboard.database import Database, Snapshot
from dashboard.errors import DatabaseError, MissingRights
from dashboard.freshness import Freshness, Status, ViewState, views
from dashboard.jobs import request
from dashboard.refresh import refresh_pending
from dashboard.versions import read_versions

Admin = Callable[..., list[tuple[object, ...]]]

SALES = "daily_sales_metrics"
NAMES = [view.name for view in catalogue().views]


def refresh(database: Database, *views: str) -> None:
    refresh_pending(database, timeout_seconds=30, also=[catalogue().view(view) for view in views])


@pytest.fixture
def shop(database: Database, admin: Admin) -> Database:
    """A shop with two orders, in two months, and views that show them."""
    refresh(database)
    admin("INSERT INTO shop.customers VALUES ('a', 'a'), ('b', 'b')")
    admin(
        "INSERT INTO shop.orders VALUES ('a', 'a', 'delivered', '2017-10-02'), ('b', 'b', 'delivered', '2017-11-24')"
    )
    admin("INSERT INTO shop.order_payments VALUES ('a', 1, 'voucher', 1, 10), ('b', 1, 'voucher', 1, 10)")
    refresh(database)
    return database


@pytest.fixture
def failing(shop: Database, admin: Admin) -> Database:
    """The shop, after somebody dropped what the refresh of a view needs, and an order changed."""
    admin(f"DROP INDEX dashboard.{SALES}_key")
    admin("UPDATE shop.order_payments SET payment_value = 11 WHERE order_id = 'b'")
    refresh(shop)
    return shop


@pytest.fixture
def holding(database_url: str) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    """A transaction of somebody else."""
    with psycopg.connect(database_url) as connection:
        yield connection
        connection.rollback()


def by_name(found: Freshness) -> dict[str, ViewState]:
    return {view.view: view for view in found.views.get()}


def sales(database: Database) -> ViewState:
    return by_name(freshness.read(database))[SALES]


class TestViews:
    def test_that_show_every_change(self, shop: Database) -> None:
        found = freshness.read(shop)
        assert list(by_name(found)) == NAMES
        assert {view.status for view in by_name(found).values()} == {Status.FRESH}
        view = by_name(found)[SALES]
        assert (view.rows, view.months_changed, view.data_through) == (2, 2, date(2017, 11, 24))
        assert view.title == catalogue().view(SALES).title
        assert view.duration_seconds == view.durations[-1]
        assert len(view.durations) == 3  # it was built, filled without a row, and with two
        assert view.refreshed_at
        assert timedelta() < found.now - view.refreshed_at < timedelta(minutes=1)
        assert view.due_at(found.now) is None
        with shop.snapshot() as snapshot:
            assert view.version == read_versions(snapshot).of((SALES,))
        assert found.gaps == ()

    def test_a_view_without_days_goes_through_none(self, shop: Database) -> None:
        view = by_name(freshness.read(shop))["customer_metrics"]
        assert (view.has_days, view.data_through, view.rows, view.months_changed) == (False, None, 2, 1)

    def test_a_view_without_rows_goes_through_no_day(self, database: Database) -> None:
        refresh(database)
        assert (sales(database).rows, sales(database).data_through) == (0, None)

    def test_that_nothing_is_known_of_are_due(self, database: Database) -> None:
        found = freshness.read(database)  # the triggers are new: what was changed before them was not logged
        assert {view.status for view in by_name(found).values()} == {Status.PENDING}
        assert sales(database).due_at(found.now) == found.now

    def test_changes_wait(self, shop: Database, admin: Admin) -> None:
        admin("UPDATE shop.order_payments SET payment_value = 11 WHERE order_id = 'b'")
        found = by_name(freshness.read(shop))
        assert {name for name, view in found.items() if view.status is Status.PENDING} == {
            "customer_metrics",
            "daily_sales_by_state",
            "item_facts",
            "order_facts",
            "payment_facts",
            SALES,
        }
        assert found[SALES].backlog.days == (date(2017, 11, 24),)

    def test_that_fails_waits_to_be_tried_again(self, failing: Database) -> None:
        found = freshness.read(failing)
        view = by_name(found)[SALES]
        assert (view.status, view.failures, view.rows, view.months_changed) == (Status.FAILING, 1, 2, 2)
        assert view.error
        assert "unique index" in view.error
        assert view.retry_at
        assert view.failed_at
        assert view.retry_at - view.failed_at < timedelta(seconds=2)
        assert view.due_at(found.now) == max(view.retry_at, found.now)
        assert view.due_at(view.failed_at) == view.retry_at
        assert view.backlog.days == (date(2017, 11, 24),)

    def test_a_view_that_has_recovered_fails_no_more(self, failing: Database, admin: Admin) -> None:
        admin(f"CREATE UNIQUE INDEX ON dashboard.{SALES} (date)")
        refresh(failing, SALES)
        assert (sales(failing).status, sales(failing).error) == (Status.FRESH, None)

    def test_that_was_never_filled_is_not_read(self, shop: Database, admin: Admin) -> None:
        admin(f"REFRESH MATERIALIZED VIEW dashboard.{SALES} WITH NO DATA")
        found = freshness.read(shop)
        assert by_name(found)[SALES].status is Status.EMPTY
        assert found.gaps == ()
        assert by_name(found)["customer_days"].data_through == date(2017, 11, 24)

    def test_whose_state_was_lost(self, shop: Database, admin: Admin) -> None:
        admin("DELETE FROM dashboard.view_states")
        assert sales(shop).status is Status.EMPTY


class TestHistory:
    def test_the_newest_refreshes_come_first_also_those_that_failed(self, failing: Database) -> None:
        history = freshness.read(failing).history.get()
        assert history["finished_at"].is_sorted(descending=True)
        last = history.filter(view=SALES).to_dicts()[0]
        assert (last["reason"], last["rows"], last["months_changed"]) == ("changes", None, 0)
        assert "unique index" in last["error"]

    def test_of_each_view_the_last_are_shown(self, shop: Database, admin: Admin) -> None:
        admin(
            "INSERT INTO dashboard.refreshes (view, reason, duration_seconds, rows, months_changed, finished_at)"
            f" SELECT '{SALES}', 'test', n, 2, 0, now() + n * interval '1 s' FROM generate_series(1, 1000) AS n"
        )
        assert sales(shop).durations == tuple(range(1_001 - freshness.REFRESHES, 1_001))
        assert set(freshness.read(shop).history.get()["view"]) == set(NAMES)


class TestSources:
    def test_are_watched_by_triggers(self, shop: Database) -> None:
        rows = freshness.read(shop).sources.get().noticed("triggers")
        assert set(rows["noticed_by"]) == {"triggers"}
        assert set(rows["triggers"]) == {4}

    def test_are_polled_where_somebody_took_a_trigger_away(self, shop: Database, admin: Admin) -> None:
        admin("ALTER TABLE shop.orders DISABLE TRIGGER daybook_insert")
        assert noticed(shop, "orders") == "nothing yet"
        admin("INSERT INTO dashboard.source_states VALUES ('orders', 'x')")
        assert noticed(shop, "orders") == "poll"
        assert noticed(shop, "customers") == "triggers"


def noticed(database: Database, table: str) -> str:
    rows = freshness.read(database).sources.get().noticed("triggers")
    return str(rows.filter(source=table)["noticed_by"][0])


class TestJobs:
    def test_there_were_none(self, shop: Database) -> None:
        found = freshness.read(shop)
        assert set(found.jobs.get().counts.values()) == {0}
        assert (found.jobs.get().waiting_since, found.jobs.get().heard_at) == (None, None)
        assert found.last_jobs.get().is_empty()
        assert found.doing.get().jobs == ()
        assert found.doing.get().pause_seconds is None

    def test_one_waits(self, shop: Database) -> None:
        request(shop, "retention")
        request(shop, "refresh", views=NAMES)
        found = freshness.read(shop)
        assert found.jobs.get().counts["queued"] == 2
        since = found.jobs.get().waiting_since
        assert since
        assert found.now - since < timedelta(minutes=1)
        assert found.last_jobs.get()["task"].to_list() == ["refresh", "retention"]
        first, second = found.doing.get().jobs
        assert (first.task, first.status, first.is_of_all) == ("refresh", "queued", True)
        assert (second.task, second.views, second.is_of_all) == ("retention", (), False)
        assert freshness.doing(shop).jobs == (first, second)
        assert freshness.doing(shop).pause_seconds == 1

    def test_one_that_waits_for_its_time_is_not_due(self, shop: Database, admin: Admin) -> None:
        request(shop, "refresh", views=[SALES])
        admin("SET search_path TO procrastinate")  # for its triggers
        admin("UPDATE procrastinate_jobs SET scheduled_at = now() + interval '1 h'")
        assert freshness.read(shop).jobs.get().waiting_since is None

    def test_one_that_waits_for_long_is_looked_at_less_often(self, shop: Database, admin: Admin) -> None:
        request(shop, "refresh", views=[SALES])
        admin("UPDATE procrastinate.procrastinate_events SET at = at - interval '5 min'")
        assert freshness.doing(shop).pause_seconds == 10

    def test_of_one_status(self, shop: Database, admin: Admin) -> None:
        request(shop, "retention")
        admin("SET search_path TO procrastinate")  # for its triggers
        admin("UPDATE procrastinate_jobs SET status = 'doing'")
        admin("UPDATE procrastinate_jobs SET status = 'failed'")
        request(shop, "refresh")
        failed = freshness.read(shop, ("failed",))
        assert failed.last_jobs.get()["task"].to_list() == ["retention"]
        assert failed.jobs.get().counts == dict.fromkeys(freshness.STATUSES, 0) | {"queued": 1, "failed": 1}

    def test_a_worker_was_heard_of(self, shop: Database, admin: Admin) -> None:
        admin("INSERT INTO procrastinate.procrastinate_workers DEFAULT VALUES")
        found = freshness.read(shop)
        assert found.jobs.get().heard_at
        assert found.now - found.jobs.get().heard_at < timedelta(minutes=1)


class TestParts:
    """What can't be read is an error in its place, and the others are of the same state."""

    def test_without_a_right(self, shop: Database, admin: Admin) -> None:
        admin("REVOKE SELECT ON dashboard.jobs FROM daybook_reader")
        found = freshness.read(shop)
        for part in (found.jobs, found.last_jobs, found.doing):
            with pytest.raises(MissingRights, match="jobs"):
                part.get()
        assert by_name(found)
        assert found.sources.get()

    def test_without_the_tables_of_jobs(self, shop: Database, admin: Admin) -> None:
        admin("DROP SCHEMA procrastinate CASCADE")
        with pytest.raises(DatabaseError, match="does not exist"):
            freshness.read(shop).jobs.get()

    def test_without_the_history_views_have_no_course(self, shop: Database, admin: Admin) -> None:
        admin("REVOKE SELECT ON dashboard.refreshes FROM daybook_reader")
        found = freshness.read(shop)
        assert isinstance(found.history.error, MissingRights)
        assert (by_name(found)[SALES].durations, by_name(found)[SALES].months_changed) == ((), None)
        assert by_name(found)[SALES].rows == 2

    def test_without_the_state_of_views(self, shop: Database, admin: Admin) -> None:
        admin("REVOKE SELECT ON dashboard.view_states FROM daybook_reader")
        found = freshness.read(shop)
        assert isinstance(found.views.error, MissingRights)
        assert len(found.history.get())

    @pytest.mark.parametrize("table", ["dashboard.versions", f"dashboard.{SALES}"])
    def test_while_a_view_is_rewritten(
        self, shop: Database, holding: psycopg.Connection[tuple[object, ...]], table: str
    ) -> None:
        if table.endswith("versions"):
            holding.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
        else:
            holding.execute(f"REFRESH MATERIALIZED VIEW {table}")
        found = freshness.read(shop)
        [gap] = found.gaps
        assert "is not waited for" in str(gap)
        assert {view.status for view in by_name(found).values()} == {Status.FRESH}

    def test_all_are_of_one_state(self, shop: Database, monkeypatch: pytest.MonkeyPatch) -> None:
        read = views.history

        def meanwhile(snapshot: Snapshot) -> pl.DataFrame:
            request(shop, "retention")
            return read(snapshot)

        monkeypatch.setattr(views, "history", meanwhile)
        assert freshness.read(shop).jobs.get().counts["queued"] == 0


def test_full_refresh_is_due_at_its_next_time(shop: Database) -> None:
    now = freshness.read(shop).now
    at = freshness.nightly_at("30 3 * * *", now)
    assert (at.hour, at.minute, at.tzinfo) == (3, 30, now.tzinfo)
    assert timedelta() < at - now <= timedelta(days=1)
