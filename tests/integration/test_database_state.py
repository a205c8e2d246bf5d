"""The state of the database, told of troubles that are really there."""

import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from dashboard import advice, database_state, embedded, parts, schema
from dashboard.advice import Level, Verdict
from dashboard.catalogue import catalogue
from dashboard.database import READER_ROLE, Database, Snapshot
from dashboard.database_state import DatabaseState, Trouble, prune_sizes, take_sizes
from dashboard.database_state.tables import RELATIONS, Table, tables
from dashboard.errors import DatabaseError
from dashboard.notation import Notation
from dashboard.parts import OWN
from dashboard.schema import check_queries
from dashboard.settings import Settings
from tests.reads import wait_until

Admin = Callable[..., list[tuple[object, ...]]]

NOTATION = Notation("en_US", "BRL")
ROWS = 20_000
VISITS = f"""
CREATE TABLE shop.visitors (visitor integer, name text);
INSERT INTO shop.visitors SELECT n, 'visitor ' || n FROM generate_series(1, 2000) AS n;
CREATE TABLE shop."Visits" (visit integer PRIMARY KEY, visitor integer, at timestamp, kind text);
INSERT INTO shop."Visits"
SELECT n, n % 2000, timestamp '2025-01-01' + n * interval '1 min', 'kind ' || n % 2
FROM generate_series(1, {ROWS}) AS n;
ANALYZE shop.visitors, shop."Visits";
"""
RANGE = """SELECT count(*) FROM shop."Visits" WHERE at >= '2025-01-02' AND at < '2025-01-03' AND kind = 'kind 1'"""
JOIN = """SELECT count(*) FROM shop.visitors JOIN shop."Visits" USING (visitor) WHERE name = 'visitor 7'"""
BLOCKED = "UPDATE shop.sellers SET seller_city = 'b'"
FLUSH = "SELECT pg_stat_force_next_flush()"


@pytest.fixture
def monitored(admin: Admin) -> Iterator[Admin]:
    """Run SQL while the reader may see what others do. Roles belong to the whole server."""
    admin(f"GRANT pg_monitor TO {READER_ROLE}")
    yield admin
    admin(f"REVOKE pg_monitor FROM {READER_ROLE}")


def told(state: DatabaseState, long_seconds: float = 60, unused_days: int = 14) -> list[Verdict]:
    now = advice.Now(state.now, NOTATION)
    return advice.database(now, state, long_seconds=long_seconds, unused_days=unused_days)


def of(verdicts: list[Verdict], words: str) -> Verdict:
    """The one verdict that says this."""
    [found] = [one for one in verdicts if words in one.finding]
    return found


class TestMissingIndexes:
    @pytest.fixture
    def visited(self, database: Database, monitored: Admin) -> Database:
        """Visits that were searched by a range and in a join, without an index for either."""
        for statement in (*VISITS.strip().removesuffix(";").split(";"), RANGE, JOIN, FLUSH):
            monitored(statement)
        return database

    def test_on_a_range_and_on_a_join_are_told_with_their_statements(self, visited: Database) -> None:
        state = database_state.read(visited)
        found = {one.ddl: one for one in state.missing.get() if '"Visits"' in one.ddl}
        ranged, joined = (
            f'CREATE INDEX CONCURRENTLY ON shop."Visits" ({name});' for name in ("at", "visitor")
        )
        assert set(found) == {ranged, joined}
        assert [one.text.count("$") for one in found[ranged].statements] == [3]
        assert found[joined].calls == 1
        assert found[joined].wish.is_join
        verdicts = told(state)
        assert ranged in of(verdicts, "is searched by a range of at").advice
        assert joined in of(verdicts, "is searched by visitor in a join").advice

    def test_over_partitions_are_told_of_the_whole(self, database: Database, monitored: Admin) -> None:
        for statement in (
            "CREATE TABLE shop.parts (a integer, day date) PARTITION BY RANGE (day)",
            "CREATE TABLE shop.old PARTITION OF shop.parts FOR VALUES FROM ('2024-01-01') TO ('2025-01-01')",
            "CREATE TABLE shop.new PARTITION OF shop.parts FOR VALUES FROM ('2025-01-01') TO ('2026-01-01')",
            "INSERT INTO shop.parts SELECT n, date '2024-06-01' + n % 365 FROM generate_series(1, 20000) AS n",
            "SELECT FROM shop.parts WHERE a = 1",
            FLUSH,
        ):
            monitored(statement)
        assert "ANALYZE shop.parts;" in of(told(database_state.read(database)), "statistics of").advice
        monitored("ANALYZE shop.parts")
        state = database_state.read(database)
        [candidate] = state.missing.get()
        assert candidate.ddl == "CREATE INDEX ON shop.parts (a);"
        assert candidate.ddl_of_partition == "CREATE INDEX CONCURRENTLY ON shop.old (a);"
        assert candidate.ddl_of_partition in str(advice.searched(advice.Now(state.now, NOTATION), candidate))
        said = of(told(state), "shop.parts is searched by a").advice
        assert (
            f"first `{candidate.ddl_of_partition}` and so on each partition, then `{candidate.ddl}`" in said
        )
        found = database_state.tried(database, candidate)
        assert found
        assert (found.rows, found.is_used) == (ROWS, True)
        for partition in ("old", "new"):
            monitored(candidate.ddl_of_partition.replace("old", partition))
        monitored(candidate.ddl)
        assert (
            len(monitored("SELECT 1 FROM pg_inherits WHERE inhrelid::regclass::text ~ '(old|new)_a_idx'"))
            == 2
        )
        assert database_state.read(database).missing.get() == ()

    def test_are_beside_what_the_counters_of_scans_say(self, visited: Database, admin: Admin) -> None:
        admin("CREATE VIEW shop.regulars AS SELECT lower(name) AS name FROM shop.visitors")
        admin("SELECT FROM shop.regulars WHERE name = 'visitor 9'")
        admin(FLUSH)
        rows = database_state.read(visited).scanned_rows()
        found = {row.pop("relation"): row for row in rows.to_dicts()}
        visits, visitors = found['shop."Visits"'], found["shop.visitors"]
        assert sorted(visits["wanted"].split("; ")) == ["at", "visitor"]
        assert 0 < visits["rows_each"] <= ROWS
        assert (visitors["wanted"], visitors["seq_scans"]) == ("name", 2)
        assert all(row["table_bytes"] > 80_000 for row in found.values())

    def test_are_tried_on_a_copy_of_which_nothing_is_left(self, visited: Database, admin: Admin) -> None:
        relations = "SELECT count(*) FROM pg_class"
        before = admin(relations)
        state = database_state.read(visited)
        now = advice.Now(state.now, NOTATION)
        for candidate in state.missing.get():
            found = database_state.tried(visited, candidate)
            assert found
            assert found.is_used
            assert found.after_cost < found.before_cost / 5
            assert 0 < found.index_bytes < candidate.index_bytes * 2
            assert "On a copy of" in advice.trial(now, candidate, found).finding
        counted = "SELECT query FROM pg_stat_statements WHERE query LIKE '%daybook_copy%'"
        texts = [str(text) for (text,) in admin(counted)]
        assert texts
        assert [text for text in texts if OWN not in text] == []
        assert admin(relations) == before

    def test_of_odd_names_and_of_columns_with_few_values_are_tried(
        self, database: Database, monitored: Admin
    ) -> None:
        monitored("""CREATE TABLE shop."100%s {x}" AS SELECT CASE WHEN n % 10 = 0 THEN n END AS "b%{}"
            FROM generate_series(1, 20000) AS n""")
        monitored('ANALYZE shop."100%s {x}"')
        for _ in range(2):
            monitored("""SELECT count(*) FROM shop."100%s {x}" WHERE "b%{}" = 70""")
        monitored(FLUSH)
        [candidate] = database_state.read(database).missing.get()
        assert candidate.calls == 2
        found = database_state.tried(database, candidate)
        assert found
        assert found.is_used

    def test_are_not_looked_for_in_the_statements_that_look_for_them(
        self, database: Database, monitored: Admin
    ) -> None:
        monitored("SELECT pg_stat_statements_reset()")
        check_queries(database, catalogue())  # at the start, which PostgreSQL sees first
        for _ in range(2):
            texts = " ".join(one.text for one in database_state.read(database).counted.get())
        known = (
            "pg_index",
            "pg_attribute",
            "pg_stats",
            "pg_locks",
            "pg_stat_replication",
            "pg_stat_database",
        )
        assert not [name for name in known if f" {name}" in texts]

    def test_name_a_statement_once_whoever_ran_it(self, visited: Database, monitored: Admin) -> None:
        monitored(f"SET ROLE {READER_ROLE}")
        monitored("SELECT visitor FROM shop.visitors WHERE name = 'visitor 8'")
        monitored("RESET ROLE")
        monitored("SELECT visitor FROM shop.visitors WHERE name = 'visitor 9'")
        [candidate] = [one for one in database_state.read(visited).missing.get() if "visitors" in one.ddl]
        assert [one.calls for one in candidate.statements if "SELECT visitor " in one.text] == [2]

    def test_for_the_first_rows_in_some_order_is_told_and_tried(
        self, database: Database, monitored: Admin
    ) -> None:
        newest = """SELECT * FROM shop."Visits" {} ORDER BY at DESC, visit DESC LIMIT 20"""
        for statement in (*VISITS.strip().removesuffix(";").split(";"), newest.format(""), FLUSH):
            monitored(statement)
        [candidate] = database_state.read(database).missing.get()
        assert candidate.ddl == 'CREATE INDEX CONCURRENTLY ON shop."Visits" (at, visit);'
        state = database_state.read(database)
        assert of(
            told(state), 'shop."Visits" is searched for the first rows by at and visit, and was read in full'
        )
        found = database_state.tried(database, candidate)
        assert found
        assert found.is_used
        assert found.after_cost < found.before_cost / 100
        monitored(candidate.ddl)
        monitored(newest.format("WHERE kind = 'kind 1'"))  # by which half of the rows are passed over
        assert database_state.read(database).missing.get() == ()

    def test_that_were_made_are_missed_no_more(self, visited: Database, admin: Admin) -> None:
        for candidate in database_state.read(visited).missing.get():
            admin(candidate.ddl)
        assert database_state.read(visited).missing.get() == ()

    def test_are_not_told_of_columns_with_few_values(self, visited: Database, admin: Admin) -> None:
        admin("""SELECT count(*) FROM shop."Visits" WHERE kind = 'kind 0'""")
        ddl = " ".join(one.ddl for one in database_state.read(visited).missing.get())
        assert "kind" not in ddl


class TestSuperfluousIndexes:
    INDEXES = (
        "CREATE TABLE shop.lots AS SELECT n AS a, n % 10 AS b, 1 AS c FROM generate_series(1, 20000) AS n",
        "CREATE INDEX ix_wide ON shop.lots (a, b)",
        "CREATE INDEX ix_narrow ON shop.lots (a)",
        "CREATE INDEX ix_other_order ON shop.lots (a DESC)",
        "CREATE INDEX ix_partial ON shop.lots (b) WHERE c = 1",
        "CREATE INDEX ix_same ON shop.lots USING btree (b) WHERE (c = 1)",
        "CREATE UNIQUE INDEX ix_key ON shop.lots (a, c)",
        "SELECT pg_stat_force_next_flush()",
    )

    @pytest.fixture
    def indexed(self, database: Database, admin: Admin) -> Database:
        for statement in self.INDEXES:
            admin(statement)
        with pytest.raises(psycopg.errors.UniqueViolation):
            admin("CREATE UNIQUE INDEX CONCURRENTLY ix_broken ON shop.lots (b)")
        return database

    @staticmethod
    def found(state: DatabaseState) -> dict[str, Trouble]:
        return {
            one.index.name: one.trouble for one in state.findings(14) if one.index.relation == "shop.lots"
        }

    def test_are_told_apart(self, indexed: Database) -> None:
        state = database_state.read(indexed)
        assert self.found(state) == {
            "shop.ix_broken": Trouble.INVALID,
            "shop.ix_same": Trouble.DUPLICATE,
            "shop.ix_narrow": Trouble.OVERLAPPING,
        }
        verdicts = told(state)
        invalid = of(verdicts, "shop.ix_broken is invalid")
        assert (invalid.level, "REINDEX INDEX CONCURRENTLY shop.ix_broken;" in invalid.advice) == (
            Level.WARNING,
            True,
        )
        assert "DROP INDEX CONCURRENTLY shop.ix_same;" in of(verdicts, "shop.ix_same is a duplicate").advice
        assert of(verdicts, "shop.ix_narrow is superfluous")

    def test_are_not_invalid_while_they_are_made_anew_and_can_go_if_that_was_given_up(
        self, database: Database, database_url: str, admin: Admin
    ) -> None:
        admin("CREATE TABLE shop.lots AS SELECT n AS a, -n AS b FROM generate_series(1, 100) AS n")
        for column in "ab":
            admin(f"CREATE INDEX ix_{column} ON shop.lots ({column})")
        with (
            psycopg.connect(database_url) as holder,
            psycopg.connect(database_url, autocommit=True) as maker,
            ThreadPoolExecutor(1) as pool,
        ):
            holder.execute("INSERT INTO shop.lots VALUES (0, 0)")
            making = pool.submit(maker.execute, "REINDEX TABLE CONCURRENTLY shop.lots")
            wait_until(lambda: admin("SELECT 1 FROM pg_class WHERE relname = 'ix_b_ccnew'"))
            assert self.found(database_state.read(database)) == {}
            maker.cancel()
            with pytest.raises(psycopg.errors.QueryCanceled):
                making.result(60)
            holder.rollback()
        state = database_state.read(database)
        assert self.found(state) == {f"shop.ix_{one}_ccnew": Trouble.INVALID for one in "ab"}
        left = of(told(state), "are invalid")
        assert "Drop it: `DROP INDEX CONCURRENTLY shop.ix_" in left.advice

    def test_of_odd_names_are_told_apart(self, database: Database, admin: Admin) -> None:
        admin('CREATE TABLE shop."a ""100%"" {x} USING y" AS SELECT 1 AS "b%{}"')
        for name in ("x USING y", "{z}"):
            admin(f'CREATE INDEX "{name}" ON shop."a ""100%"" {{x}} USING y" ("b%{{}}")')
        [finding] = database_state.read(database).findings(14)
        assert finding.ddl == 'DROP INDEX CONCURRENTLY shop."{z}";'
        assert finding.index.shape == 'btree ("b%{}")'

    def test_are_unused_only_after_some_days_on_record(self, indexed: Database, admin: Admin) -> None:
        assert take_sizes(indexed)
        assert Trouble.UNUSED not in self.found(database_state.read(indexed)).values()
        admin("UPDATE dashboard.relation_sizes SET day = day - 20")
        state = database_state.read(indexed)
        unused = [name for name, trouble in self.found(state).items() if trouble is Trouble.UNUSED]
        assert sorted(unused) == ["shop.ix_other_order", "shop.ix_partial", "shop.ix_wide"]
        assert "no statement was answered" in of(told(state), "unused").finding
        admin("SET enable_seqscan = off")
        admin("SET enable_bitmapscan = off")
        admin("SELECT count(*) FROM shop.lots WHERE b = 3 AND c = 1")
        admin(FLUSH)
        found = self.found(database_state.read(indexed))
        assert found.get("shop.ix_partial") is not Trouble.UNUSED  # it, or the same, was used


class TestSessions:
    def test_blocked_writer_is_told_with_who_blocks_it(
        self, database: Database, database_url: str, monitored: Admin
    ) -> None:
        monitored("INSERT INTO shop.sellers VALUES ('s')")
        with (
            psycopg.connect(database_url, application_name="`forgetful`") as holder,
            psycopg.connect(database_url, application_name="writer") as writer,
            ThreadPoolExecutor(1) as pool,
        ):
            holder.execute("UPDATE shop.sellers SET seller_city = 'a'")
            waiting = pool.submit(writer.execute, BLOCKED)
            pid, blocked = holder.info.backend_pid, writer.info.backend_pid
            wait_until(lambda: monitored(f"SELECT 1 FROM pg_locks WHERE pid = {blocked} AND NOT granted"))
            state = database_state.read(database)
            verdicts = told(state, long_seconds=0.0)
            holder.rollback()
            waiting.result(60)
            writer.rollback()
        first = of(verdicts, f"Session {blocked} (")
        assert f"for session {pid} (" in first.finding
        assert "'forgetful'), which is idle in a transaction" in first.finding
        assert first.advice.endswith(f"`SELECT pg_terminate_backend({pid});`")
        [shown] = state.session_rows().filter(pid=blocked).to_dicts()
        assert (shown["waits_for"], shown["query"]) == (str(pid), BLOCKED)

    def test_who_waits_for_a_row_does_not_hide_the_table(
        self, database: Database, database_url: str, admin: Admin
    ) -> None:
        admin("INSERT INTO shop.sellers VALUES ('s')")
        with (
            psycopg.connect(database_url) as holder,
            psycopg.connect(database_url, autocommit=True) as writer,
            ThreadPoolExecutor(1) as pool,
        ):
            holder.execute("UPDATE shop.sellers SET seller_city = 'a'")
            waiting = pool.submit(writer.execute, "DELETE FROM shop.sellers")
            wait_until(lambda: admin("SELECT 1 FROM pg_locks WHERE locktype = 'tuple'"))
            state = database_state.read(database)
            holder.rollback()
            waiting.result(60)
        assert "shop.sellers_pkey" in {one.name for one in state.indexes.get()}
        assert all(one.index_bytes is not None for one in state.tables.get())

    @pytest.mark.usefixtures("monitored")
    def test_holder_is_told_though_it_is_idle_or_one_of_the_program_s_own(
        self, database: Database, database_url: str
    ) -> None:
        lock = "SELECT pg_advisory_lock(7)"
        with (
            psycopg.connect(database_url, autocommit=True) as holder,
            psycopg.connect(database_url, autocommit=True) as waiter,
            ThreadPoolExecutor(1) as pool,
        ):
            pid, waits = holder.info.backend_pid, waiter.info.backend_pid
            holder.execute(f"{OWN} {lock}")
            waiting = pool.submit(waiter.execute, lock)
            wait_until(lambda: holder.execute(f"{OWN} SELECT 1 FROM pg_locks WHERE NOT granted").fetchall())
            state = database_state.read(database)
            holder.execute("SELECT pg_advisory_unlock_all()")
            waiting.result(60)
        assert [one.pid for one in state.sessions.get()] == [waits, pid]
        advice = of(told(state), f"for session {pid} (").advice
        assert (
            advice == f"Let that program unlock it, or end its session: `SELECT pg_terminate_backend({pid});`"
        )

    @pytest.mark.parametrize(
        "text", ["api_key = 'x7'", "CONNECTION 'postgresql://u:x7@host'", "my password is x7"]
    )
    @pytest.mark.usefixtures("monitored")
    def test_statement_that_may_hold_a_secret_is_not_shown(
        self, database: Database, database_url: str, text: str
    ) -> None:
        with psycopg.connect(database_url) as idle:
            idle.execute(f"SELECT $a${text}$a$")
            assert "x7" not in str(database_state.read(database).sessions.get())

    @pytest.mark.usefixtures("monitored")
    def test_idle_transaction_is_told_but_not_the_reader_of_the_page(
        self, database: Database, database_url: str
    ) -> None:
        with psycopg.connect(database_url, application_name="forgetful") as idle:
            idle.execute("SELECT 'my password'")
            state = database_state.read(database)
            pid = idle.info.backend_pid
        assert [one.pid for one in state.sessions.get()] == [pid]
        assert "my password" not in str(state)
        assert "idle in a transaction" in of(told(state, long_seconds=0.0), "forgetful").finding
        assert all("forgetful" not in one.finding for one in told(state))


class TestServer:
    def test_replication_slot_that_nobody_follows_is_seen(self, database: Database, admin: Admin) -> None:
        admin("SELECT pg_create_physical_replication_slot('away', true)")
        try:
            admin("SELECT pg_logical_emit_message(false, 'x', repeat('x', 1000000))")
            [slot] = database_state.read(database).slots.get()
        finally:
            admin("SELECT pg_drop_replication_slot('away')")
        assert (slot.name, slot.is_active, slot.is_lost) == ("away", False, False)
        assert slot.kept_bytes
        assert slot.kept_bytes > 1_000_000


class TestTables:
    def test_never_vacuumed_with_stale_statistics(self, database: Database, admin: Admin) -> None:
        admin("CREATE TABLE shop.lots (a integer) WITH (autovacuum_enabled = off)")
        admin("INSERT INTO shop.lots SELECT generate_series(1, 5000)")
        admin(FLUSH)
        verdicts = told(database_state.read(database))
        never = of(verdicts, "shop.lots was never vacuumed")
        assert never.level is Level.WARNING
        assert "VACUUM (ANALYZE) shop.lots;" in never.advice
        assert "RESET (autovacuum_enabled)" in never.advice
        assert "ANALYZE shop.lots;" in of(verdicts, "statistics of shop.lots are missing").advice
        admin("VACUUM (ANALYZE) shop.lots")
        admin("DELETE FROM shop.lots WHERE a <= 2000")
        admin(FLUSH)
        verdicts = told(database_state.read(database))
        assert "shop.lots (40.0%)" in of(verdicts, "Dead rows take room").finding
        assert all("never" not in one.finding for one in verdicts)

    def test_mostly_empty_ones_are_told_with_their_indexes(self, database: Database, admin: Admin) -> None:
        for statement in (
            "CREATE TABLE shop.lots (a integer, b bigint, t text) WITH (autovacuum_enabled = off, fillfactor = 90)",
            "INSERT INTO shop.lots SELECT n, n, repeat('x', 100) FROM generate_series(1, 600000) AS n",
            "CREATE INDEX ix_lots ON shop.lots (b)",
            "VACUUM (ANALYZE) shop.lots",
            FLUSH,
        ):
            admin(statement)
        full = database_state.read(database).empty
        assert 0 <= full["shop.lots"] < 0.1
        assert 0 <= full["shop.ix_lots"] < 0.1
        for statement in ("DELETE FROM shop.lots WHERE a % 5 <> 0", FLUSH, "VACUUM (ANALYZE) shop.lots"):
            admin(statement)
        state = database_state.read(database)
        verdicts = told(state)
        empty = of(verdicts, "Most room is empty in shop.lots (8")
        assert "VACUUM (FULL, ANALYZE) shop.lots;" in empty.advice
        assert all("Dead rows" not in one.finding for one in verdicts)
        advice = of(verdicts, "shop.ix_lots is mostly empty").advice
        assert advice == "Make it anew: `REINDEX INDEX CONCURRENTLY shop.ix_lots;`"
        for statement in (empty.advice.split("`")[1], FLUSH):
            admin(statement)
        assert all("empty" not in one.finding for one in told(database_state.read(database)))

    def test_empty_room_is_measured_where_it_can_be(self, database: Database, monitored: Admin) -> None:
        assert database_state.read(database).free_shares.get() is None
        monitored("CREATE EXTENSION pgstattuple")
        monitored(
            "CREATE TABLE shop.lots WITH (autovacuum_enabled = off) AS SELECT generate_series(1, 5000) AS a"
        )
        monitored("DELETE FROM shop.lots WHERE a <= 2500")
        monitored(FLUSH)
        shares = database_state.read(database).free_shares.get()
        assert shares
        assert 0.2 < shares["shop.lots"] < 0.7

    def test_whole_of_partitions_has_statistics_also_where_postgresql_keeps_no_time_of_them(
        self, database: Database, admin: Admin
    ) -> None:
        admin("CREATE TABLE shop.lots (a integer) PARTITION BY RANGE (a)")
        admin("CREATE TABLE shop.few PARTITION OF shop.lots FOR VALUES FROM (0) TO (5000)")
        admin("INSERT INTO shop.lots SELECT generate_series(0, 4999)")

        def stale() -> list[str]:
            admin(FLUSH)
            admin("SELECT pg_stat_reset_single_table_counters('shop.lots'::regclass)")  # before PostgreSQL 14
            return sorted(
                one.relation
                for one in database_state.read(database).tables.get()
                if one.schema_name == "shop" and one.needs_analyze
            )

        assert stale() == ["shop.few", "shop.lots"]
        admin("ANALYZE shop.few")
        assert stale() == ["shop.lots"]
        admin("ANALYZE shop.lots")
        assert stale() == []

    def test_that_somebody_holds_is_told_without_waiting(self, database: Database, database_url: str) -> None:
        with psycopg.connect(database_url) as holder:
            holder.execute("LOCK TABLE shop.orders IN ACCESS EXCLUSIVE MODE")
            state = database_state.read(database)
            take_sizes(database)
        tables = {one.relation: one for one in state.tables.get()}
        assert tables["shop.orders"].index_bytes is None
        assert tables["shop.customers"].index_bytes
        assert state.indexes.get()


class TestRecord:
    def test_sizes_are_taken_once_a_day_and_tell_growth(self, database: Database, admin: Admin) -> None:
        admin("CREATE TABLE shop.lots AS SELECT 1 AS a")
        assert 0 < take_sizes(database) <= 2 * RELATIONS
        assert take_sizes(database) == 0
        admin("UPDATE dashboard.relation_sizes SET day = day - 3, taken_at = taken_at - interval '3 days'")
        admin("INSERT INTO shop.lots SELECT generate_series(1, 5000)")
        assert take_sizes(database)
        state = database_state.read(database)
        [lots] = state.table_rows().filter(relation="shop.lots").to_dicts()
        assert lots["grown_bytes"] > 100_000
        first, last = state.sizes.get()
        assert last > first

    def test_old_sizes_are_deleted(self, database: Database, admin: Admin) -> None:
        take_sizes(database)
        admin("UPDATE dashboard.relation_sizes SET day = day - 10")
        with database.writer() as writer:
            assert prune_sizes(writer, 10) == 0
            assert prune_sizes(writer, 9) > 0


@pytest.fixture
def crashing(tmp_path: Path) -> Iterator[str]:
    """URL of a server of one's own, of which a large table and its index were used."""
    with embedded.running(tmp_path / "server") as url:
        with closing(Database(url, Settings(_env_file=None, data_dir=tmp_path))) as database:
            schema.prepare(database)
        with psycopg.connect(url, autocommit=True) as connection:
            for statement in (
                "CREATE TABLE shop.large AS SELECT n, 'row ' || n AS name FROM generate_series(1, 100000) AS n",
                "CREATE INDEX ix_large ON shop.large (n)",
                "VACUUM (ANALYZE) shop.large",
                "SELECT FROM shop.large WHERE n = 7",
                FLUSH,
            ):
                connection.execute(statement)
        yield url


def test_counts_that_a_crash_took_are_not_taken_for_counts(crashing: str, settings: Settings) -> None:
    on_record = (
        "INSERT INTO dashboard.relation_sizes SELECT now()::date - {}, {} FROM dashboard.relation_sizes"
    )
    columns = "relation, size_bytes, scans, inserts, taken_at"
    with closing(Database(crashing, settings)) as database:
        assert take_sizes(database)
        with psycopg.connect(crashing) as connection:
            for days in (40, 1):
                connection.execute(on_record.format(days, columns) + " WHERE day = now()::date")
        with closing(psycopg.connect(crashing)) as connection:
            os.kill(connection.info.backend_pid, signal.SIGKILL)
            with pytest.raises(psycopg.OperationalError):
                connection.execute("SELECT 1")
        wait_until(lambda: can_connect(crashing))
        with psycopg.connect(crashing, autocommit=True) as connection:
            connection.execute("INSERT INTO shop.large VALUES (0, 'one more')")
            connection.execute(FLUSH)
        state = database_state.read(database)
    [large] = [one for one in state.tables.get() if one.name == "large"]
    [index] = [one for one in state.indexes.get() if one.name == "shop.ix_large"]
    assert (index.scans, large.analyzed_at) == (0, None)
    assert large.rows == 100_000
    assert [one for one in told(state) if "large" in one.finding] == []


def can_connect(url: str) -> bool:
    try:
        psycopg.connect(url).close()
    except psycopg.OperationalError:
        return False
    return True


class TestRights:
    def test_role_without_pg_monitor_is_told_what_to_grant_and_sees_the_rest(
        self, database: Database, database_url: str
    ) -> None:
        with psycopg.connect(database_url) as idle:
            idle.execute("SELECT 1")
            state = database_state.read(database)
        verdicts = told(state, long_seconds=0.0)
        assert of(verdicts, f"hidden from {READER_ROLE}").advice.endswith(
            f"`GRANT pg_monitor TO {READER_ROLE};`"
        )
        assert verdicts[0].level is Level.GOOD
        assert state.tables.get()
        assert state.indexes.get()
        assert state.sessions.get() == ()

    def test_without_statistics_of_statements_our_own_are_searched(
        self, database: Database, admin: Admin
    ) -> None:
        admin("DROP EXTENSION pg_stat_statements")
        state = database_state.read(database)
        assert "CREATE EXTENSION pg_stat_statements" in of(told(state), "Only our own queries").advice
        assert state.missing.get() == ()

    def test_an_extension_of_an_older_server_is_to_be_updated(self, database: Database, admin: Admin) -> None:
        admin("DROP EXTENSION pg_stat_statements")
        admin("CREATE EXTENSION pg_stat_statements VERSION '1.7'")
        advice = of(told(database_state.read(database)), "Only our own queries").advice
        assert "ALTER EXTENSION pg_stat_statements UPDATE" in advice

    def test_table_that_the_reader_may_not_read_is_told(self, database: Database, monitored: Admin) -> None:
        monitored("CREATE SCHEMA secret")
        monitored("CREATE TABLE secret.lots AS SELECT generate_series(1, 20000) AS a")
        monitored("ANALYZE secret.lots")
        for statement in ("SELECT FROM secret.lots WHERE a = 1", FLUSH):
            monitored(statement)
        note = of(told(database_state.read(database)), "not looked for on secret.lots")
        assert f"GRANT SELECT ON secret.lots TO {READER_ROLE};" in note.advice
        monitored(note.advice.strip("`"))
        state = database_state.read(database)
        assert [one.ddl for one in state.missing.get()] == ["CREATE INDEX CONCURRENTLY ON secret.lots (a);"]
        assert all("not looked for" not in one.finding for one in told(state))

    @pytest.mark.parametrize(
        ("catalog", "lost"),
        [("pg_index", {"tables", "indexes", "missing", "free_shares"}), ("pg_statistic", {"missing"})],
    )
    def test_catalog_that_somebody_holds_takes_but_what_needs_it(
        self, database: Database, database_url: str, catalog: str, lost: set[str]
    ) -> None:
        database_state.read(database)
        with psycopg.connect(database_url) as holder:
            holder.execute(f"LOCK TABLE {catalog} IN ACCESS EXCLUSIVE MODE")
            state = database_state.read(database)
        assert state.errors().keys() == lost
        assert "Somebody holds what this needs" in of(told(state), "Not read: ").advice

    def test_catalog_that_somebody_holds_does_not_keep_a_new_connection_waiting(
        self, database_url: str, settings: Settings
    ) -> None:
        with psycopg.connect(database_url) as holder, closing(Database(database_url, settings)) as database:
            holder.execute("LOCK TABLE pg_statistic IN ACCESS EXCLUSIVE MODE")
            with pytest.raises(DatabaseError, match="Another transaction is at work"):
                database_state.read(database)
            holder.rollback()
            assert database_state.read(database).errors() == {}

    def test_what_is_dropped_while_it_is_read_is_left_out(
        self, database: Database, admin: Admin, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        admin("CREATE TABLE shop.short_lived AS SELECT n FROM generate_series(1, 20000) AS n")
        admin("CREATE INDEX ix_short_lived ON shop.short_lived (n)")

        def dropped(snapshot: Snapshot) -> tuple[Table, ...]:
            snapshot.frame("SELECT count(*) AS n FROM pg_class")
            admin("DROP TABLE shop.short_lived")
            return tables(snapshot)

        monkeypatch.setattr("dashboard.database_state.tables.tables", dropped)
        state = database_state.read(database)
        assert state.errors() == {}
        assert "short_lived" not in f"{state.tables.get()} {state.indexes.get()}"

    def test_one_part_fails_alone(self, database: Database, admin: Admin) -> None:
        admin(f"REVOKE SELECT ON dashboard.relation_sizes FROM {READER_ROLE}")
        state = database_state.read(database)
        assert state.growth.error
        assert state.sizes.error
        assert state.table_rows()["grown_bytes"].null_count() == len(state.tables.get())
        assert told(state)[0].level is Level.GOOD

    def test_no_more_is_asked_of_a_database_that_took_long(
        self, database: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(parts, "_ALL_SECONDS", 0.0)
        state = database_state.read(database)
        assert {"server", "sessions", "tables", "indexes", "missing"} <= state.errors().keys()
        assert "not asked for this any more" in told(state)[0].advice
