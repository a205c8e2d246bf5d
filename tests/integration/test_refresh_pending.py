"""Refreshes of what changed, one view after the other, beside writers, other refreshers and failures."""

import random
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import date
from pathlib import Path

import psycopg
import pytest

from dashboard.catalogue import catalogue, load_catalogue
from dashboard.database import Database
from dashboard.errors import DatabaseUnavailable
from dashboard.refresh import Refresh, build_views, refresh_pending, refresh_views
from dashboard.versions import Versions, bump, read_versions
from dashboard.window import Span

Admin = Callable[..., list[tuple[object, ...]]]
Define = Callable[..., None]

OCTOBER, NOVEMBER, DECEMBER, JANUARY = (
    date(2017, 10, 1),
    date(2017, 11, 1),
    date(2017, 12, 1),
    date(2018, 1, 1),
)
MONTHS = {
    OCTOBER: Span(OCTOBER, NOVEMBER),
    NOVEMBER: Span(NOVEMBER, DECEMBER),
    DECEMBER: Span(DECEMBER, JANUARY),
}
VIEWS = {view.name for view in load_catalogue().views}
FACTS = {"item_facts", "order_facts", "payment_facts"}
OF_ORDERS = {"customer_days", "customer_metrics", "daily_sales_by_state", "daily_sales_metrics"} | FACTS


def order(admin: Admin, order_id: str, day: str = "2017-11-24") -> None:
    """Somebody orders, and pays 10."""
    admin(f"INSERT INTO shop.customers VALUES ('{order_id}', 'person {order_id}')")
    admin(f"INSERT INTO shop.orders VALUES ('{order_id}', '{order_id}', 'delivered', '{day}')")
    admin(f"INSERT INTO shop.order_payments VALUES ('{order_id}', 1, 'voucher', 1, 10)")


def refresh(database: Database, timeout_seconds: float = 30, **options: object) -> dict[str, Refresh]:
    done = refresh_pending(database, timeout_seconds=timeout_seconds, **options)  # type: ignore[arg-type]
    return {refresh.view: refresh for refresh in done}


def refresh_all(database: Database) -> None:
    while refresh(database):
        pass


def versions(database: Database) -> Versions:
    with database.snapshot() as snapshot:
        return read_versions(snapshot)


def one(admin: Admin, query: str) -> object:
    [(value,)] = admin(query)
    return value


def wrong_views(admin: Admin) -> list[str]:
    """Views whose rows are not those of their definition."""
    wrong = []
    for view in catalogue().views:
        shown = f"SELECT * FROM dashboard.{view.name}"
        if admin(f"({shown} EXCEPT ALL ({view.select})) UNION ALL (({view.select}) EXCEPT ALL {shown})"):
            wrong.append(view.name)
    return wrong


def is_waiting(admin: Admin) -> bool:
    waiting = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    return bool(admin(waiting))


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.005)


@contextmanager
def refreshing_until_it_publishes(
    database: Database, admin: Admin, hold: Callable[..., object] = lambda _: None
) -> Iterator[Future[dict[str, Refresh]]]:
    """A refresh that has computed a view, and goes on at the end of the block, when ``hold`` is committed."""
    with ThreadPoolExecutor(1) as pool, database.writer() as writer:
        writer.execute("LOCK TABLE dashboard.versions IN SHARE ROW EXCLUSIVE MODE")
        hold(writer)
        future = pool.submit(refresh, database)
        wait_until(lambda: is_waiting(admin) or future.done())
        yield future


@pytest.fixture
def shop(database: Database, admin: Admin) -> Database:
    """A shop with an order in each of three months, and views that show them."""
    for name, month in zip("abc", MONTHS, strict=True):
        order(admin, name, str(month))
    refresh_all(database)
    return database


@pytest.fixture
def define(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, database: Database
) -> Iterator[Callable[..., None]]:
    """Have views of these names and no others: what they select from their source."""

    def define(**selects: str) -> None:
        for name, select in selects.items():
            path = tmp_path / "views" / f"{name}.sql"
            path.parent.mkdir(exist_ok=True)
            path.write_text(
                f"-- A view.\nCREATE MATERIALIZED VIEW dashboard.{name} AS SELECT {select};\n"
                f"CREATE UNIQUE INDEX {name}_key ON dashboard.{name} (a);"
            )
        known = load_catalogue(tmp_path)
        monkeypatch.setattr("dashboard.catalogue.load_catalogue", lambda: known)
        catalogue.cache_clear()
        with database.writer() as writer:
            build_views(writer)
        refresh_all(database)

    yield define
    catalogue.cache_clear()


class TestWhatIsFilled:
    def test_a_view_of_which_nothing_is_known_and_then_no_more(self, database: Database) -> None:
        assert refresh(database).keys() == VIEWS
        assert refresh(database) == {}

    def test_the_views_that_read_what_changed(self, shop: Database, admin: Admin) -> None:
        admin("INSERT INTO shop.products (product_id) VALUES ('p')")
        assert refresh(shop).keys() == {"daily_sales_by_category", "item_facts"}
        admin("UPDATE shop.order_payments SET payment_value = 11 WHERE order_id = 'a'")
        assert refresh(shop).keys() == OF_ORDERS - {"customer_days"}
        assert wrong_views(admin) == []

    def test_the_fastest_comes_first(self, shop: Database, admin: Admin) -> None:
        order(admin, "d")
        for seconds, view in enumerate(sorted(VIEWS, reverse=True)):
            admin(f"UPDATE dashboard.view_states SET duration_seconds = {seconds} WHERE view = '{view}'")
        done = list(refresh(shop))
        assert [view for view in done if view not in FACTS] == sorted(VIEWS - FACTS, reverse=True)
        first = min(map(done.index, FACTS))
        assert set(done[first : first + len(FACTS)]) == FACTS  # in one transaction

    def test_what_is_asked_for_though_nothing_changed(self, shop: Database) -> None:
        view = catalogue().view("customer_days")
        [done] = refresh(shop, also=[view], reason="nightly").values()
        assert (done.view, done.reason, done.rows, done.months_changed) == ("customer_days", "nightly", 3, 0)

    def test_nothing_again_that_a_loader_filled_in_the_transaction_of_its_load(
        self, shop: Database, admin: Admin
    ) -> None:
        with shop.writer() as writer:
            writer.execute("DELETE FROM shop.order_payments")
            refresh_views(writer, reason="load")
        assert refresh(shop) == {}
        assert wrong_views(admin) == []

    def test_a_view_that_was_emptied_of_its_rows(self, shop: Database, admin: Admin) -> None:
        admin("REFRESH MATERIALIZED VIEW dashboard.daily_sales_metrics WITH NO DATA")
        order(admin, "d")
        assert refresh(shop).keys() == OF_ORDERS | {"daily_sales_by_category"}
        assert wrong_views(admin) == []

    def test_it_is_recorded_and_the_log_emptied(self, shop: Database, admin: Admin) -> None:
        order(admin, "d")
        done = refresh(shop)["daily_sales_metrics"]
        recorded = admin(
            "SELECT view, reason, duration_seconds, rows, months_changed, error FROM dashboard.refreshes"
            " WHERE view = 'daily_sales_metrics' ORDER BY refresh_id DESC LIMIT 1"
        )
        assert recorded == [("daily_sales_metrics", "changes", done.duration_seconds, 4, 1, None)]
        state = "SELECT duration_seconds, rows, failures, error, retry_at FROM dashboard.view_states"
        assert admin(f"{state} WHERE view = 'daily_sales_metrics'") == [
            (done.duration_seconds, 4, 0, None, None)
        ]
        assert admin("SELECT * FROM dashboard.change_log") == []


class TestMonths:
    @staticmethod
    def changed(
        database: Database, admin: Admin, statement: str, view: str = "daily_sales_metrics"
    ) -> set[date]:
        """Months of a view with a new version after a statement."""
        before = versions(database)
        admin(statement)
        refresh_all(database)
        assert wrong_views(admin) == []
        after = versions(database)
        return {m for m, span in MONTHS.items() if after.of((view,), span) != before.of((view,), span)}

    def test_those_that_differ_have_a_new_version_and_the_others_keep_theirs(
        self, shop: Database, admin: Admin
    ) -> None:
        pay = "UPDATE shop.order_payments SET payment_value = payment_value + 1 WHERE order_id = 'b'"
        assert self.changed(shop, admin, pay) == {NOVEMBER}
        assert self.changed(shop, admin, pay, "customer_days") == set()
        assert self.changed(shop, admin, pay, "daily_sales_by_state") == {NOVEMBER}

    def test_an_order_that_moves_changes_both_of_its_months(self, shop: Database, admin: Admin) -> None:
        move = "UPDATE shop.orders SET order_purchase_timestamp = '2017-12-24' WHERE order_id = 'b'"
        assert self.changed(shop, admin, move) == {NOVEMBER, DECEMBER}

    def test_a_month_that_has_no_rows_any_more(self, shop: Database, admin: Admin) -> None:
        leave = "DELETE FROM shop.order_payments WHERE order_id = 'a'; DELETE FROM shop.orders WHERE order_id = 'a'"
        assert self.changed(shop, admin, leave) == {OCTOBER}
        assert (
            one(admin, "SELECT count(*) FROM dashboard.view_months WHERE view = 'daily_sales_metrics'") == 2
        )

    def test_a_change_that_cannot_be_seen_in_the_view_changes_nothing(
        self, shop: Database, admin: Admin
    ) -> None:
        newest = versions(shop).newest
        admin("UPDATE shop.orders SET order_approved_at = now()")
        done = refresh(shop)
        assert done.keys() == OF_ORDERS | {"daily_sales_by_category"}
        assert {one.months_changed for one in done.values()} == {0}
        assert versions(shop).newest == newest

    def test_a_view_without_days_has_one_version(self, shop: Database, admin: Admin) -> None:
        before = versions(shop).of(("customer_metrics",))
        admin("UPDATE shop.order_payments SET payment_value = 11 WHERE order_id = 'b'")
        done = refresh(shop)["customer_metrics"]
        assert (done.months, done.is_whole, done.months_changed) == ((), True, 1)
        assert versions(shop).of(("customer_metrics",)) > before

    def test_all_of_a_view_of_which_no_month_is_known(self, shop: Database, admin: Admin) -> None:
        admin("DELETE FROM dashboard.view_months")
        assert self.changed(shop, admin, "UPDATE shop.orders SET order_status = 'x'") == set(MONTHS)

    def test_what_somebody_else_refreshed_is_noticed(self, shop: Database, admin: Admin) -> None:
        by_hand = "REFRESH MATERIALIZED VIEW dashboard.daily_sales_metrics"
        pay = "UPDATE shop.order_payments SET payment_value = 12 WHERE order_id = 'c'"
        assert self.changed(shop, admin, f"{pay}; COMMIT; {by_hand}") == {DECEMBER}

    def test_days_of_no_calendar_count_for_the_whole_view(
        self, define: Define, database: Database, admin: Admin
    ) -> None:
        admin("CREATE TABLE shop.days (a int PRIMARY KEY, date date)")
        define(odd="a, date FROM shop.days")
        for day in ("NULL", "'infinity'", "'0044-03-15 BC'"):
            before = versions(database).of(("odd",), MONTHS[OCTOBER])
            admin(f"DELETE FROM shop.days; INSERT INTO shop.days VALUES (1, '2017-10-01'), (2, {day})")
            refresh(database, also=[catalogue().view("odd")])
            assert versions(database).of(("odd",), MONTHS[OCTOBER]) > before


class TestViewsKeptByDays:
    @staticmethod
    def written_anew(admin: Admin, before: dict[object, object]) -> set[object]:
        """Orders whose row among the facts is another than before, be it the same."""
        return {order for order, row in TestViewsKeptByDays.rows(admin).items() if before.get(order) != row}

    @staticmethod
    def rows(admin: Admin) -> dict[object, object]:
        return dict(admin("SELECT order_id, (xmin::text, ctid::text)::text FROM dashboard.order_facts"))

    def test_only_days_with_changes_are_written_anew(self, shop: Database, admin: Admin) -> None:
        order(admin, "beside b", str(MONTHS[NOVEMBER].start))
        refresh_all(shop)
        rows = self.rows(admin)
        admin("UPDATE shop.order_payments SET payment_value = 11 WHERE order_id = 'b'")
        refresh_all(shop)
        assert self.written_anew(admin, rows) == {"b", "beside b"}
        assert wrong_views(admin) == []

    def test_a_change_that_may_be_of_any_day_is_of_all(self, shop: Database, admin: Admin) -> None:
        rows = self.rows(admin)
        admin("TRUNCATE shop.order_reviews")
        refresh_all(shop)
        assert self.written_anew(admin, rows) == rows.keys()
        assert wrong_views(admin) == []

    def test_one_that_is_filled_by_itself_leaves_the_others(self, shop: Database, admin: Admin) -> None:
        rows = self.rows(admin)
        view = catalogue().view("payment_facts")
        assert refresh(shop, also=[view]).keys() == {"payment_facts"}
        assert self.written_anew(admin, rows) == set()
        assert refresh(shop, also=[catalogue().view("order_facts")]).keys() == FACTS
        assert self.written_anew(admin, rows) == rows.keys()
        assert wrong_views(admin) == []

    def test_new_people_are_no_reason_to_compute_all_days(self, shop: Database, admin: Admin) -> None:
        rows = self.rows(admin)
        order(admin, "d", "2017-12-02")
        refresh_all(shop)
        assert self.written_anew(admin, rows) == {"d"}
        assert wrong_views(admin) == []


class TestBesideOthers:
    def test_who_commits_during_a_refresh_is_seen_by_the_next(self, shop: Database, admin: Admin) -> None:
        order(admin, "d")
        with refreshing_until_it_publishes(shop, admin) as first:
            order(admin, "e")
        assert first.result().keys() == VIEWS
        assert refresh(shop)
        assert wrong_views(admin) == []
        assert refresh(shop) == {}

    def test_who_began_before_a_refresh_and_commits_after_it_is_seen(
        self, shop: Database, admin: Admin, database_url: str
    ) -> None:
        with psycopg.connect(database_url) as writer:
            writer.execute("UPDATE shop.order_payments SET payment_value = 20 WHERE order_id = 'a'")
            order(admin, "d")
            refresh_all(shop)
            writer.commit()
        assert refresh(shop).keys() == OF_ORDERS - {"customer_days"}
        assert wrong_views(admin) == []

    def test_a_view_is_filled_again_when_a_view_that_it_reads_saw_less(
        self, define: Define, database: Database, admin: Admin
    ) -> None:
        define(z="count(*) AS a FROM shop.customers", b="a FROM dashboard.z")
        admin("INSERT INTO shop.customers VALUES ('1', '1')")
        with refreshing_until_it_publishes(database, admin) as first:  # has computed z, and will read it in b
            admin("INSERT INTO shop.customers VALUES ('2', '2')")
        assert list(first.result()) == ["z", "b"]
        assert one(admin, "SELECT a FROM dashboard.b") == 1
        refresh_all(database)
        assert one(admin, "SELECT a FROM dashboard.b") == 2
        assert one(admin, "SELECT count(*) FROM dashboard.change_log") == 0

    def test_two_refreshers_do_the_work_once(self, shop: Database, admin: Admin) -> None:
        order(admin, "d")
        together = threading.Barrier(2)

        def work(_: int) -> list[str]:
            together.wait()
            return list(refresh(shop))

        with ThreadPoolExecutor(2) as pool:
            done = [view for each in pool.map(work, range(2)) for view in each]
        done += refresh(shop)  # what one left out because the other was at work
        assert sorted(done) == sorted(VIEWS)

    def test_a_table_that_is_being_loaded_is_not_waited_for(
        self, shop: Database, admin: Admin, database_url: str
    ) -> None:
        admin("INSERT INTO shop.products (product_id) VALUES ('p')")
        order(admin, "d")
        with psycopg.connect(database_url) as loader:
            loader.execute("TRUNCATE shop.order_payments")
            assert refresh(shop).keys() == {"customer_days", "daily_sales_by_category"}
            loader.rollback()
        assert refresh(shop).keys() == OF_ORDERS - {"customer_days"}
        assert one(admin, "SELECT sum(failures) FROM dashboard.view_states") == 0

    def test_a_new_version_that_somebody_gives_the_view_meanwhile_is_no_failure(
        self, shop: Database, admin: Admin
    ) -> None:
        admin("UPDATE shop.order_payments SET payment_value = 11")
        names = sorted(OF_ORDERS)
        with refreshing_until_it_publishes(shop, admin, lambda writer: bump(writer, names)) as running:
            invalidated = versions(shop)
        assert running.result().keys() == OF_ORDERS - {"customer_days"}
        assert one(admin, "SELECT sum(failures) FROM dashboard.view_states") == 0
        after = versions(shop)
        for name in OF_ORDERS - {"customer_days"}:
            assert after.of((name,), MONTHS[OCTOBER]) > invalidated.of((name,), MONTHS[OCTOBER])
        assert wrong_views(admin) == []

    def test_numbers_grow_though_the_refresh_cannot_see_what_was_drawn_and_the_clock_is_behind(
        self, shop: Database, admin: Admin
    ) -> None:
        ahead = 2 * 10**15

        def invalidate(writer: object) -> None:
            admin(f"SELECT setval('dashboard.version_numbers', {ahead})")
            bump(writer, ["daily_sales_metrics"])  # type: ignore[arg-type]

        admin("UPDATE shop.order_payments SET payment_value = 11")
        admin("UPDATE dashboard.view_states SET duration_seconds = 0 WHERE view = 'daily_sales_metrics'")
        with refreshing_until_it_publishes(shop, admin, invalidate):
            pass
        after = versions(shop)
        assert after.of(("daily_sales_metrics",)) > ahead + 1
        assert after.newest > ahead + 1


BAD = "1 / (CASE WHEN EXISTS (SELECT FROM shop.customers WHERE customer_id = 'bad') THEN 0 ELSE 1 END) AS a"


class TestFailures:
    @pytest.fixture
    def failing(self, define: Define, database: Database, admin: Admin) -> Database:
        """Of four views one fails, and one reads that."""
        define(
            bad=BAD,
            good="count(*) AS a FROM shop.customers",
            reads_bad="bad.a + count(*) AS a FROM dashboard.bad, shop.customers GROUP BY bad.a",
            reads_good="a FROM dashboard.good",
        )
        admin("INSERT INTO shop.customers VALUES ('bad', 'p')")
        return database

    def test_one_that_fails_holds_up_only_those_that_read_it(self, failing: Database, admin: Admin) -> None:
        before = versions(failing)
        done = refresh(failing)
        assert [(view, bool(one.error)) for view, one in sorted(done.items())] == [
            ("bad", True),
            ("good", False),
            ("reads_good", False),
        ]
        assert "division by zero" in done["bad"].error
        assert versions(failing).of(("bad", "reads_bad")) == before.of(("bad", "reads_bad"))
        assert admin("SELECT a FROM dashboard.bad") == [(1,)]
        history = "SELECT view, rows, months_changed FROM dashboard.refreshes WHERE error LIKE '%division%'"
        assert admin(history) == [("bad", None, 0)]

    def test_it_is_tried_again_after_a_time_that_doubles(self, failing: Database, admin: Admin) -> None:
        waits = []
        for failures in range(1, 12):
            assert refresh(failing)["bad"].error
            assert "bad" not in refresh(failing)
            state = (
                "SELECT failures, extract(epoch FROM retry_at - failed_at)::float FROM dashboard.view_states"
            )
            [(found, seconds)] = admin(f"{state} WHERE view = 'bad'")
            assert found == failures
            waits.append(round(float(str(seconds))))
            admin("UPDATE dashboard.view_states SET retry_at = now() WHERE view = 'bad'")
        assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]

    def test_it_recovers_and_so_do_its_readers(self, failing: Database, admin: Admin) -> None:
        refresh(failing)
        admin("UPDATE shop.customers SET customer_id = 'well'")
        assert refresh(failing).keys() == {"good", "reads_good"}
        assert refresh(failing, also=[catalogue().view("bad")]).keys() == {"bad", "reads_bad"}
        assert wrong_views(admin) == []
        state = "SELECT failures, error, failed_at, retry_at FROM dashboard.view_states WHERE view = 'bad'"
        assert admin(state) == [(0, None, None, None)]
        assert refresh(failing) == {}

    def test_one_that_takes_too_long_is_stopped(
        self, define: Define, database: Database, admin: Admin
    ) -> None:
        define(slow="count(*) AS a FROM shop.customers, LATERAL (SELECT pg_sleep(20), customer_id) AS x")
        admin("INSERT INTO shop.customers VALUES ('1', 'p')")
        error = refresh(database, timeout_seconds=0.2)["slow"].error
        assert "statement timeout" in error
        assert "longer than 0.2 s, raise DASHBOARD_REFRESH_TIMEOUT_SECONDS" in error


class TestChance:
    def test_after_any_changes_views_are_right_and_just_the_months_that_differ_have_new_versions(
        self, shop: Database, admin: Admin
    ) -> None:
        chance = random.Random(7)
        for n in range(12):
            for _ in range(chance.randint(1, 4)):
                change(admin, chance, f"{n}")
            shown, before = by_month(admin), versions(shop)
            refresh_all(shop)
            assert wrong_views(admin) == []
            after = versions(shop)
            for (view, month), rows in by_month(admin).items():
                is_new = after.of((view,), MONTHS[month]) != before.of((view,), MONTHS[month])
                assert is_new == (rows != shown[view, month]), (n, view, month)

    def test_a_refresher_that_is_killed_leaves_the_old_state_or_the_new(
        self, shop: Database, admin: Admin
    ) -> None:
        chance, over = random.Random(3), threading.Event()

        def work() -> None:
            while not over.is_set():
                with suppress(DatabaseUnavailable):
                    refresh(shop)

        def forgive() -> None:
            admin("UPDATE dashboard.view_states SET retry_at = NULL")

        kill = (
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'daybook' AND datname = current_database()"
        )
        with ThreadPoolExecutor(1) as pool:
            working = pool.submit(work)
            try:
                for n in range(25):
                    change(admin, chance, f"killed {n}")
                    time.sleep(chance.uniform(0, 0.1))
                    admin(kill)
                    forgive()
            finally:
                over.set()
            working.result()
        assert one(admin, "SELECT count(*) > 0 FROM dashboard.refreshes WHERE error LIKE '%terminating%'")
        shown, before = by_month(admin), versions(shop)
        forgive()
        refresh_all(shop)
        assert wrong_views(admin) == []
        assert one(admin, "SELECT sum(failures) FROM dashboard.view_states") == 0
        after = versions(shop)
        for (view, month), rows in by_month(admin).items():
            is_new = after.of((view,), MONTHS[month]) != before.of((view,), MONTHS[month])
            assert is_new == (rows != shown[view, month]), (view, month)


def change(admin: Admin, chance: random.Random, name: str) -> None:
    """Somebody orders, or something becomes of an order."""
    day = f"2017-{chance.randint(10, 12)}-{chance.randint(1, 28)}"
    orders = [str(order_id) for (order_id,) in admin("SELECT order_id FROM shop.orders ORDER BY 1")]
    chosen = chance.choice(orders)
    match chance.choice(("new", "new", "moved", "deleted", "paid", "elsewhere")):
        case "new":
            order(admin, f"{name} {len(orders)} {chance.random()}", day)
        case "moved":
            admin(f"UPDATE shop.orders SET order_purchase_timestamp = '{day}' WHERE order_id = '{chosen}'")
        case "deleted" if len(orders) > 1:
            admin(f"DELETE FROM shop.order_payments WHERE order_id = '{chosen}'")
            admin(f"DELETE FROM shop.orders WHERE order_id = '{chosen}'")
        case "paid":
            admin(
                f"UPDATE shop.order_payments SET payment_value = payment_value + 1 WHERE order_id = '{chosen}'"
            )
        case _:
            admin(f"UPDATE shop.customers SET customer_state = '{chance.choice(['SP', 'RJ'])}'")


def by_month(admin: Admin) -> dict[tuple[str, date], list[tuple[object, ...]]]:
    """What the views with days show of each month."""
    dated = sorted(VIEWS - {"customer_metrics"})
    query = "SELECT * FROM dashboard.{} WHERE date >= '{}' AND date < '{}' ORDER BY 1, 2"
    return {
        (view, month): admin(query.format(view, span.start, span.end))
        for view in dated
        for month, span in MONTHS.items()
    }
