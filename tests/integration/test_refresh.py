import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import groupby
from pathlib import Path

import pytest

from dashboard.catalogue import catalogue, load_catalogue
from dashboard.database import Database
from dashboard.errors import DatabaseError, UnknownQuery
from dashboard.refresh import build_views, refresh_views
from dashboard.versions import bump, read_versions

Admin = Callable[..., list[tuple[object, ...]]]
Define = Callable[..., None]


@pytest.fixture
def order(admin: Admin) -> Callable[[str], None]:
    """Somebody orders, and pays 10."""

    def order(order_id: str, day: str = "2017-11-24") -> None:
        admin(f"INSERT INTO shop.customers VALUES ('{order_id}', 'person {order_id}')")
        admin(f"INSERT INTO shop.orders VALUES ('{order_id}', '{order_id}', 'delivered', '{day}')")
        admin(f"INSERT INTO shop.order_payments VALUES ('{order_id}', 1, 'voucher', 1, 10)")

    return order


@pytest.fixture
def define(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Define]:
    """Give the catalogue these views, by name: what they select from their source."""

    def define(**selects: str) -> None:
        for path in tmp_path.glob("views/*.sql"):
            path.unlink()
        for name, select in selects.items():
            path = tmp_path / "views" / f"{name}.sql"
            path.parent.mkdir(exist_ok=True)
            path.write_text(
                f"-- It's a view.\nCREATE MATERIALIZED VIEW dashboard.{name} AS SELECT {select};\n"
                f"CREATE UNIQUE INDEX {name}_key ON dashboard.{name} (a);"
            )
        known = load_catalogue(tmp_path)
        monkeypatch.setattr("dashboard.catalogue.load_catalogue", lambda: known)
        catalogue.cache_clear()

    yield define
    catalogue.cache_clear()


def build(database: Database) -> list[str]:
    with database.writer() as writer:
        return build_views(writer)


def refresh(database: Database, *names: str) -> list[str]:
    views = [catalogue().view(name) for name in names] or None
    with database.writer() as writer:
        return [done.view for done in refresh_views(writer, reason="test", views=views)]


def versions(database: Database) -> dict[str, int]:
    with database.snapshot() as snapshot:
        rows = snapshot.frame(
            "SELECT relation, max(version) AS version FROM dashboard.versions GROUP BY relation"
        )
    return dict(rows.iter_rows())


def people(admin: Admin) -> dict[object, object]:
    """The number of each person."""
    return dict(admin("SELECT customer_unique_id, person FROM dashboard.people"))


def one(database: Database, sql: str) -> object:
    with database.snapshot() as snapshot:
        return snapshot.frame(sql).item()


DAILY = ("daily_sales_metrics",)
ORDERS = "SELECT coalesce(sum(total_orders), 0)::bigint AS n FROM dashboard.daily_sales_metrics"


class TestRefresh:
    def test_all_views_show_what_the_tables_hold(
        self, database: Database, order: Callable[[str], None]
    ) -> None:
        for name in ("a", "b"):
            order(name)
            assert refresh(database) == [view.name for view in catalogue().views]
        assert one(database, ORDERS) == 2
        assert one(database, "SELECT count(*) FROM dashboard.customer_metrics") == 2

    def test_a_single_view_is_filled_alone(self, database: Database, order: Callable[[str], None]) -> None:
        order("a")
        before = versions(database)
        assert refresh(database, "customer_metrics") == ["customer_metrics"]
        assert one(database, ORDERS) == 0
        after = versions(database)
        assert {name for name in after if after[name] != before[name]} == {"customer_metrics"}

    def test_views_that_read_a_view_are_filled_after_it(self, database: Database, define: Define) -> None:
        define(z="count(*) AS a FROM shop.customers", b="a FROM dashboard.z", c="1 AS a")
        build(database)
        with database.writer() as writer:
            writer.execute("INSERT INTO shop.customers VALUES ('c', 'p')")
            z = catalogue().view("z")
            assert [done.view for done in refresh_views(writer, reason="test", views=[z])] == ["z", "b"]
        assert one(database, "SELECT a FROM dashboard.b") == 1

    def test_sources_get_a_new_version_as_well(self, database: Database) -> None:
        with database.writer() as writer:
            refresh_views(writer, reason="test", views=[], sources=["orders", "orders", "customers"])
        assert versions(database).keys() >= {"orders", "customers"}

    def test_it_is_recorded(self, database: Database, admin: Admin, order: Callable[[str], None]) -> None:
        order("a")
        refresh(database, "daily_sales_metrics")
        recorded = "SELECT view, rows, months_changed, duration_seconds > 0, error FROM dashboard.refreshes"
        assert admin(f"{recorded} WHERE reason = 'test'") == [("daily_sales_metrics", 1, 1, True, None)]

    def test_one_that_fails_leaves_rows_and_versions(
        self, database: Database, admin: Admin, order: Callable[[str], None]
    ) -> None:
        before = versions(database)
        order("a")
        with suppress(RuntimeError), database.writer() as writer:
            refresh_views(writer, reason="test")
            raise RuntimeError
        assert versions(database) == before
        assert one(database, ORDERS) == 0
        assert admin("SELECT * FROM dashboard.refreshes WHERE reason = 'test'") == []

    def test_readers_go_on_beside_it_with_old_rows_under_the_old_version(
        self, database: Database, order: Callable[[str], None]
    ) -> None:
        order("a")
        refresh(database)
        before = versions(database)
        order("b")
        with database.writer() as writer:
            refresh_views(writer, reason="test")
            assert versions(database) == before
            assert one(database, ORDERS) == 1
        after = versions(database)
        assert after["daily_sales_metrics"] > max(before.values())
        assert one(database, ORDERS) == 2

    def test_one_waits_for_the_other(
        self, database: Database, admin: Admin, order: Callable[[str], None]
    ) -> None:
        order("a")
        refresh(database)
        with in_background(lambda: refresh(database)) as start, database.writer() as writer:
            refresh_views(writer, reason="first")
            start()
            wait_for_a_waiting_session(admin)
        reasons = [
            reason for (reason,) in admin("SELECT reason FROM dashboard.refreshes ORDER BY refresh_id")
        ]
        assert [reason for reason, _ in groupby(reasons)] == ["build", "test", "first", "test"]

    def test_rows_and_version_that_are_read_together_belong_together(
        self, database: Database, order: Callable[[str], None]
    ) -> None:
        """Also when a view is filled for the first time, and when it is built again."""
        seen: set[tuple[int, object]] = set()
        over = threading.Event()

        def read_on() -> None:
            while not over.is_set():
                with database.snapshot() as snapshot:
                    version = read_versions(snapshot).of(DAILY)
                    seen.add((version, snapshot.frame(ORDERS).item()))

        with in_background(read_on, read_on) as start:
            start()
            expected = {(versions(database)["daily_sales_metrics"], 0)}
            for count in range(1, 6):
                order(str(count))
                if count == 3:
                    forget_definition(database, "daily_sales_metrics")
                    build(database)
                else:
                    refresh(database)
                expected.add((versions(database)["daily_sales_metrics"], count))
            over.set()
        assert seen <= expected


class TestPeople:
    def test_new_ones_get_the_next_numbers_and_the_others_keep_theirs(
        self, database: Database, admin: Admin, order: Callable[[str], None]
    ) -> None:
        known: dict[object, object] = {}
        for name in ("c", "a", "b"):
            order(name)
            for _ in range(3):  # no number is drawn for who has one
                refresh(database)
            found = people(admin)
            assert found == known | {f"person {name}": len(known) + 1}
            known = found

    def test_one_with_several_ids_has_one_number(self, database: Database, admin: Admin) -> None:
        admin("INSERT INTO shop.customers VALUES ('a1', 'a'), ('a2', 'a'), ('b1', 'b')")
        refresh(database)
        assert people(admin) == {"a": 1, "b": 2}

    def test_who_left_keeps_the_number_and_has_it_again(
        self, database: Database, admin: Admin, order: Callable[[str], None]
    ) -> None:
        for name in ("a", "b"):
            order(name)
        refresh(database)
        before = people(admin)
        admin("DELETE FROM shop.order_payments; DELETE FROM shop.orders; DELETE FROM shop.customers")
        refresh(database)
        order("b")
        order("c")
        refresh(database)
        assert people(admin) == before | {"person c": 3}

    def test_only_views_that_read_the_numbers_need_them(
        self, database: Database, admin: Admin, order: Callable[[str], None]
    ) -> None:
        order("a")
        refresh(database, "daily_sales_metrics")
        assert people(admin) == {}
        refresh(database, "customer_days")
        assert people(admin) == {"person a": 1}

    def test_a_view_that_is_built_on_a_shop_with_orders_finds_them_numbered(
        self, database: Database, admin: Admin, order: Callable[[str], None]
    ) -> None:
        order("a")
        forget_definition(database, "customer_days")
        assert build(database) == ["customer_days"]
        assert admin("SELECT date::text, person FROM dashboard.customer_days") == [("2017-11-24", 1)]

    def test_new_numbers_are_a_new_version_and_old_ones_are_not(
        self, database: Database, order: Callable[[str], None]
    ) -> None:
        order("a")
        refresh(database)
        before = versions(database)
        refresh(database)
        assert versions(database)["people"] == before["people"]
        order("b")
        refresh(database)
        assert versions(database)["people"] > before["people"]

    def test_two_that_come_at_once_give_a_person_one_number(
        self, database: Database, admin: Admin, order: Callable[[str], None]
    ) -> None:
        order("a")
        with in_background(lambda: refresh(database)) as start, database.writer() as writer:
            refresh_views(writer, reason="first")
            start()
            wait_for_a_waiting_session(admin)
        assert people(admin) == {"person a": 1}


class TestBuild:
    def test_nothing_is_done_when_nothing_changed(self, database: Database) -> None:
        before = versions(database)
        assert build(database) == []
        assert versions(database) == before

    def test_a_changed_definition_is_built_again_with_what_reads_it_and_nothing_else(
        self, database: Database, admin: Admin, define: Define
    ) -> None:
        define(x="1 AS a", y="a FROM dashboard.x", z="a FROM dashboard.y", other="1 AS a")
        build(database)
        before = versions(database)
        admin("CREATE TEMPORARY TABLE before AS SELECT oid, relname FROM pg_class")
        define(x="2 AS a", y="a FROM dashboard.x", z="a FROM dashboard.y", other="1 AS a")
        assert build(database) == ["x", "y", "z"]
        assert build(database) == []
        assert one(database, "SELECT a FROM dashboard.z") == 2
        assert admin("SELECT relname FROM pg_class JOIN before USING (oid, relname) WHERE relname = 'other'")
        after = versions(database)
        assert {name for name in after if after[name] != before[name]} == {"x", "y", "z"}

    def test_a_definition_that_broke_leaves_the_old_view(self, database: Database, define: Define) -> None:
        define(x="1 AS a")
        build(database)
        define(x="nothing AS a")
        with pytest.raises(DatabaseError, match='column "nothing" does not exist'):
            build(database)
        assert one(database, "SELECT a FROM dashboard.x") == 1

    def test_a_view_without_a_file_is_dropped(self, database: Database, admin: Admin, define: Define) -> None:
        ours = {view.name for view in catalogue().views}
        define(x="1 AS a", y="a FROM dashboard.x")
        assert build(database) == sorted({"x", "y", *ours})
        define()
        assert build(database) == ["x", "y"]
        assert admin("SELECT * FROM pg_matviews WHERE schemaname = 'dashboard'") == []

    def test_a_view_of_somebody_else_stays(self, database: Database, admin: Admin) -> None:
        admin("CREATE MATERIALIZED VIEW dashboard.mine AS SELECT 1 AS a")
        assert build(database) == []
        assert admin("SELECT a FROM dashboard.mine") == [(1,)]

    def test_a_view_says_what_it_shows(self, database: Database, admin: Admin, define: Define) -> None:
        define(x="1 AS a")
        build(database)
        [(comment,)] = admin("SELECT obj_description('dashboard.x'::regclass)")
        assert str(comment).startswith("It's a view. [definition ")

    def test_it_waits_for_a_reader_who_knows_the_old_version(
        self, database: Database, admin: Admin, order: Callable[[str], None]
    ) -> None:
        order("a")
        refresh(database)
        forget_definition(database, "daily_sales_metrics")
        with in_background(lambda: build(database)) as start, database.snapshot() as snapshot:
            before = read_versions(snapshot).of(DAILY)
            start()
            wait_for_a_waiting_session(admin)
            assert snapshot.frame(ORDERS).item() == 1
        assert versions(database)["daily_sales_metrics"] > before


class TestBump:
    def test_a_later_commit_has_a_greater_number(self, database: Database, admin: Admin) -> None:
        def second() -> None:
            with database.writer() as writer:
                bump(writer, ["b"])

        with in_background(second) as start, database.writer() as writer:
            bump(writer, ["a"])
            start()
            wait_for_a_waiting_session(admin)
            assert "b" not in versions(database)
        found = versions(database)
        assert found["b"] > found["a"]

    def test_it_is_not_seen_before_the_commit_and_not_at_all_after_an_error(self, database: Database) -> None:
        before = versions(database)
        with suppress(RuntimeError), database.writer() as writer:
            bump(writer, ["customer_metrics"])
            assert versions(database) == before
            raise RuntimeError
        assert versions(database) == before


def test_an_unknown_view_is_answered_with_the_known_ones() -> None:
    with pytest.raises(UnknownQuery, match="customer_metrics"):
        catalogue().view("customers")


def forget_definition(database: Database, view: str) -> None:
    with database.writer() as writer:
        writer.execute(f"COMMENT ON MATERIALIZED VIEW dashboard.{view} IS '[definition of old]'")


@contextmanager
def in_background(*works: Callable[[], object]) -> Iterator[Callable[[], None]]:
    """Something that starts work in threads; at the end they are waited for, and must not have failed."""
    failures: list[BaseException] = []

    def run(work: Callable[[], object]) -> None:
        try:
            work()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=run, args=(work,)) for work in works]

    def start() -> None:
        for thread in threads:
            thread.start()

    yield start
    for thread in threads:
        thread.join()
    assert failures == []


def wait_for_a_waiting_session(admin: Admin) -> None:
    waiting = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    deadline = time.monotonic() + 60
    while not admin(waiting):
        assert time.monotonic() < deadline
        time.sleep(0.01)
