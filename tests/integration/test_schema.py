import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from dashboard import schema
from dashboard.catalogue import catalogue, load_catalogue
from dashboard.database import READER_ROLE, Database
from dashboard.errors import CatalogueError, MissingRights, NewerSchema
from dashboard.settings import ROOT, Settings

Admin = Callable[..., list[tuple[object, ...]]]


@pytest.fixture
def empty(empty_url: str, settings: Settings) -> Iterator[Database]:
    """A database that holds nothing."""
    database = Database(empty_url, settings)
    yield database
    database.close()


@pytest.fixture
def empty_admin(empty_url: str) -> Iterator[Admin]:
    """Run SQL as the owner of the empty database."""
    with psycopg.connect(empty_url, autocommit=True) as connection:

        def run(sql: str) -> list[tuple[object, ...]]:
            cursor = connection.execute(sql)
            return cursor.fetchall() if cursor.description else []

        yield run


@pytest.fixture
def limited(empty_url: str, empty_admin: Admin, settings: Settings) -> Iterator[Database]:
    """The empty database, as a user who may only connect."""
    user = f"limited_{sa.make_url(empty_url).database}"
    empty_admin(f"CREATE ROLE {user} LOGIN PASSWORD 'limited'")
    url = sa.make_url(empty_url).set(username=user, password="limited")
    database = Database(url.render_as_string(hide_password=False), settings)
    yield database
    database.close()
    empty_admin(f"DROP OWNED BY {user} CASCADE")
    empty_admin(f"DROP ROLE {user}")


def read(database: Database, sql: str) -> list[tuple[object, ...]]:
    with database.snapshot() as snapshot:
        return snapshot.frame(sql).rows()


def relations(admin: Admin) -> set[object]:
    found = admin(
        "SELECT oid::regclass::text FROM pg_class WHERE relkind IN ('r', 'm')"
        " AND relnamespace IN ('shop'::regnamespace, 'dashboard'::regnamespace)"
    )
    return {name for (name,) in found}


def migrate_down(database: Database, admin: Admin, revision: str) -> None:
    for view in catalogue().views:
        admin(f"DROP {view.kind} dashboard.{view.name} CASCADE")
    with database.connection() as connection:
        config = Config(attributes={"connection": connection})
        config.set_main_option("script_location", str(ROOT / "migrations"))
        command.downgrade(config, revision)


SHOP = {
    "orders",
    "order_items",
    "order_payments",
    "order_reviews",
    "customers",
    "products",
    "sellers",
    "category_translation",
}


class TestPrepared:
    def test_an_empty_database_gets_tables_and_views_and_can_be_read(
        self, empty: Database, empty_admin: Admin
    ) -> None:
        schema.prepare(empty)
        assert {f"shop.{name}" for name in SHOP} < relations(empty_admin)
        assert {f"dashboard.{view.name}" for view in catalogue().views} < relations(empty_admin)
        assert read(empty, "SELECT count(*) FROM shop.orders") == [(0,)]

    def test_each_view_has_a_version(self, database: Database) -> None:
        found = read(database, "SELECT relation FROM dashboard.versions WHERE version > 0")
        assert {relation for (relation,) in found} >= {view.name for view in catalogue().views}

    def test_preparing_again_writes_nothing_and_waits_for_no_refresh(
        self, database: Database, database_url: str, admin: Admin
    ) -> None:
        admin(f"ALTER DATABASE {sa.make_url(database_url).database} SET default_transaction_read_only = on")
        with psycopg.connect(database_url) as refresher:
            refresher.execute("SET TRANSACTION READ WRITE")
            refresher.execute("SELECT pg_advisory_xact_lock(hashtext('daybook refresh'))")
            refresher.execute("LOCK TABLE dashboard.versions IN ACCESS EXCLUSIVE MODE")
            schema.prepare(database)

    def test_several_may_prepare_at_once(
        self, empty_url: str, empty_admin: Admin, settings: Settings
    ) -> None:
        failures: list[BaseException] = []

        def prepare() -> None:
            database = Database(empty_url, settings)
            try:
                schema.prepare(database)
            except BaseException as error:
                failures.append(error)
            database.close()

        threads = [threading.Thread(target=prepare) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failures == []
        assert {f"shop.{name}" for name in SHOP} < relations(empty_admin)

    def test_after_an_error_nothing_is_left_behind(
        self, empty: Database, empty_admin: Admin, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(_: object) -> None:
            raise RuntimeError

        monkeypatch.setattr("dashboard.schema.build_views", fail)
        with pytest.raises(RuntimeError):
            schema.prepare(empty)
        assert empty_admin("SELECT to_regnamespace('shop') IS NULL") == [(True,)]

    def test_rights_to_read_that_were_lost_are_given_again(self, database: Database, admin: Admin) -> None:
        admin(f"REVOKE SELECT ON ALL TABLES IN SCHEMA shop FROM {READER_ROLE}")
        schema.prepare(database)
        assert read(database, "SELECT current_user::text, count(*) FROM shop.orders") == [(READER_ROLE, 0)]

    def test_statements_are_counted(self, database: Database) -> None:
        assert read(database, "SELECT count(*) > 0 AS known FROM pg_stat_statements") == [(True,)]


class TestMigrations:
    @pytest.fixture
    def indexes(self, admin: Admin) -> dict[object, object]:
        return dict(
            admin("SELECT indexname, indexdef FROM pg_indexes WHERE schemaname IN ('shop', 'dashboard')")
        )

    def test_the_guides_indexes_are_there(self, indexes: dict[object, str]) -> None:
        assert indexes["ix_orders_customer_status"].endswith(
            "shop.orders USING btree (customer_id, order_status, order_purchase_timestamp)"
        )
        active = indexes["ix_orders_active"]
        assert "WHERE (order_status <> ALL (ARRAY['delivered'::text, 'canceled'::text]))" in active
        high_value = indexes["ix_customers_high_value"]
        assert "ON dashboard.customer_metrics" in high_value
        assert "WHERE (total_spent > (1000)::numeric)" in high_value

    def test_every_table_of_the_shop_has_a_key(self, admin: Admin) -> None:
        keys = admin(
            "SELECT relname FROM pg_constraint JOIN pg_class ON pg_class.oid = conrelid"
            " WHERE contype = 'p' AND relnamespace = 'shop'::regnamespace"
        )
        assert {name for (name,) in keys} == SHOP

    def test_the_business_day_is_stored_and_follows_the_time(self, admin: Admin) -> None:
        assert admin(
            "SELECT attgenerated FROM pg_attribute"
            " WHERE attrelid = 'shop.orders'::regclass AND attname = 'purchase_date'"
        ) == [("s",)]
        admin("INSERT INTO shop.customers VALUES ('c', 'p')")
        admin("INSERT INTO shop.orders VALUES ('o', 'c', 'delivered', '2017-11-24 23:59:59.9')")
        assert admin("SELECT purchase_date::text FROM shop.orders") == [("2017-11-24",)]

    WRONG = (
        "INSERT INTO shop.orders VALUES ('o', 'nobody', 'delivered', '2017-11-24')",
        "INSERT INTO shop.order_items VALUES ('nothing', 1, 'nothing', 's', NULL, 1, 1)",
        "INSERT INTO shop.order_payments VALUES ('o', 1, 'voucher', 1, -0.01)",
        "INSERT INTO shop.order_payments VALUES ('o', 0, 'voucher', 1, 1)",
        "INSERT INTO shop.order_payments VALUES ('nothing', 1, 'voucher', 1, 1)",
        "INSERT INTO shop.order_reviews VALUES ('r', 'o', 6)",
        "INSERT INTO shop.order_reviews VALUES ('r', 'o', 0)",
        "INSERT INTO dashboard.versions VALUES ('orders', '2017-11-24')",
        "DELETE FROM shop.customers",
    )

    @pytest.fixture
    def shop(self, admin: Admin) -> None:
        admin("INSERT INTO shop.customers VALUES ('c', 'p')")
        admin("INSERT INTO shop.orders VALUES ('o', 'c', 'delivered', '2017-11-24')")

    @pytest.mark.usefixtures("shop")
    def test_what_makes_no_sense_is_refused(self, admin: Admin) -> None:
        for statement in self.WRONG:
            with pytest.raises(psycopg.errors.IntegrityError):
                admin(statement)

    def test_a_newer_database_stops_the_program(self, database: Database, admin: Admin) -> None:
        admin("UPDATE dashboard.schema_revision SET version_num = '9999'")
        with pytest.raises(NewerSchema, match=r"at migration 9999, this program knows up to \d+.* Update"):
            schema.prepare(database)
        assert admin("SELECT version_num FROM dashboard.schema_revision") == [("9999",)]

    def test_a_shop_from_before_people_had_numbers_gets_them(
        self, database: Database, database_url: str, admin: Admin
    ) -> None:
        migrate_down(database, admin, "0001")
        admin(
            "INSERT INTO shop.customers VALUES ('c', 'p'); INSERT INTO shop.orders VALUES ('o', 'c', 'shipped', now())"
        )
        schema.prepare(database)
        numbered = "SELECT current_user::text AS who, person, customer_unique_id FROM dashboard.people"
        assert read(database, f"{numbered} JOIN dashboard.customer_days USING (person)") == [
            (READER_ROLE, 1, "p")
        ]
        admin(f"ALTER DATABASE {sa.make_url(database_url).database} SET default_transaction_read_only = on")
        database.close()
        schema.prepare(database)  # which has nothing to write

    def test_they_can_be_undone_and_done_again(self, database: Database, admin: Admin) -> None:
        migrate_down(database, admin, "base")
        assert relations(admin) == {"dashboard.schema_revision"}
        schema.prepare(database)
        assert {f"shop.{name}" for name in SHOP} < relations(admin)


class TestRights:
    def test_a_user_without_any_is_told_which_to_ask_for(
        self, limited: Database, empty_admin: Admin, empty_url: str
    ) -> None:
        name = sa.make_url(empty_url).database
        with pytest.raises(MissingRights) as caught:
            schema.prepare(limited)
        grant = f"GRANT CREATE ON DATABASE {name} TO limited_{name}"
        assert str(caught.value).endswith(f"administrator run: {grant}")
        empty_admin(grant)
        schema.prepare(limited)

    def test_a_user_with_schemas_of_somebody_else_is_told_which_to_ask_for(
        self, limited: Database, empty_admin: Admin
    ) -> None:
        empty_admin("CREATE SCHEMA shop; CREATE SCHEMA dashboard; CREATE SCHEMA procrastinate")
        empty_admin("GRANT USAGE ON SCHEMA shop TO public")
        with pytest.raises(MissingRights) as caught:
            schema.prepare(limited)
        *_, grants = str(caught.value).partition("run: ")
        assert grants.count("GRANT USAGE, CREATE ON SCHEMA") == 3
        assert "ON DATABASE" not in grants
        empty_admin(grants)
        schema.prepare(limited)
        assert {f"shop.{name}" for name in SHOP} < relations(empty_admin)

    def test_a_user_who_may_make_no_role_reads_by_a_session_that_only_reads(
        self, limited: Database, empty_admin: Admin, empty_url: str
    ) -> None:
        name = sa.make_url(empty_url).database
        empty_admin(f"GRANT CREATE ON DATABASE {name} TO limited_{name}")
        schema.prepare(limited)
        schema.prepare(limited)
        session = "SELECT current_user::text AS who, current_setting('transaction_read_only') AS read_only"
        assert read(limited, session) == [(f"limited_{name}", "on")]
        assert read(limited, "SELECT count(*) FROM shop.orders") == [(0,)]

    def test_a_user_who_may_make_roles_reads_as_the_reader(
        self, limited: Database, empty_admin: Admin, empty_url: str
    ) -> None:
        name = sa.make_url(empty_url).database
        empty_admin(f"GRANT CREATE ON DATABASE {name} TO limited_{name}")
        empty_admin(f"ALTER ROLE limited_{name} CREATEROLE")
        empty_admin(f"ALTER ROLE {READER_ROLE} RENAME TO reader_before")  # roles belong to the whole server
        try:
            schema.prepare(limited)
            assert read(limited, "SELECT current_user::text, count(*) FROM shop.orders") == [(READER_ROLE, 0)]
        finally:
            empty_admin(f"DROP OWNED BY {READER_ROLE}")
            empty_admin(f"DROP ROLE {READER_ROLE}")
            empty_admin(f"ALTER ROLE reader_before RENAME TO {READER_ROLE}")


HEADERS = "-- A question.\n-- reads: {reads}\n{split}"
SPLIT = "-- params: start, end\n-- split: month(date)\n"

BROKEN = {
    "column": ("", "", "SELECT 'é' AS a,\n  nothing AS b", 4, 'column "nothing" does not exist'),
    "relation": ("dayz", "", "SELECT 1 AS a\nFROM dashboard.dayz", 4, '"dashboard.dayz" does not exist'),
    "two names": ("", "", "SELECT 1 AS a,\n 2 AS a", 3, "Several columns are called a"),
    "no scale": ("", "", "SELECT 1.5 AS a", 3, "Column a has type numeric"),
    "no such day": (
        "",
        SPLIT,
        "SELECT :start AS day FROM (VALUES (:end)) AS x (date) ORDER BY date",
        5,
        "a column date of type date",
    ),
    "no day": (
        "",
        SPLIT,
        "SELECT :start::text AS date, :end AS b ORDER BY date",
        5,
        "a column date of type date",
    ),
}


class TestQueries:
    @pytest.mark.parametrize(("reads", "split", "sql", "line", "problem"), BROKEN.values(), ids=BROKEN)
    def test_one_that_cannot_work_is_named_with_its_line(
        self,
        shared_url: str,
        settings: Settings,
        tmp_path: Path,
        reads: str,
        split: str,
        sql: str,
        line: int,
        problem: str,
    ) -> None:
        path = tmp_path / "broken.sql"
        path.write_text(HEADERS.format(reads=reads, split=split) + sql)
        database = Database(shared_url, settings)
        with pytest.raises(CatalogueError) as caught:
            schema.check_queries(database, load_catalogue(tmp_path))
        database.close()
        assert str(caught.value).startswith(f"{path}:{line}: ")
        assert problem in str(caught.value)

    def test_one_stops_the_start(
        self, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "broken.sql").write_text("-- A question.\nSELECT nothing")
        monkeypatch.setattr("dashboard.schema.catalogue", lambda: load_catalogue(tmp_path))
        with pytest.raises(CatalogueError, match=r"broken\.sql:2: "):
            schema.prepare(database)
