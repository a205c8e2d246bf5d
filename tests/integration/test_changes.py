import logging
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import date
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa
from rich.progress import Progress

from dashboard import schema
from dashboard.catalogue import catalogue, load_catalogue
from dashboard.changes import SOURCES, Backlog, backlog, forget, poll_sources, settle, track, triggers
from dashboard.database import Database
from dashboard.loading.demo import load_demo
from dashboard.settings import Settings

Admin = Callable[..., list[tuple[object, ...]]]
Entries = list[tuple[str, str | None]]

ENTRIES = "SELECT source, day::text FROM dashboard.change_log ORDER BY source, change_log.day"
EVE, DAY, NONE = "2017-11-23", "2017-11-24", "-infinity"
VIEWS = [view.name for view in catalogue().views]
SHOP = f"""
INSERT INTO shop.category_translation VALUES ('cama', 'bed');
INSERT INTO shop.products (product_id, product_category_name) VALUES ('p', 'cama');
INSERT INTO shop.customers VALUES ('a', 'person a'), ('b', 'person b'), ('c', 'person c');
INSERT INTO shop.orders VALUES ('a', 'a', 'shipped', '{EVE}'), ('b', 'b', 'shipped', '{DAY}');
INSERT INTO shop.order_payments VALUES ('a', 1, 'voucher', 1, 10), ('b', 1, 'voucher', 1, 10);
INSERT INTO shop.order_items VALUES ('a', 1, 'p', 's', NULL, 10, 1);
INSERT INTO shop.order_reviews VALUES ('r', 'b', 5);
DELETE FROM dashboard.change_log;
DELETE FROM dashboard.view_states;
"""


@pytest.fixture
def shop(admin: Admin) -> Admin:
    """A shop of two orders, on two days, nothing of which is logged, and views that were never filled."""
    admin(SHOP)
    return admin


@pytest.fixture
def other(database_url: str) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    """Another session, which opens transactions and gives up after five seconds in a queue."""
    with closing(psycopg.connect(database_url, options="-c lock_timeout=5s")) as connection:
        yield connection


def entries(admin: Admin) -> Entries:
    return admin(ENTRIES)


def fill(admin: Admin, *views: str) -> None:
    """What a refresh says of the views."""
    for view in views or VIEWS:
        admin(
            f"INSERT INTO dashboard.view_states (view, snapshot) VALUES ('{view}', pg_current_snapshot())"
            " ON CONFLICT (view) DO UPDATE SET snapshot = excluded.snapshot"
        )


def backlogs(database: Database) -> dict[str, Backlog]:
    with database.snapshot() as snapshot:
        return {one.view: one for one in backlog(snapshot)}


def pending(database: Database) -> list[str]:
    return [view for view, one in backlogs(database).items() if one.is_pending]


def forgotten(database: Database) -> int:
    with database.writer() as writer:
        return forget(writer)


def polled(database: Database) -> int:
    with database.writer() as writer:
        return poll_sources(writer)


ITEM, REVIEW = "INSERT INTO shop.order_items VALUES", "INSERT INTO shop.order_reviews VALUES"
LOGGED: dict[str, Entries] = {
    "INSERT INTO shop.orders VALUES ('n', 'c', 'shipped', '2018-01-01 23:59:59')": [("orders", "2018-01-01")],
    "UPDATE shop.orders SET order_status = 'delivered'": [("orders", EVE), ("orders", DAY)],
    f"UPDATE shop.orders SET order_purchase_timestamp = '2018-01-01' WHERE purchase_date = '{DAY}'": [
        ("orders", DAY),
        ("orders", "2018-01-01"),
    ],
    "UPDATE shop.order_payments SET payment_value = 11 WHERE order_id = 'a'": [("order_payments", EVE)],
    "UPDATE shop.order_payments SET order_id = 'b', payment_sequential = 2 WHERE order_id = 'a'": [
        ("order_payments", EVE),
        ("order_payments", DAY),
    ],
    "UPDATE shop.order_payments SET payment_value = 11": [("order_payments", EVE), ("order_payments", DAY)],
    "DELETE FROM shop.order_payments": [("order_payments", EVE), ("order_payments", DAY)],
    f"{ITEM} ('b', 1, 'p', 's', NULL, 10, 1), ('b', 2, 'p', 's', NULL, 10, 1)": [("order_items", DAY)],
    f"{REVIEW} ('s', 'a', 5), ('s', 'b', 5)": [("order_reviews", EVE), ("order_reviews", DAY)],
    "INSERT INTO shop.customers VALUES ('d', 'person d')": [("customers", NONE)],
    "UPDATE shop.customers SET customer_state = 'SP'": [
        ("customers", NONE),
        ("customers", EVE),
        ("customers", DAY),
    ],
    "UPDATE shop.customers SET customer_state = 'SP' WHERE customer_id = 'a'": [("customers", EVE)],
    "DELETE FROM shop.customers WHERE customer_id = 'c'": [("customers", NONE)],
    "UPDATE shop.products SET product_photos_qty = 2": [("products", None)],
    "INSERT INTO shop.category_translation VALUES ('mesa', 'table')": [("category_translation", None)],
    "TRUNCATE shop.order_payments": [("order_payments", None)],
    "TRUNCATE shop.orders CASCADE": [
        ("order_items", None),
        ("order_payments", None),
        ("order_reviews", None),
        ("orders", None),
    ],
    "INSERT INTO shop.sellers VALUES ('s')": [],
    "DELETE FROM shop.order_payments WHERE payment_value > 1000": [],
    "UPDATE shop.products SET product_photos_qty = 2 WHERE product_id = 'nothing'": [],
    "INSERT INTO shop.customers VALUES ('a', 'x') ON CONFLICT DO NOTHING": [],
    "INSERT INTO shop.order_payments VALUES ('a', 1, 'voucher', 1, 12)"
    " ON CONFLICT (order_id, payment_sequential) DO UPDATE SET payment_value = 12": [("order_payments", EVE)],
    "MERGE INTO shop.orders USING (VALUES ('a'), ('n')) AS new (id) ON id = order_id"
    " WHEN MATCHED THEN UPDATE SET order_status = 'delivered'"
    " WHEN NOT MATCHED THEN INSERT (order_id, customer_id, order_status, order_purchase_timestamp)"
    " VALUES (id, 'c', 'shipped', '2018-01-01')": [("orders", EVE), ("orders", "2018-01-01")],
}


class TestTriggers:
    @pytest.mark.usefixtures("shop")
    def test_a_statement_logs_the_days_that_it_changed(self, other: psycopg.Connection) -> None:
        found: dict[str, Entries] = {}
        for statement in LOGGED:
            with other.transaction(force_rollback=True):
                other.execute(statement)
                found[statement] = other.execute(ENTRIES).fetchall()
        assert found == LOGGED

    def test_what_is_deleted_with_its_order_may_be_of_any_day(self, shop: Admin) -> None:
        for table in ("order_payments", "order_items", "order_reviews"):
            shop(
                f"ALTER TABLE shop.{table} DROP CONSTRAINT {table}_order_id_fkey, "
                "ADD FOREIGN KEY (order_id) REFERENCES shop.orders ON DELETE CASCADE"
            )
        shop("DELETE FROM shop.orders")
        assert set(entries(shop)) == {
            ("orders", EVE),
            ("orders", DAY),
            ("order_payments", None),
            ("order_items", None),
            ("order_reviews", None),
        }

    def test_what_is_undone_is_not_logged(self, shop: Admin, other: psycopg.Connection) -> None:
        with other.transaction():
            other.execute("UPDATE shop.products SET product_photos_qty = 2")
            with other.transaction(force_rollback=True):
                other.execute("UPDATE shop.orders SET order_status = 'delivered'")
        assert entries(shop) == [("products", None)]

    def test_a_bulk_load_logs_days_and_not_rows(self, shop: Admin, other: psycopg.Connection) -> None:
        copy_in(other, 2_000)
        other.commit()
        days = [f"2018-01-0{day}" for day in range(1, 5)]
        assert entries(shop) == [
            ("customers", NONE),
            *(("order_payments", day) for day in days),
            *(("orders", day) for day in days),
        ]

    @pytest.mark.usefixtures("shop")
    def test_a_bulk_load_without_indexes_searches_no_days(self, other: psycopg.Connection) -> None:
        other.execute("ALTER TABLE shop.orders DROP CONSTRAINT orders_pkey CASCADE")
        copy_in(other, 100)
        other.execute("INSERT INTO shop.order_items VALUES ('1', 1, 'p', 's', NULL, 10, 1)")
        assert [
            found
            for (found,) in other.execute(
                "SELECT day::text FROM dashboard.change_log WHERE source LIKE 'order\\__%' ORDER BY source"
            )
        ] == ["2018-01-02", None]

    def test_one_row_after_a_bulk_load_reads_one_order(self, shop: Admin, other: psycopg.Connection) -> None:
        copy_in(other, 4_000)
        other.commit()
        shop("ANALYZE shop.orders")

        def scans() -> tuple[object, ...] | None:
            return other.execute("SELECT pg_stat_get_xact_numscans('shop.orders'::regclass)").fetchone()

        other.execute("INSERT INTO shop.order_payments SELECT order_id, 2, 'voucher', 1, 10 FROM shop.orders")
        other.execute("UPDATE shop.order_payments SET payment_value = 9")
        other.execute("UPDATE shop.customers SET customer_state = 'SP'")
        before = scans()
        other.execute("INSERT INTO shop.order_payments VALUES ('1', 3, 'voucher', 1, 10)")
        other.execute(
            "UPDATE shop.order_payments SET payment_value = 8 WHERE order_id = '2' AND payment_sequential = 1"
        )
        other.execute("UPDATE shop.customers SET customer_state = 'RJ' WHERE customer_id = '3'")
        assert scans() == before

    def test_who_may_only_write_to_the_shop_is_logged(self, shop: Admin, other: psycopg.Connection) -> None:
        role = f"till_{other.info.dbname}"
        shop(
            f"CREATE ROLE {role}; GRANT USAGE ON SCHEMA shop TO {role}; GRANT INSERT ON shop.orders TO {role}"
        )
        try:
            other.execute(f"SET ROLE {role}")
            other.execute("SET search_path = pg_temp")
            other.execute("INSERT INTO shop.orders VALUES ('n', 'c', 'shipped', '2018-01-01')")
            with pytest.raises(psycopg.errors.InsufficientPrivilege), other.transaction():
                other.execute("SELECT FROM dashboard.change_log")
            other.commit()
            assert entries(shop) == [("orders", "2018-01-01")]
        finally:
            other.close()
            shop(f"DROP OWNED BY {role}; DROP ROLE {role}")

    @pytest.mark.parametrize("level", ["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"])
    def test_writers_of_one_day_do_not_wait_for_each_other(
        self, shop: Admin, other: psycopg.Connection, database_url: str, level: str
    ) -> None:
        with closing(psycopg.connect(database_url, options="-c lock_timeout=5s")) as third:
            for name, session in {"m": other, "n": third}.items():
                session.execute(f"SET TRANSACTION ISOLATION LEVEL {level}")
                session.execute(f"INSERT INTO shop.customers VALUES ('{name}', '{name}')")
                session.execute(f"INSERT INTO shop.orders VALUES ('{name}', '{name}', 'shipped', '{DAY}')")
                session.execute(f"INSERT INTO shop.order_payments VALUES ('{name}', 1, 'voucher', 1, 10)")
            third.commit()
            other.commit()
        mine = [("customers", NONE), ("order_payments", DAY), ("orders", DAY)]
        assert entries(shop) == sorted(mine * 2)


def copy_in(connection: psycopg.Connection, orders: int) -> None:
    """Copy orders of four days in, each with a payment."""
    tables = {
        "customers (customer_id, customer_unique_id)": "{0},{0}",
        "orders (order_id, customer_id, order_status, order_purchase_timestamp)": "{0},{0},shipped,2018-01-0{1}",
        "order_payments": "{0},1,voucher,1,10",
    }
    with connection.cursor() as cursor:
        for table, row in tables.items():
            with cursor.copy(f"COPY shop.{table} FROM STDIN (FORMAT csv)") as copy:
                copy.write("".join(row.format(n, n % 4 + 1) + "\n" for n in range(orders)))


class TestTracking:
    def test_all_tables_that_views_read_are_tracked(self) -> None:
        read = {name for view in catalogue().views for name in view.reads}
        assert read - set(VIEWS) - {"people"} <= set(SOURCES)

    def test_nothing_of_ours_is_in_the_shop_but_triggers(self, database: Database, admin: Admin) -> None:
        track(database, "triggers")
        found = admin(
            "SELECT count(*) FROM pg_proc WHERE pronamespace = 'shop'::regnamespace UNION ALL"
            " SELECT count(DISTINCT (tgrelid, tgtype)) FROM pg_trigger WHERE tgname LIKE 'daybook%'"
        )
        assert found == [(0,), (4 * len(SOURCES),)]

    @pytest.mark.parametrize("tracking", ["poll", "off"])
    def test_triggers_go_and_come_back_and_then_any_day_may_have_changed(
        self, database: Database, shop: Admin, tracking: str
    ) -> None:
        fill(shop)
        schema.prepare(database, tracking)
        assert shop("SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'daybook%'") == [(0,)]
        assert shop(
            "SELECT count(*) FROM pg_proc WHERE proname LIKE 'log%' AND prorettype = 'trigger'::regtype"
        ) == [(0,)]
        shop("UPDATE shop.orders SET order_status = 'delivered'")
        assert entries(shop) == []
        schema.prepare(database, "triggers")
        assert entries(shop) == [(source, None) for source in sorted(SOURCES)]
        assert pending(database) == VIEWS

    def test_in_place_they_are_left_alone(
        self, database: Database, shop: Admin, other: psycopg.Connection
    ) -> None:
        other.execute("LOCK TABLE shop.orders IN ROW EXCLUSIVE MODE")
        schema.prepare(database, "triggers")
        assert entries(shop) == []

    @pytest.mark.parametrize(
        "damage",
        [
            "ALTER TABLE shop.orders DISABLE TRIGGER daybook_delete",
            "DROP TRIGGER daybook_delete ON shop.orders",
            "COMMENT ON FUNCTION dashboard.log_delete_of_orders() IS 'Of another version'",
        ],
    )
    def test_others_than_ours_are_replaced(self, database: Database, shop: Admin, damage: str) -> None:
        shop(damage)
        schema.prepare(database)
        forgotten(database)
        shop("DELETE FROM shop.order_payments; DELETE FROM shop.order_items; DELETE FROM shop.order_reviews")
        shop("DELETE FROM dashboard.change_log; DELETE FROM shop.orders")
        assert entries(shop) == [("orders", EVE), ("orders", DAY)]

    def test_they_are_made_and_made_anew_also_where_postgresql_can_not_replace_them(
        self,
        database: Database,
        shop: Admin,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        monkeypatch.setattr(triggers, "_CAN_REPLACE", "SELECT false")
        track(database, "off")
        for damage in (
            "SELECT 1",
            "COMMENT ON FUNCTION dashboard.log_delete_of_orders() IS 'Of another version'",
            "DROP TRIGGER daybook_delete ON shop.orders; CREATE TRIGGER daybook_delete AFTER INSERT ON shop.orders"
            " EXECUTE FUNCTION suppress_redundant_updates_trigger()",
        ):
            shop(damage)
            with caplog.at_level(logging.WARNING):
                track(database, "triggers")
            assert caplog.text == ""
            assert polled(database) == 0
            shop("DELETE FROM dashboard.change_log")
            track(database, "triggers")
            assert entries(shop) == []
        sent = [statement for source in SOURCES for statement in triggers._old_installation(source, "")]
        assert sum("CREATE TRIGGER" in statement for statement in sent) == 4 * len(SOURCES)
        assert not any("REPLACE TRIGGER" in statement for statement in sent)

    def test_a_writer_in_the_way_is_not_waited_for(
        self, database: Database, other: psycopg.Connection, caplog: pytest.LogCaptureFixture
    ) -> None:
        track(database, "off")
        other.execute("LOCK TABLE shop.order_items IN ROW EXCLUSIVE MODE")
        with caplog.at_level(logging.WARNING):
            track(database, "triggers")
        assert "not in place, and polled instead" in caplog.text
        assert polled(database) == 1
        other.rollback()
        track(database, "triggers")
        assert polled(database) == 0

    def test_where_the_user_may_not_make_triggers_it_is_said_and_polled(
        self,
        database: Database,
        database_url: str,
        settings: Settings,
        shop: Admin,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        track(database, "off")
        role = f"guest_{sa.make_url(database_url).database}"
        shop(
            f"CREATE ROLE {role} LOGIN PASSWORD 'guest'; GRANT USAGE ON SCHEMA shop TO {role};"
            f"GRANT SELECT ON ALL TABLES IN SCHEMA shop TO {role}; GRANT ALL ON SCHEMA dashboard TO {role};"
            f"GRANT ALL ON ALL TABLES IN SCHEMA dashboard TO {role}"
        )
        url = sa.make_url(database_url).set(username=role, password="guest")
        try:
            with closing(Database(url.render_as_string(hide_password=False), settings)) as guest:
                with caplog.at_level(logging.WARNING):
                    track(guest, "triggers")
                [record] = caplog.records
                assert "not in place, and polled instead" in record.message
                assert "permission denied for table orders" in record.message
                assert polled(guest) == len(SOURCES)
        finally:
            shop(f"DROP OWNED BY {role}; DROP ROLE {role}")


class TestPolling:
    @pytest.fixture
    def watched(self, database: Database, shop: Admin) -> Admin:
        """The shop, polled already and then not changed."""
        shop("SELECT pg_stat_force_next_flush()")
        schema.prepare(database, "poll")
        assert polled(database) == len(SOURCES)
        shop("DELETE FROM dashboard.change_log")
        return shop

    @pytest.mark.parametrize(
        "statement",
        [
            "INSERT INTO shop.orders VALUES ('n', 'c', 'shipped', '2018-01-01')",
            "UPDATE shop.orders SET order_status = 'delivered' WHERE order_id = 'a'",
            "TRUNCATE shop.orders CASCADE",
        ],
    )
    def test_a_changed_table_may_have_changed_on_any_day(
        self, database: Database, watched: Admin, statement: str
    ) -> None:
        watched(statement)
        watched("SELECT pg_stat_force_next_flush()")
        assert polled(database) >= 1
        assert ("orders", None) in entries(watched)
        assert polled(database) == 0

    def test_what_is_not_changed_is_not_logged(self, database: Database, watched: Admin) -> None:
        watched("SELECT count(*) FROM shop.orders")
        watched("VACUUM ANALYZE shop.orders")
        watched("SELECT pg_stat_force_next_flush()")
        assert polled(database) == 0

    def test_it_goes_on_where_another_process_ended(
        self, database: Database, watched: Admin, settings: Settings, database_url: str
    ) -> None:
        watched("DELETE FROM shop.order_payments; SELECT pg_stat_force_next_flush()")
        with closing(Database(database_url, settings)) as later:
            assert polled(later) == 1
        assert polled(database) == 0
        assert entries(watched) == [("order_payments", None)]

    def test_tables_with_triggers_are_not_polled(self, database: Database) -> None:
        assert polled(database) == 0


class TestBacklog:
    def test_a_view_that_was_never_filled_has_to_be(self, database: Database, shop: Admin) -> None:
        fill(shop, *VIEWS[1:])
        assert pending(database) == VIEWS[:1]
        assert backlogs(database)[VIEWS[0]] == Backlog(VIEWS[0], False, (), False, None)

    def test_a_view_lacks_what_changed_in_the_tables_that_it_reads(
        self, database: Database, shop: Admin
    ) -> None:
        fill(shop)
        assert pending(database) == []
        shop("UPDATE shop.order_items SET price = 11; UPDATE shop.products SET product_photos_qty = 2")
        assert sorted(pending(database)) == ["daily_sales_by_category", "item_facts"]
        found = backlogs(database)["daily_sales_by_category"]
        assert (found.days, found.is_any_day) == ((date(2017, 11, 23),), True)
        assert [(found.since,)] == shop("SELECT min(changed_at) FROM dashboard.change_log")

    def test_days_are_in_order_and_told_once(self, database: Database, shop: Admin) -> None:
        fill(shop)
        shop("UPDATE shop.orders SET order_status = 'delivered' WHERE order_id = 'b'")
        shop("UPDATE shop.orders SET order_status = 'delivered'")
        shop("INSERT INTO shop.customers VALUES ('d', 'person d')")
        found = backlogs(database)["daily_sales_metrics"]
        assert (found.days, found.is_any_day) == ((date(2017, 11, 23), date(2017, 11, 24)), False)

    def test_a_customer_without_orders_is_a_change(self, database: Database, shop: Admin) -> None:
        fill(shop)
        shop("INSERT INTO shop.customers VALUES ('d', 'person d')")
        found = backlogs(database)["customer_metrics"]
        assert (found.is_pending, found.days, found.is_any_day) == (True, (), False)

    def test_who_commits_during_a_refresh_is_seen_by_the_next(
        self, database: Database, shop: Admin, other: psycopg.Connection
    ) -> None:
        other.execute("UPDATE shop.orders SET order_status = 'early' WHERE order_id = 'a'")
        shop("UPDATE shop.orders SET order_status = 'late' WHERE order_id = 'b'")
        fill(shop)
        assert pending(database) == []
        other.commit()
        assert backlogs(database)["daily_sales_metrics"].days == (date(2017, 11, 23),)
        fill(shop)
        assert pending(database) == []

    def test_views_are_behind_each_by_itself(self, database: Database, shop: Admin) -> None:
        shop("UPDATE shop.orders SET order_status = 'delivered'")
        fill(shop, *VIEWS[:2])
        assert pending(database) == VIEWS[2:]

    def test_a_view_lacks_also_what_the_views_that_it_reads_lack(
        self, database: Database, shop: Admin, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        for name, source in {"first": "shop.products", "second": "dashboard.first"}.items():
            path = tmp_path / "views" / f"{name}.sql"
            path.parent.mkdir(exist_ok=True)
            path.write_text(
                f"-- A view.\nCREATE MATERIALIZED VIEW dashboard.{name} AS SELECT product_id FROM {source};\n"
                f"CREATE UNIQUE INDEX {name}_key ON dashboard.{name} (product_id);"
            )
        known = load_catalogue(tmp_path)
        monkeypatch.setattr("dashboard.changes.log.catalogue", lambda: known)
        fill(shop, "first", "second")
        shop("INSERT INTO dashboard.change_log (source) VALUES ('first')")
        assert pending(database) == ["second"]
        shop("UPDATE shop.products SET product_photos_qty = 2")
        fill(shop, "first")
        assert pending(database) == ["second"]

    def test_states_of_another_cluster_say_nothing(self, database: Database, shop: Admin) -> None:
        fill(shop)
        shop(
            "UPDATE dashboard.view_states SET snapshot = '9000000000:9000000000:' WHERE view = 'customer_days'"
        )
        assert pending(database) == ["customer_days"]

    def test_entries_of_another_cluster_are_not_pending_for_ever(
        self, database: Database, shop: Admin
    ) -> None:
        shop("INSERT INTO dashboard.change_log (source, transaction) VALUES ('orders', '9000000000')")
        assert pending(database) == VIEWS
        fill(shop)
        assert pending(database) == []
        assert forgotten(database) == 1

    def test_in_another_cluster_all_views_have_to_be_filled(self, database: Database, shop: Admin) -> None:
        fill(shop)
        shop(
            "UPDATE dashboard.view_states SET snapshot = '1:1:'"
        )  # which this cluster has reached in the meantime
        [(mark,)] = shop("SELECT obj_description('dashboard.log_delete_of_orders()'::regprocedure)")
        for (name,) in shop("SELECT oid::regprocedure FROM pg_proc WHERE proname LIKE 'log\\__%\\_of\\__%'"):
            shop(f"COMMENT ON FUNCTION {name} IS '{str(mark).rpartition(' ')[0]} 7]'")
        schema.prepare(database)
        assert [one.is_filled for one in backlogs(database).values()] == [False] * len(VIEWS)


class TestForgetting:
    def test_what_all_views_show_is_deleted(
        self, database: Database, shop: Admin, other: psycopg.Connection
    ) -> None:
        shop("UPDATE shop.orders SET order_status = 'delivered'")
        other.execute("UPDATE shop.products SET product_photos_qty = 2")
        fill(shop)
        assert forgotten(database) == 2
        other.commit()
        assert forgotten(database) == 0
        assert entries(shop) == [("products", None)]

    def test_what_a_view_does_not_show_is_kept(self, database: Database, shop: Admin) -> None:
        fill(shop)
        shop("UPDATE shop.orders SET order_status = 'delivered' WHERE order_id = 'a'")
        shop("INSERT INTO shop.order_reviews VALUES ('s', 'a', 5)")  # which no view reads
        fill(shop, *VIEWS[1:])
        before = backlogs(database)
        assert forgotten(database) == 1
        assert backlogs(database) == before
        assert entries(shop) == [("orders", EVE)]

    def test_what_says_the_same_once_more_is_deleted(self, database: Database, shop: Admin) -> None:
        fill(shop)
        for status in ("approved", "shipped", "delivered"):
            shop(f"UPDATE shop.orders SET order_status = '{status}'")
        fill(shop, *VIEWS[1:])
        shop("UPDATE shop.orders SET order_status = 'canceled' WHERE order_id = 'a'")
        before = backlogs(database)
        assert forgotten(database) == 4
        assert backlogs(database) == before
        assert entries(shop) == [("orders", EVE), ("orders", EVE), ("orders", DAY)]

    def test_the_own_changes_of_a_transaction_are_kept(self, database: Database, shop: Admin) -> None:
        fill(shop)
        with database.writer() as writer:
            writer.execute("UPDATE shop.orders SET order_status = 'delivered'")
            assert forget(writer) == 0
        assert len(entries(shop)) == 2

    def test_what_a_transaction_logged_before_it_filled_all_views_is_settled(
        self, database: Database, shop: Admin
    ) -> None:
        shop("UPDATE shop.products SET product_photos_qty = 2")
        with database.writer() as writer:
            writer.execute("UPDATE shop.orders SET order_status = 'delivered'")
            settle(writer, catalogue().views)
        assert entries(shop) == [("products", None)]

    def test_what_other_views_read_is_not_settled(self, database: Database, shop: Admin) -> None:
        with database.writer() as writer:
            writer.execute("UPDATE shop.orders SET order_status = 'delivered' WHERE order_id = 'a'")
            writer.execute("UPDATE shop.order_items SET price = 11")
            settle(writer, [catalogue().view(name) for name in ("daily_sales_by_category", "item_facts")])
        assert entries(shop) == [("orders", EVE)]

    def test_a_load_that_fills_the_views_leaves_no_backlog(self, database: Database, admin: Admin) -> None:
        for replace in (False, True):
            with Progress(disable=True) as progress:
                load_demo(database, orders=50, replace=replace, progress=progress)
            assert pending(database) == []
            forgotten(database)
            assert entries(admin) == []
