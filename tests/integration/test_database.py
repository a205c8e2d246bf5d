import contextlib
import re
import subprocess
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from urllib.parse import quote

import polars as pl
import psycopg
import pytest
import sqlalchemy as sa

from dashboard import embedded
from dashboard.database import Database, Snapshot, StatementRefused
from dashboard.errors import (
    DatabaseError,
    DatabaseUnavailable,
    MissingRights,
    SettingsError,
    StatementTimeout,
)
from dashboard.settings import Settings

Admin = Callable[..., list[tuple[object, ...]]]

SECRET = "s3c:r/t@é %"


@pytest.fixture
def open_database(settings: Settings) -> Iterator[Callable[..., Database]]:
    """Open a database by URL, with settings of its own."""
    opened: list[Database] = []

    def open_it(url: str, **changes: object) -> Database:
        opened.append(Database(url, settings.model_copy(update=changes)))
        return opened[-1]

    yield open_it
    for each in opened:
        each.close()


@pytest.fixture
def shared(shared_url: str, open_database: Callable[..., Database]) -> Database:
    """A database that no test changes."""
    return open_database(shared_url)


def changed(url: str, **parts: object) -> str:
    return sa.make_url(url).set(**parts).render_as_string(hide_password=False)


def one(database: Database, sql: str) -> object:
    with database.snapshot() as snapshot:
        return snapshot.frame(sql).item()


WRITES = {
    "insert": "INSERT INTO shop.customers VALUES ('c', 'p') RETURNING customer_id",
    "update": "UPDATE shop.orders SET order_status = 'lost' RETURNING order_id",
    "delete": "DELETE FROM dashboard.versions RETURNING relation",
    "truncate": "TRUNCATE shop.order_payments",
    "delete within a query": "WITH gone AS (DELETE FROM shop.orders RETURNING 1) SELECT * FROM gone",
    "create table": "CREATE TABLE dashboard.mine (a int)",
    "create table as": "SELECT 1 AS a INTO dashboard.mine",
    "create temporary table": "CREATE TEMPORARY TABLE mine (a int)",
    "create function": "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "drop": "DROP MATERIALIZED VIEW dashboard.daily_sales_metrics",
    "refresh": "REFRESH MATERIALIZED VIEW dashboard.daily_sales_metrics",
    "next number": "SELECT nextval('dashboard.loads_load_id_seq')",
    "lock rows": "SELECT order_id FROM shop.orders FOR UPDATE",
    "lock a table": "LOCK TABLE dashboard.versions IN EXCLUSIVE MODE",
    "large object": "SELECT lo_create(0)",
    "copy to a program": "COPY (SELECT 1) TO PROGRAM 'true'",
    "copy to a file": "COPY (SELECT 1) TO '/nowhere/at/all'",
    "read a file": "SELECT pg_read_file('PG_VERSION')",
    "anonymous block": "DO $$ BEGIN INSERT INTO shop.customers VALUES ('c', 'p'); END $$",
    "setting": "ALTER SYSTEM SET work_mem = '1MB'",
    "be writer by query": "SELECT set_config('transaction_read_only', 'off', true)",
    "two statements": "SELECT 1; DELETE FROM shop.orders",
}


TRICKS = (
    "SET default_transaction_read_only = off",
    "SET TRANSACTION READ WRITE",
    "SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE",
)


class TestReader:
    @pytest.mark.parametrize("sql", WRITES.values(), ids=WRITES)
    def test_cannot_change_anything(self, shared: Database, sql: str) -> None:
        with pytest.raises(DatabaseError), shared.snapshot() as snapshot:
            snapshot.frame(sql)

    @pytest.mark.parametrize("trick", TRICKS)
    def test_cannot_write_after_a_statement_that_allows_it(self, shared: Database, trick: str) -> None:
        with shared.snapshot() as snapshot:
            with pytest.raises(psycopg.ProgrammingError, match="didn't produce records"):
                snapshot.frame(trick)  # it is run, and only gives no rows
            with pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.ReadOnlySqlTransaction)):
                snapshot.frame(WRITES["insert"])
        with pytest.raises(DatabaseError, match="read-only transaction"):
            one(shared, WRITES["insert"])

    def test_that_puts_off_its_role_still_only_reads_and_is_a_reader_again_next_time(
        self, shared: Database
    ) -> None:
        with shared.snapshot() as snapshot:
            snapshot.frame("SELECT set_config('role', 'none', false) AS a")
            with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
                snapshot.frame(WRITES["insert"])
        assert one(shared, "SELECT current_user::text") == "daybook_reader"

    def test_reads_all_of_shop_and_dashboard(self, database: Database, admin: Admin) -> None:
        relations = [
            name
            for (name,) in admin(
                "SELECT oid::regclass::text FROM pg_class WHERE relkind IN ('r', 'm')"
                " AND relnamespace IN ('shop'::regnamespace, 'dashboard'::regnamespace)"
            )
        ]
        assert {"shop.orders", "dashboard.versions", "dashboard.customer_metrics"} <= set(relations)
        with database.snapshot() as snapshot:
            for name in relations:
                assert snapshot.frame(f"SELECT count(*) AS n FROM {name}").height == 1

    def test_is_stopped_when_its_time_is_over(
        self, database_url: str, open_database: Callable[..., Database]
    ) -> None:
        database = open_database(database_url, statement_timeout_seconds=0.05)
        with pytest.raises(StatementTimeout, match="DASHBOARD_STATEMENT_TIMEOUT_SECONDS"):
            one(database, "SELECT count(*) FROM generate_series(1, 1000000000)")
        assert one(database, "SELECT 1 AS a") == 1

    def test_is_told_when_all_connections_are_busy(
        self, database_url: str, open_database: Callable[..., Database]
    ) -> None:
        database = open_database(database_url, statement_timeout_seconds=0.05)
        with contextlib.ExitStack() as stack:
            for _ in range(4):
                stack.enter_context(database.snapshot())
            with pytest.raises(DatabaseUnavailable, match="busy"):
                one(database, "SELECT 1 AS a")

    def test_sees_one_state(self, database: Database, admin: Admin) -> None:
        count = "SELECT count(*) AS n FROM shop.customers"
        with database.snapshot() as snapshot:
            before = snapshot.frame(count).item()
            admin("INSERT INTO shop.customers VALUES ('c', 'p')")
            assert snapshot.frame(count).item() == before
        assert one(database, count) == before + 1

    def test_goes_on_in_the_same_state_after_a_part_that_fails_alone(
        self, database: Database, admin: Admin
    ) -> None:
        loads = "SELECT count(*) FROM dashboard.loads"
        with database.snapshot() as snapshot:
            before = snapshot.frame(loads).item()
            with pytest.raises(DatabaseError, match="does not exist"), snapshot.savepoint():
                snapshot.frame("SELECT nothing FROM nowhere")
            admin(
                "INSERT INTO dashboard.loads (kind, source, duration_seconds, rows_read, rows_inserted, rows_updated,"
                " rows_rejected) VALUES ('demo', '1', 1, 1, 1, 0, 0)"
            )
            with snapshot.savepoint():
                assert snapshot.frame(loads).item() == before
            assert snapshot.frame(loads).item() == before

    def test_goes_on_after_an_error(self, shared: Database) -> None:
        with pytest.raises(DatabaseError, match='refused a statement: relation "nowhere" does not exist'):
            one(shared, "SELECT * FROM nowhere")
        assert one(shared, "SELECT 1 AS a") == 1


class TestWithoutTheRole:
    @pytest.fixture
    def limited(
        self, database_url: str, admin: Admin, open_database: Callable[..., Database]
    ) -> Iterator[Database]:
        """The database as a user who owns the tables, and may neither make nor take a role."""
        name = sa.make_url(database_url).database
        user = f"limited_{name}"
        admin(f"CREATE ROLE {user} LOGIN PASSWORD 'limited'")
        admin(f"ALTER TABLE shop.customers OWNER TO {user}")
        admin(f"GRANT USAGE, CREATE ON SCHEMA shop TO {user}")
        yield open_database(changed(database_url, username=user, password="limited"))
        admin(f"REASSIGN OWNED BY {user} TO CURRENT_USER; DROP OWNED BY {user}")
        admin(f"DROP ROLE {user}")

    def test_the_session_alone_reads_only(self, limited: Database) -> None:
        with limited.writer() as writer:
            assert writer.execute("INSERT INTO shop.customers VALUES ('c', 'p')") == 1
        for write in ("insert", "create temporary table", "lock rows"):
            with pytest.raises(DatabaseError), limited.snapshot() as snapshot:
                snapshot.frame(WRITES[write].replace("orders", "customers"))
        with pytest.raises(DatabaseError, match="read-only transaction"), limited.snapshot() as snapshot:
            snapshot.frame("DELETE FROM shop.customers RETURNING customer_id")
        assert one(limited, "SELECT customer_id FROM shop.customers") == "c"

    def test_a_member_who_may_not_take_it_reads_too(self, limited: Database, admin: Admin) -> None:
        user = one(limited, "SELECT current_user::text")
        admin(f"GRANT daybook_reader TO {user} WITH SET FALSE")
        limited.close()
        assert one(limited, "SELECT current_user::text") == user

    def test_a_member_takes_it(self, limited: Database, admin: Admin) -> None:
        admin(f"GRANT daybook_reader TO {one(limited, 'SELECT current_user::text')}")
        limited.close()
        assert one(limited, "SELECT current_user::text") == "daybook_reader"

    def test_it_is_not_taken_where_it_can_read_nothing(
        self, shared_url: str, empty_url: str, open_database: Callable[..., Database]
    ) -> None:
        assert one(open_database(shared_url), "SELECT current_user::text") == "daybook_reader"
        assert one(open_database(empty_url), "SELECT current_user::text") != "daybook_reader"


VALUES = {
    "true": (pl.Boolean, True),
    "1::int2": (pl.Int16, 1),
    "1": (pl.Int32, 1),
    "9223372036854775807": (pl.Int64, 2**63 - 1),
    "4294967295::oid": (pl.UInt32, 2**32 - 1),
    "0.5::float4": (pl.Float32, 0.5),
    "0.1::float8": (pl.Float64, 0.1),
    "'infinity'::float8": (pl.Float64, float("inf")),
    "'é'::text": (pl.String, "é"),
    "'😀'::varchar": (pl.String, "😀"),
    "'SP'::char(2)": (pl.String, "SP"),
    "'n'::name": (pl.String, "n"),
    "date '2017-11-24'": (pl.Date, date(2017, 11, 24)),
    "timestamp '2017-11-24 01:02:03.000004'": (
        pl.Datetime("us"),
        datetime(2017, 11, 24, 1, 2, 3, 4),
    ),
    "timestamptz '2017-11-24 01:00-03'": (
        pl.Datetime("us", "UTC"),
        datetime(2017, 11, 24, 4, tzinfo=UTC),
    ),
    "interval '1 day 2.5 seconds'": (pl.Duration("us"), timedelta(days=1, seconds=2.5)),
    "1234567890.12::numeric(12, 2)": (pl.Decimal(38, 2), Decimal("1234567890.12")),
    "7::numeric(12)": (pl.Decimal(38, 0), Decimal(7)),
}


UNFIT = {
    "1.5::numeric AS a": r"Column a has type numeric, .* cast it, e.g. to numeric\(12, 2\)",
    "1.5::numeric(60, 2) AS a": "Column a has type numeric, .* cast it",
    "1::numeric(4, -2) AS a": "Column a has type numeric, .* cast it",
    "ARRAY[1] AS a": r"Column a has type int4\[\], .* cast it, e.g. to text",
    "'{}'::jsonb AS a": "Column a has type jsonb, .* cast it",
    "1 AS a, 2 AS b, 3 AS a": "Several columns are called a: name them apart",
    "'NaN'::numeric(12, 2) AS a": "Column a holds NaN or infinity",
    "'infinity'::date AS a": "date too large",
    "'-infinity'::date AS a": "date too small",
    "'infinity'::timestamp AS a": "timestamp too large",
    "'infinity'::timestamptz AS a": "timestamp too large",
    "'0044-03-15 BC'::date AS a": "date too small",
}


class TestTypes:
    @pytest.mark.parametrize(("sql", "dtype", "value"), [(k, *v) for k, v in VALUES.items()], ids=VALUES)
    def test_a_value_keeps_its_type_also_beside_null_and_in_no_rows(
        self, shared: Database, sql: str, dtype: pl.DataType, value: object
    ) -> None:
        both = (
            f"SELECT a FROM generate_series(1, 2) AS n LEFT JOIN (SELECT {sql} AS a) AS v ON n = 1 ORDER BY n"
        )
        with shared.snapshot() as snapshot:
            rows = snapshot.frame(both)
            none = snapshot.frame(f"SELECT {sql} AS a WHERE false")
            nulls = snapshot.frame(f"{both} OFFSET 1")
        assert rows.schema == none.schema == nulls.schema == {"a": dtype}
        assert rows["a"].to_list() == [value, None]
        assert nulls["a"].to_list() == [None]
        assert none.height == 0

    def test_instants_are_the_same_in_any_time_zone(
        self, shared_url: str, open_database: Callable[..., Database]
    ) -> None:
        there = changed(
            shared_url, query={**sa.make_url(shared_url).query, "options": "-c timezone=Asia/Tokyo"}
        )
        found = one(open_database(there), "SELECT timestamptz '2017-11-24 01:00-03' AS a")
        assert found == datetime(2017, 11, 24, 4, tzinfo=UTC)

    @pytest.mark.parametrize(("sql", "problem"), UNFIT.items(), ids=UNFIT)
    def test_what_fits_no_frame_is_an_error(self, shared: Database, sql: str, problem: str) -> None:
        with pytest.raises(DatabaseError, match=problem):
            one(shared, f"SELECT {sql}")

    def test_parameters_are_bound_and_not_written_into_the_statement(self, shared: Database) -> None:
        with shared.snapshot() as snapshot:
            rows = snapshot.frame(
                "SELECT $1::text AS a, $2::date AS b, $3::text[] && ARRAY['x'] AS c, '%s' AS d",
                ("'; DROP TABLE shop.orders --", date(2017, 1, 1), ["x", "é"]),
            )
        assert rows.row(0) == ("'; DROP TABLE shop.orders --", date(2017, 1, 1), True, "%s")

    def test_text_that_postgres_cannot_hold_is_an_error(self, shared: Database) -> None:
        with pytest.raises(DatabaseError, match="NUL"), shared.snapshot() as snapshot:
            snapshot.frame("SELECT $1::text AS a", ("a\0b",))


class TestPrepare:
    def test_tells_columns_and_parameters(self, shared: Database) -> None:
        with shared.snapshot() as snapshot:
            prepared = snapshot.prepare("SELECT $1::date AS day, $2::text[] && ARRAY['x'] AS found")
        assert prepared.schema == {"day": pl.Date, "found": pl.Boolean}
        assert prepared.parameter_types == ("date", "text[]")

    def test_finds_the_offending_character(self, shared: Database) -> None:
        sql = "SELECT 'é😀',\n  nothing"
        with (
            pytest.raises(StatementRefused, match='column "nothing" does not exist') as caught,
            shared.snapshot() as snapshot,
        ):
            snapshot.prepare(sql)
        assert caught.value.position == sql.index("nothing")

    def test_runs_nothing(self, shared: Database) -> None:
        with shared.snapshot() as snapshot:
            assert snapshot.prepare("SELECT 1 / 0 AS a").schema == {"a": pl.Int32}


class TestWriter:
    COUNT = "SELECT count(*) AS n FROM shop.customers"

    def test_commits_all_or_nothing(self, database: Database) -> None:
        with database.writer() as writer:
            writer.execute("INSERT INTO shop.customers VALUES (%(id)s, 'p')", {"id": "c"})
        with contextlib.suppress(ZeroDivisionError), database.writer() as writer:
            writer.execute("INSERT INTO shop.customers VALUES ('d', 'p')")
            raise ZeroDivisionError
        assert one(database, self.COUNT) == 1

    def test_undoes_all_after_an_error_of_the_database(self, database: Database) -> None:
        twice = "INSERT INTO shop.customers VALUES ('c', 'p'); INSERT INTO shop.customers VALUES ('c', 'p')"
        with (
            pytest.raises(DatabaseError, match=r"duplicate key .* already exists"),
            database.writer() as writer,
        ):
            writer.execute(twice)
        assert one(database, self.COUNT) == 0

    def test_undoes_a_savepoint_alone(self, database: Database) -> None:
        with database.writer() as writer:
            writer.execute("INSERT INTO shop.customers VALUES ('c', 'p')")
            with pytest.raises(DatabaseError, match="no_such_table"), writer.savepoint():
                writer.execute("DELETE FROM shop.customers; SELECT * FROM no_such_table")
            with writer.savepoint():
                writer.execute("INSERT INTO shop.customers VALUES ('e', 'p')")
            assert writer.rows("SELECT customer_id FROM shop.customers ORDER BY 1") == [("c",), ("e",)]
        assert one(database, self.COUNT) == 2

    def test_copies_in_blocks_of_any_size(self, database: Database) -> None:
        copy_in = "COPY shop.customers (customer_id, customer_unique_id) FROM STDIN"
        with database.writer() as writer, writer.copy_in(copy_in) as copy:
            for byte in "c\té\nd\tü\n".encode():
                copy.write(bytes([byte]))
        assert one(database, self.COUNT) == 2

    def test_leaves_nothing_of_a_copy_that_fails(self, database: Database) -> None:
        def copy_garbage() -> None:
            with database.writer() as writer, writer.copy_in("COPY shop.customers FROM STDIN") as copy:
                copy.write(b"only one column\n")

        with pytest.raises(DatabaseError, match='missing data for column "customer_unique_id"'):
            copy_garbage()
        assert one(database, self.COUNT) == 0

    def test_takes_one_of_the_connections_that_there_may_be(self, shared: Database) -> None:
        with contextlib.ExitStack() as stack:
            for _ in range(3):
                stack.enter_context(shared.writer())
            [pool] = [pool for pool in shared.pools() if pool.name == "writing connections"]
        assert pool.in_use == 3 < pool.size


class TestLostConnection:
    """The server ends the connection, as it does when it is restarted."""

    @pytest.fixture
    def end(self, admin: Admin) -> Callable[[str], None]:
        def end(name: str) -> None:
            admin(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                f" WHERE application_name = '{name}' AND datname = current_database()"
            )

        return end

    @pytest.mark.parametrize("read", [Snapshot.frame, Snapshot.prepare])
    def test_in_a_read_is_told_and_the_next_one_has_another(
        self,
        database: Database,
        end: Callable[[str], None],
        caplog: pytest.LogCaptureFixture,
        read: Callable[[Snapshot, str], object],
    ) -> None:
        def interrupted() -> None:
            with database.snapshot() as snapshot:
                snapshot.frame("SELECT 1 AS a")
                end("daybook reader")
                read(snapshot, "SELECT 1 AS a")

        with pytest.raises(DatabaseUnavailable, match="does not answer"):
            interrupted()
        assert one(database, "SELECT 1 AS a") == 1
        assert not caplog.records

    def test_between_reads_is_not_noticed(self, database: Database, end: Callable[[str], None]) -> None:
        assert one(database, "SELECT 1 AS a") == 1
        end("daybook reader")
        assert one(database, "SELECT current_user::text") == "daybook_reader"

    def test_in_a_write_is_told_and_the_next_one_has_another(
        self, database: Database, end: Callable[[str], None], caplog: pytest.LogCaptureFixture
    ) -> None:
        def interrupted() -> None:
            with database.writer() as writer, writer.savepoint():
                writer.execute("INSERT INTO shop.customers VALUES ('c', 'p')")
                end("daybook")
                writer.execute("INSERT INTO shop.customers VALUES ('d', 'p')")

        with pytest.raises(DatabaseUnavailable, match="does not answer"):
            interrupted()
        with database.writer() as writer:
            assert writer.rows("SELECT customer_id FROM shop.customers") == []
        assert not caplog.records


class TestUnreachable:
    @pytest.mark.parametrize(
        ("parts", "reason"),
        [
            ({"password": SECRET}, "password authentication failed"),
            ({"database": "nowhere"}, 'database "nowhere" does not exist'),
            ({"query": {"host": "/no/such/folder"}}, "No such file or directory"),
            ({"host": "127.0.0.1", "port": 1, "query": {}, "password": SECRET}, "Connection refused"),
        ],
    )
    def test_is_told_with_the_reason_and_without_the_password(
        self,
        server: str,
        open_database: Callable[..., Database],
        parts: dict[str, object],
        reason: str,
    ) -> None:
        url = changed(server, **parts)
        password = str(sa.make_url(url).password)
        for attempt in (open_database(url).snapshot, open_database(url).writer):
            with pytest.raises(DatabaseUnavailable, match=re.escape(reason)) as caught, attempt():
                pass
            assert "DATABASE_URL" in str(caught.value)
            assert password not in str(caught.value)

    def test_a_missing_right_is_told_as_such(
        self, database_url: str, admin: Admin, open_database: Callable[..., Database]
    ) -> None:
        user = f"stranger_{sa.make_url(database_url).database}"
        admin(f"CREATE ROLE {user} LOGIN PASSWORD 'x'")
        with pytest.raises(MissingRights, match="permission denied for schema shop"):
            one(
                open_database(changed(database_url, username=user, password="x")), "SELECT 1 FROM shop.orders"
            )
        admin(f"DROP ROLE {user}")


class TestAddress:
    @pytest.mark.parametrize(
        "scheme", ["postgres", "postgresql", "postgresql+psycopg", "postgresql+psycopg2"]
    )
    def test_is_taken_under_all_its_names(
        self, server: str, open_database: Callable[..., Database], scheme: str
    ) -> None:
        assert one(open_database(changed(server, drivername=scheme)), "SELECT 1 AS a") == 1

    @pytest.mark.parametrize(
        "url",
        [
            "",
            "s3cret",
            "postgresql://me:s3cret@host:s3cret/shop",
            "postgresql://me:s3cret@[::1/shop",
            "postgresql://me:s3cret@host/shop?s3cret=1",
            "mysql://me:s3cret@host/shop",
            "sqlite:///s3cret",
        ],
    )
    def test_that_cannot_be_read_is_an_error_that_does_not_show_it(
        self, settings: Settings, url: str
    ) -> None:
        with pytest.raises(SettingsError, match="DATABASE_URL") as caught:
            Database(url, settings)
        assert "s3" not in str(caught.value)
        assert caught.value.__suppress_context__

    @pytest.mark.parametrize(
        "url",
        [
            f"postgresql://me:{quote(SECRET, safe='')}@host:5433/shop?sslmode=require",
            f"postgresql://me@host/shop?password={quote(SECRET, safe='')}&sslpassword={quote(SECRET, safe='')}",
        ],
    )
    def test_is_shown_without_its_password(self, open_database: Callable[..., Database], url: str) -> None:
        shown = str(open_database(url))
        assert SECRET not in shown
        assert quote(SECRET, safe="") not in shown
        assert "me" in shown
        assert "host" in shown
        assert "shop" in shown

    def test_is_given_to_the_programs_of_postgres(self, open_database: Callable[..., Database]) -> None:
        password = quote(SECRET, safe="")
        tcp = open_database(
            f"postgres://me:{password}@db.example:5433/shop?sslmode=require&options=-c%20a%3Db"
        )
        socket = open_database(f"postgresql://me:{password}@/my%20shop?host=/var/run/x&port=5434")
        assert tcp.psql_environment() == {
            "PGHOST": "db.example",
            "PGPORT": "5433",
            "PGUSER": "me",
            "PGPASSWORD": SECRET,
            "PGDATABASE": "shop",
            "PGSSLMODE": "require",
            "PGOPTIONS": "-c a=b",
        }
        assert socket.psql_environment() == {
            "PGHOST": "/var/run/x",
            "PGPORT": "5434",
            "PGUSER": "me",
            "PGPASSWORD": SECRET,
            "PGDATABASE": "my shop",
        }

    def test_leads_psql_to_the_same_database(self, shared: Database) -> None:
        done = subprocess.run(
            [str(embedded.program("psql")), "-XAtc", "SELECT current_database()"],
            env=shared.psql_environment(),
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.strip() == one(shared, "SELECT current_database()::text")

    def test_of_a_database_in_another_encoding_is_read_as_well(
        self, server: str, open_database: Callable[..., Database]
    ) -> None:
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(
                "CREATE DATABASE latin ENCODING 'LATIN1' LOCALE_PROVIDER libc LOCALE 'C' TEMPLATE template0"
            )
            try:
                database = open_database(changed(server, database="latin"))
                with database.snapshot() as snapshot:
                    assert snapshot.frame("SELECT 'é'::text AS a, $1::text AS b", ("ü",)).row(0) == ("é", "ü")
                    assert snapshot.prepare("SELECT 'é' AS \"größe\"").schema == {"größe": pl.String}
                database.close()
            finally:
                connection.execute("DROP DATABASE latin WITH (FORCE)")


def test_many_threads_read_at_once(shared: Database) -> None:
    found: list[object] = []
    threads = [
        threading.Thread(target=lambda n=n: found.append(one(shared, f"SELECT {n} AS a"))) for n in range(24)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == list(range(24))  # type: ignore[type-var]
