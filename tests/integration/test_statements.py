"""Troubles of statements, each made for real, and what the operators are told of them."""

import asyncio
import logging
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import httpx
import polars as pl
import psycopg
import pytest
import sqlalchemy as sa
from starlette.applications import Starlette

from dashboard import advice, database_state, statements, telemetry
from dashboard.advice import Level, Now, Verdict
from dashboard.catalogue import Query, catalogue
from dashboard.data import Data
from dashboard.database import Cancellation, Database
from dashboard.errors import (
    DatabaseError,
    DatabaseUnavailable,
    ParameterError,
    StatementTimeout,
)
from dashboard.jobs import queue
from dashboard.notation import Notation
from dashboard.server.endpoints import Endpoints, Timed
from dashboard.server.exports import Exports
from dashboard.settings import Settings
from dashboard.statements import Period, Subject
from dashboard.telemetry import Traffic
from tests.reads import Admin, administering, down, opening, order, refresh, wait_until

NOTATION = Notation("en_US", "BRL")
SLOW_SECONDS = 1.0
DAILY = "business/daily_sales"


def query(sql: str, **params: Any) -> Query:
    """A query that is in no file."""
    return Query("tests/trouble", "", Path(), sql, sql, params, (), "default", None, (), 1)


@pytest.fixture
def data(database_url: str, settings: Settings) -> Iterator[Data]:
    """What a process reads through, with one place for statements."""
    with opening(settings) as opened:
        yield opened(database_url, max_statements=1, statement_timeout_seconds=2.0, cache="memory")


@pytest.fixture(scope="module")
def shared(shared_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Data]:
    """For tests that leave the database as it is."""
    folder = tmp_path_factory.mktemp("shared")
    with opening(Settings(_env_file=None, data_dir=folder)) as opened:
        yield opened(shared_url, cache="memory")


@pytest.fixture
def many(data: Data, admin: Admin) -> Data:
    """With a table of 20,000 rows, whose statistics are new."""
    admin("CREATE TABLE shop.many (id int PRIMARY KEY, name text, short varchar(40), at timestamp)")
    admin(
        "INSERT INTO shop.many SELECT g, 'name ' || g, 'n' || g, '2017-01-01'::timestamp + g * interval '30 min'"
        " FROM generate_series(1, 20000) g"
    )
    for column in ("name", "short", "at"):
        admin(f"CREATE INDEX ON shop.many ({column})")
    admin("ANALYZE shop.many")
    return data


def ask(data: Data, asked: Query, page: str = "page /sales", **params: object) -> None:
    with telemetry.asking(page):
        data.reading().answer(asked, None, **params)


def told(data: Data, slow_seconds: float = SLOW_SECONDS, period: Period | None = None) -> list[Verdict]:
    found = read(data, period)
    return advice.statements(Now(found.now, NOTATION), found, slow_seconds)


def read(data: Data, period: Period | None = None, name: str = "") -> statements.Statements:
    data.statistics.statements.flush(data.database)
    return statements.read(data.database, period, name)


def planned(data: Data, subject: Subject | str) -> tuple[list[Verdict], statements.Explained]:
    of = statements.subject(data.database, subject) if isinstance(subject, str) else subject
    explained = statements.explain(data.database, of)
    return advice.plan(Now(datetime.now(UTC), NOTATION), explained), explained


def of_sql(sql: str, *settings: tuple[str, str]) -> Subject:
    return Subject("tests/trouble", sql, (), (), settings, "tests/trouble")


class TestSlowLog:
    def test_query_of_1500_ms_is_told_with_who_asked(
        self, data: Data, caplog: pytest.LogCaptureFixture
    ) -> None:
        assert told(data)[0] == Verdict(
            Level.GOOD, "No statement took longer than 1 s or failed in the last 24 hours."
        )
        ask(data, query("SELECT $1::text AS said, 1 AS one FROM pg_sleep(1.5)", word="text"), word="<b>")
        data.frame(DAILY)  # is quick

        [line] = [record for record in caplog.records if "slow" in record.message]
        assert (line.levelno, line.message) == (logging.WARNING, "slow statement")
        fields = {name: vars(line).get(name) for name in ("query", "outcome", "rows", "asker", "error")}
        assert fields == {
            "query": "tests/trouble",
            "outcome": "answered",
            "rows": 1,
            "asker": "page /sales",
            "error": None,
        }
        assert vars(line)["run_ms"] >= 1_500
        [row] = read(data).last.get().to_dicts()
        assert (row["query"], row["outcome"], row["asker"]) == ("tests/trouble", "answered", "page /sales")
        assert (row["rows"], row["parameters"], row["error"]) == (1, "word <b>", None)
        assert row["wait_seconds"] < row["run_seconds"]
        assert row["total_seconds"] == row["wait_seconds"] + row["run_seconds"] >= 1.5
        verdict = told(data)[0]
        assert verdict.level is Level.WARNING
        assert verdict.finding.startswith(
            "tests/trouble was slow 1 time in the last 24 hours (the longest took"
        )
        assert verdict.finding.endswith("mostly for page /sales.")
        assert "have its plan measured" in verdict.advice

        # Its SQL and parameters are known, so its plan can be measured: it is run again.
        _, explained = planned(data, f"slow:{row['statement_id']}")
        assert explained.plan.is_measured
        assert explained.plan.execution_ms is not None
        assert explained.plan.execution_ms >= 1_500

    def test_statement_that_waits_for_a_place(self, database_url: str, settings: Settings) -> None:
        sleeping = query("SELECT 1 AS one FROM pg_sleep(0.3)")
        others = replace(sleeping, sql=f"{sleeping.sql} LIMIT 1")
        chosen = {"max_statements": 1, "slow_statement_seconds": 0.02, "cache": "memory"}
        with opening(settings) as opened, ThreadPoolExecutor(2) as pool:
            data = opened(database_url, **chosen)
            list(pool.map(lambda one: ask(data, one), [sleeping, others]))
            waits = sorted(read(data).last.get()["wait_seconds"])
        assert len(waits) == 2
        assert waits[1] >= 0.2  # it slept that long at least that had the place

    def test_failures_are_told_whatever_they_took(self, data: Data) -> None:
        with pytest.raises(DatabaseError):
            ask(data, query("SELECT 1 / 0 AS one"))
        verdict = told(data)[0]
        assert "What was said last: PostgreSQL refused a statement: division by zero" in verdict.advice
        with pytest.raises(StatementTimeout):
            ask(data, query("SELECT 1 AS one FROM pg_sleep(60)"))
        outcomes = read(data).last.get()
        assert outcomes["outcome"].to_list() == ["timed out", "failed"]
        assert "division by zero" in outcomes["error"][1]
        verdict = told(data)[0]
        assert verdict.level is Level.BAD
        assert verdict.finding.startswith("tests/trouble failed 2 times in the last 24 hours")

    def test_no_place_in_time_is_unavailable(self, database_url: str, settings: Settings) -> None:
        with opening(settings) as opened:
            data = opened(database_url, max_statements=1, statement_timeout_seconds=0.5, cache="memory")
            with data.database.snapshot(Cancellation()), pytest.raises(DatabaseUnavailable):
                ask(data, query("SELECT 1 AS one"))
            [row] = read(data).last.get().to_dicts()
            assert row["outcome"] == "unavailable"
            assert row["run_seconds"] == 0
            assert row["wait_seconds"] >= 0.5
            assert "DASHBOARD_MAX_STATEMENTS" in told(data)[0].advice

    def test_what_happens_while_the_database_is_away_is_written_once_it_is_back(
        self,
        data: Data,
        server: str,
        database_url: str,
        caplog: pytest.LogCaptureFixture,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        log = data.statistics.statements
        monkeypatch.setattr(telemetry.statements, "MOST_QUEUED", 2)
        with down(server, database_url):
            for number in range(3):
                log.record(query("SELECT 1"), (), number, 0.0, 1e6, "", None)
            with pytest.raises(DatabaseUnavailable):
                log.flush(data.database)
        assert log.flush(data.database) == 2
        assert log.dropped == 1
        assert "1 slow or failed statements found no place" in caplog.messages[-1]
        with administering(database_url) as again:
            assert again("SELECT rows FROM dashboard.slow_statements ORDER BY number") == [(0,), (1,)]

    def test_log_is_bounded_in_rows_and_age(
        self, data: Data, admin: Admin, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        log = data.statistics.statements
        for _ in range(3):
            log.record(query("SELECT 1"), (), 1, 0.0, 1e6, "", None)
        for strange in ("\0", "\ud800", "x" * 100_000):
            log.record(
                query("SELECT 1", word="text"), (strange,), 1, 0.0, 1e6, strange, DatabaseError(strange)
            )
        assert log.flush(data.database) == 6
        assert admin("SELECT count(*) FROM dashboard.slow_statements WHERE param_values IS NULL") == [(3,)]
        assert log.flush(data.database) == 0
        admin(
            "UPDATE dashboard.slow_statements SET finished_at = now() - interval '31 days'"
            " WHERE statement_id = (SELECT max(statement_id) FROM dashboard.slow_statements)"
        )
        monkeypatch.setattr(telemetry.statements, "MOST_ROWS", 2)
        telemetry.prune(data.database)
        assert admin("SELECT count(*) FROM dashboard.slow_statements") == [(1,)]

    def test_log_is_written_while_statistics_of_reads_are_refused(
        self, data: Data, settings: Settings, admin: Admin, caplog: pytest.LogCaptureFixture
    ) -> None:
        admin("ALTER TABLE dashboard.read_statistics RENAME TO gone")
        statistics = telemetry.Statistics()
        often = settings.model_copy(update={"statistics_flush_seconds": 0.01})
        with telemetry.flushing(statistics, data.database, often):
            statistics.record("business/daily_sales", "memory", elapsed_ms=1)
            wait_until(lambda: bool(caplog.messages), "the refusal is told")
            statistics.statements.record(query("SELECT 1"), (), 1, 0.0, 1e6, "", None)
            written = "SELECT rows FROM dashboard.slow_statements"
            wait_until(lambda: admin(written) == [(1,)], "it is written")
        assert caplog.messages[0].startswith("statistics of reads can't be written: ")

    def test_outages_do_not_push_out_what_was_slow(
        self, data: Data, admin: Admin, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        log = data.statistics.statements
        log.record(query("SELECT 1"), (), 1, 0.0, 1e6, "", None)
        for number in range(3):
            log.record(query("SELECT 1"), (), number, 1.0, 0.0, "", DatabaseUnavailable("away"))
        log.flush(data.database)
        monkeypatch.setattr(telemetry.statements, "MOST_UNAVAILABLE", 2)
        telemetry.prune(data.database)
        rows = "SELECT outcome, rows FROM dashboard.slow_statements ORDER BY statement_id"
        assert admin(rows) == [("answered", 1), ("unavailable", 1), ("unavailable", 2)]


class TestWhoAsked:
    """Pages are in tests/pages."""

    ASKERS = "SELECT DISTINCT asker FROM dashboard.slow_statements WHERE query = '{}'"

    def test_command(self, database_url: str, admin: Admin, tmp_path: Path) -> None:
        chosen = {"DATABASE_URL": database_url, "DASHBOARD_SLOW_STATEMENT_SECONDS": "0.000001"}
        subprocess.run(
            [sys.executable, "-m", "dashboard", "query", DAILY],
            env=os.environ | chosen | {"DASHBOARD_DATA_DIR": str(tmp_path)},
            check=True,
            capture_output=True,
            timeout=120,
        )
        assert admin(self.ASKERS.format(DAILY)) == [("command query",)]

    def test_job_and_endpoint(
        self, database: Database, database_url: str, admin: Admin, settings: Settings
    ) -> None:
        order(admin, date(2018, 1, 1), 10)
        refresh(database)
        with opening(settings) as opened:
            data = opened(database_url, slow_statement_seconds=1e-6, cache="memory")
            queue._run("warm_up", lambda work: work.data.frame(DAILY), data, settings, {}, Cancellation())
            routes = Exports(data).routes()
            timed = Timed(Starlette(routes=routes), Endpoints(routes), Traffic())

            async def exported() -> int:
                async with httpx.AsyncClient(
                    transport=httpx.ASGITransport(timed), base_url="http://x"
                ) as client:
                    return (await client.get("/export/orders.csv?range=2018-01")).status_code

            with ThreadPoolExecutor(1) as pool:  # this thread may have Playwright's event loop
                assert pool.submit(asyncio.run, exported()).result() == 200
            data.statistics.statements.flush(database)
        assert admin(self.ASKERS.format(DAILY)) == [("job warm_up",)]
        assert admin(self.ASKERS.format("explore/orders_behind")) == [("GET /export/orders.{kind}",)]


class TestCounters:
    def test_windows_are_differences_and_say_when_somebody_reset(self, data: Data, admin: Admin) -> None:
        def take() -> bool:
            return statements.take(data.database, pause_seconds=0)

        ran = "SELECT count(*) FROM shop.orders /* counted */"
        admin(ran)
        assert take()
        assert read(data).counted.get().is_empty
        admin(ran)
        admin(ran)
        assert take()
        assert not statements.take(data.database)  # a moment ago
        assert self.calls(read(data), ran) == 2
        admin("SELECT pg_stat_statements_reset()")
        admin(ran)
        assert take()
        counted = read(data).counted.get()
        assert self.calls(read(data), ran) == 3
        assert len(counted.reset_at) == 1
        assert self.calls(read(data, Period(is_since_reset=True)), ran) == 1
        [third, second, first] = counted.snapshots["snapshot_id"]
        assert self.calls(read(data, Period(after=first, through=second)), ran) == 2
        assert self.calls(read(data, Period(after=second, through=third)), ran) == 1

        data.frame(DAILY)
        wait_until(lambda: take() and self.calls(read(data, name=DAILY), DAILY) == 1, "its snapshot ended")
        rows = read(data).counted.get().rows
        ours = ("dashboard.statement_", "dashboard.slow_statements", "pg_stat_statements ", "daybook ops")
        assert not [text for text in rows["statement"] if any(name in text for name in ours)]

        rows_at = "SELECT count(DISTINCT snapshot_id) FROM dashboard.statement_counts"
        [(before,)] = admin(rows_at)
        admin(
            f"UPDATE dashboard.statement_snapshots SET taken_at = now() - interval '15 d' WHERE snapshot_id = {second}"
        )
        with data.database.writer() as writer:
            statements.prune(writer)
        assert admin(rows_at) == [(before - 1,)]

        line = advice.counted_line(Now(read(data).now, NOTATION), read(data).counted.get())
        assert "The counters were set to zero" in line

    def test_counters_of_another_server_did_not_grow_in_between(self, data: Data, admin: Admin) -> None:
        ran = "SELECT count(*) FROM shop.orders /* counted by a standby */"
        admin(ran)
        assert statements.take(data.database, pause_seconds=0)
        admin("UPDATE dashboard.statement_snapshots SET reset_at = reset_at - interval '5 days'")
        admin(ran)
        assert statements.take(data.database, pause_seconds=0)
        counted = read(data).counted.get()
        assert self.calls(read(data), ran) == 0
        [taken_at] = counted.snapshots["taken_at"].head(1)
        assert counted.reset_at == (taken_at,)
        admin(ran)
        assert statements.take(data.database, pause_seconds=0)
        assert self.calls(read(data), ran) == 1

    def test_constant_that_postgresql_left_in_a_prepared_statement_is_not_shown(
        self, data: Data, admin: Admin, database_url: str
    ) -> None:
        ran = "SELECT count(*) FROM shop.orders WHERE order_id = 'not to be seen'"
        with psycopg.connect(database_url, autocommit=True) as connection:
            connection.execute(ran, prepare=True)
            admin("SELECT pg_stat_statements_reset()")
            connection.execute(ran, prepare=True)
        assert admin(f"SELECT count(*) FROM pg_stat_statements WHERE query = $${ran}$$") == [(1,)]
        assert statements.take(data.database, pause_seconds=0)
        assert statements.take(data.database, pause_seconds=0)
        found = read(data, Period(is_since_reset=True))
        assert "not to be seen" not in str(found)
        [number] = found.counted.get().rows.filter(pl.col("statement").str.ends_with("order_id = $1"))[
            "queryid"
        ]
        assert planned(data, f"statement:{number}")[1].plan.tables == ("shop.orders",)
        assert "not to be seen" not in str(database_state.read(data.database).counted.get())

    def test_forgotten_statement_is_no_reset_also_where_postgresql_tells_of_neither(
        self, data: Data, admin: Admin
    ) -> None:
        admin("DROP EXTENSION pg_stat_statements")
        admin("CREATE EXTENSION pg_stat_statements VERSION '1.8'")  # that of PostgreSQL 13
        ran, often = (f"SELECT count(*) FROM shop.{table} /* counted */" for table in ("orders", "sellers"))

        def take(times: int) -> statements.Counted:
            for statement in (*[ran] * times, *[often] * 10 * times):
                admin(statement)
            assert statements.take(data.database, pause_seconds=0)
            return read(data).counted.get()

        admin("SELECT pg_stat_statements_reset()")
        assert take(20).is_empty
        admin(f"SELECT pg_stat_statements_reset(0, 0, queryid) FROM pg_stat_statements WHERE query = '{ran}'")
        assert take(2).reset_at == ()
        assert self.calls(read(data), ran) == 2
        admin("SELECT pg_stat_statements_reset()")
        assert len(take(1).reset_at) == 1
        assert self.calls(read(data), ran) == 3

    @staticmethod
    def calls(found: statements.Statements, ran: str) -> int:
        rows = found.counted.get().rows
        return int(rows.filter(rows["statement"] == ran)["calls"].sum())

    def test_statements_in_no_file_are_found_by_the_name_that_a_tile_links_to(self, data: Data) -> None:
        assert statements.take(data.database, pause_seconds=0)
        asked = replace(query("SELECT $1::int + 1 AS one", start="integer"), name="explore/orders")
        ask(data, asked, start=1)

        def counted() -> list[dict[str, Any]]:
            statements.take(data.database, pause_seconds=0)
            return read(data, name="explore/orders").counted.get().rows.to_dicts()

        wait_until(counted, "its snapshot ended")
        [row] = counted()
        assert row["statement"].startswith("explore/orders: ")
        assert row["query"] is None
        _, explained = planned(data, f"statement:{row['queryid']}")
        assert not explained.plan.is_measured
        assert statements.subject(data.database, f"statement:{row['queryid']}").title == "explore/orders"

    @pytest.mark.parametrize(
        "constant",
        ["interval '1 day'", "TIMESTAMP '2018-01-01' - time '1:00'", "timestamp with time zone '2018-01-01'"],
    )
    def test_constants_of_others_may_have_their_type_before_them(
        self, data: Data, admin: Admin, constant: str
    ) -> None:
        admin(f"SELECT order_id, {constant} AS kept FROM shop.orders WHERE order_id IN ('a', 'b') LIMIT 5")
        assert statements.take(data.database, pause_seconds=0)
        found = "SELECT queryid FROM dashboard.statement_texts WHERE text LIKE 'SELECT order_id, %'"
        [(number,)] = admin(found)
        assert planned(data, f"statement:{number}")[1].plan.tables == ("shop.orders",)

    def test_passwords_in_commands_are_not_kept(self, data: Data, admin: Admin) -> None:
        role = f"visitor_{sa.make_url(str(data.database)).database}"
        admin(f"CREATE ROLE {role} PASSWORD 'not to be seen'")
        admin(f"/* select */ ALTER ROLE {role} PASSWORD E'not to be \\'seen' VALID UNTIL '2030-01-01'")
        admin(f"DO $do$BEGIN EXECUTE $$ALTER ROLE {role} PASSWORD 'not to be seen'$$; END$do$")
        admin(f"/* a */ ALTER ROLE {role} PASSWORD '*/ select not to be seen'")
        admin("WITH one AS (SELECT 'x') SELECT * FROM one /* don't */")
        admin(f"DROP ROLE {role}")
        assert statements.take(data.database, pause_seconds=0)
        of_commands = "SELECT FROM dashboard.statement_texts WHERE text LIKE '%to be%'"
        assert not admin(of_commands)
        texts = [text for (text,) in admin("SELECT text FROM dashboard.statement_texts")]
        assert f"CREATE ROLE {role} PASSWORD …" in texts
        assert "WITH one AS (SELECT $1) SELECT * FROM one /* don't */" in texts

        # What an earlier version kept is put right.
        admin("UPDATE dashboard.statement_texts SET text = 'to be' WHERE text LIKE 'CREATE ROLE visitor%'")
        assert statements.take(data.database, pause_seconds=0)
        assert not admin(of_commands)

    def test_locked_tables_are_not_waited_for(self, database: Database, admin: Admin) -> None:
        assert statements.take(database, pause_seconds=0)
        admin("BEGIN")
        admin("LOCK TABLE dashboard.statement_snapshots, dashboard.slow_statements")
        began = time.monotonic()
        found = statements.read(database)
        assert time.monotonic() - began < 15  # five times half a second, where a statement may run for 30 s
        assert [part.error for part in (found.slow, found.last, found.statistics, found.counted)].count(
            None
        ) == 0
        admin("ROLLBACK")
        verdicts = advice.statements(Now(found.now, NOTATION), found, SLOW_SECONDS)
        assert verdicts[0].finding == "Which statements were slow can't be read."

    def test_without_the_extension_the_rest_lives(self, data: Data, admin: Admin) -> None:
        admin("DROP EXTENSION pg_stat_statements")
        found = read(data)
        assert found.last.error is None
        verdicts = told(data)
        assert verdicts[0].level is Level.GOOD
        assert "`CREATE EXTENSION pg_stat_statements`" in verdicts[1].advice

    def test_statements_of_others_are_hidden_from_a_plain_user(
        self, database_url: str, admin: Admin, settings: Settings
    ) -> None:
        user = f"plain_{sa.make_url(database_url).database}"
        admin(f"CREATE ROLE {user} LOGIN PASSWORD 'plain'")
        admin(f"GRANT ALL ON SCHEMA dashboard TO {user}")
        admin(f"GRANT ALL ON ALL TABLES IN SCHEMA dashboard TO {user}")
        url = sa.make_url(database_url).set(username=user, password="plain")
        database = Database(url.render_as_string(hide_password=False), settings)
        try:
            assert statements.take(database)
            admin("REVOKE SELECT ON pg_stat_statements FROM PUBLIC")
            admin("UPDATE dashboard.statement_snapshots SET taken_at = now() - interval '1 h'")
            found = statements.read(database)
            assert found.counted.get().until is not None
            verdicts = advice.statements(Now(found.now, NOTATION), found, SLOW_SECONDS)
            assert any("of other users can't be seen" in verdict.finding for verdict in verdicts)
            assert any("pg_read_all_stats" in verdict.advice for verdict in verdicts)
            [old] = [verdict for verdict in verdicts if "are not the newest" in verdict.finding]
            assert "permission denied for view pg_stat_statements" in old.advice
        finally:
            database.close()
            admin(f"DROP OWNED BY {user}")
            admin(f"DROP ROLE {user}")


class TestPlans:
    def test_sort_that_spills_is_given_memory_by_a_header(self, shared: Data) -> None:
        sort = (
            "SELECT g % 1000 AS a, repeat('x', 50) AS b FROM generate_series(1, 30000) g ORDER BY 1, g DESC"
        )
        [verdict, *_], explained = planned(shared, of_sql(sort, ("work_mem", "64kB")))
        assert explained.plan.nodes[0].disk_bytes > 1_000_000
        assert "(64kB)" in verdict.finding
        assert "`-- set: work_mem=8MB`" in verdict.advice
        assert "on disk" in advice.marks(explained.plan)[0]
        of_others = replace(of_sql(sort, ("work_mem", "64kB")), query=None)
        assert "`SET LOCAL work_mem = '8MB'`" in planned(shared, of_others)[0][0].advice
        _, again = planned(shared, of_sql(sort, ("work_mem", "8MB")))
        assert not any(node.disk_bytes for node in again.plan.nodes)

    def test_stale_statistics_and_missing_index(self, data: Data, admin: Admin) -> None:
        admin("CREATE TABLE shop.stale (id int, kind text, at timestamp) WITH (autovacuum_enabled = off)")
        admin("CREATE INDEX ON shop.stale (at)")
        admin("INSERT INTO shop.stale VALUES (0, 'rare', '2017-01-01')")
        admin("ANALYZE shop.stale")
        admin(
            "INSERT INTO shop.stale SELECT g, CASE WHEN g % 50 = 0 THEN 'rare' ELSE 'common' END,"
            " '2017-01-01'::timestamp + g * interval '1 hour' FROM generate_series(1, 20000) g"
        )
        admin("SELECT pg_stat_force_next_flush()")
        verdicts, _ = planned(data, of_sql("SELECT count(*) FROM shop.stale WHERE kind <> 'none'"))
        assert "expected" in verdicts[0].finding
        assert "run `ANALYZE shop.stale;`" in verdicts[0].advice

        admin("ANALYZE shop.stale")
        assert not planned(data, of_sql("SELECT count(*) FROM shop.stale WHERE kind <> 'none'"))[0][1:]
        [scan, *_], _ = planned(data, of_sql("SELECT id FROM shop.stale WHERE kind = 'rare' AND id > 10"))
        assert "All 20,001 rows of shop.stale are looked at for the 4" in scan.finding
        assert "`CREATE INDEX CONCURRENTLY ON shop.stale (kind, id);`" in scan.advice
        admin("CREATE INDEX ON shop.stale (kind) WHERE at < '2016-01-01'")
        [again, *_], _ = planned(data, of_sql("SELECT id FROM shop.stale WHERE kind = 'rare' AND id > 10"))
        assert again == scan  # an index of some rows is none of all
        month = "SELECT id FROM shop.stale WHERE date_trunc('month', at) = '2018-01-01'"
        verdicts, _ = planned(data, of_sql(month))
        assert any("date_trunc() of it" in verdict.finding for verdict in verdicts)
        day = "SELECT id FROM shop.stale WHERE at::date = '2018-01-01'"
        verdicts, _ = planned(data, of_sql(day))
        assert any("a cast to date of it" in verdict.finding for verdict in verdicts)

    def test_ddl_can_be_copied_whatever_things_are_called(self, data: Data, admin: Admin) -> None:
        admin('CREATE TABLE shop."Odd.Tab le" (id int, "Kind, of" text)')
        admin("""INSERT INTO shop."Odd.Tab le" SELECT g, 'x' || g FROM generate_series(1, 20000) g""")
        admin('ANALYZE shop."Odd.Tab le"')
        [verdict], _ = planned(data, of_sql("""SELECT id FROM shop."Odd.Tab le" WHERE "Kind, of" = 'x5'"""))
        [ddl] = re.findall("`(CREATE INDEX CONCURRENTLY [^`]*)`", verdict.advice)
        admin(ddl)
        assert (
            planned(data, of_sql("""SELECT id FROM shop."Odd.Tab le" WHERE "Kind, of" = 'x5'"""))[1]
            .plan.nodes[0]
            .index
        )

    def test_blocks_of_steps_add_up_to_those_of_all(self, many: Data) -> None:
        few = "WITH few AS MATERIALIZED (SELECT * FROM shop.many WHERE id < 9)"
        sql = f"{few} SELECT * FROM few JOIN shop.many USING (id)"
        _, explained = planned(many, of_sql(sql))
        nodes = explained.plan.nodes
        with many.database.snapshot() as snapshot:
            [told] = snapshot.plan(sql, (), is_measured=True)
        whole = told["Plan"]["Shared Hit Blocks"] + told["Plan"]["Shared Read Blocks"]
        assert sum(node.hit_bytes + node.read_bytes for node in nodes) == whole * 8_192 > 0

    @pytest.mark.parametrize(
        ("condition", "said"),
        [
            ("lower(name) = 'name 5'", "lower() of it"),
            ("upper(name) LIKE 'NAME 1'", "upper() of it"),
            ("extract(hour FROM at) = 5", "extract() of it"),
            ("to_char(at, 'YYYY-MM-DD') = '2018-01-05'", "to_char() of it"),
            ("coalesce(name, '') = 'name 5'", "coalesce() of it"),
            ("substr(name, 2) = 'ame 5'", "substring() of it"),
            ("at + interval '1 day' < '2017-01-03'", "what is computed from it"),
            ("'2018-01-05' = at::date", "a cast to date of it"),
            ("(at AT TIME ZONE 'UTC')::date = '2018-01-05'", "a cast to date of it"),
            ("id % 5000 = 7", "what is computed from it"),
            ("lower(short) = 'n5'", "lower() of it"),
            ("lower(name) = 'x' AND id NOT IN (SELECT 1)", "lower() of it"),
        ],
    )
    def test_functions_on_indexed_columns(self, many: Data, condition: str, said: str) -> None:
        verdicts, _ = planned(many, of_sql(f"SELECT id FROM shop.many WHERE {condition}"))
        [verdict] = [one for one in verdicts if "of no use here" in one.finding]
        assert verdict.finding.endswith(f"the condition is about {said}.")

    @pytest.mark.parametrize("condition", ["short > 'n'", "at::date > '2000-01-01'", "short = 'n5'"])
    def test_indexes_that_serve_or_that_no_wording_would_help(self, many: Data, condition: str) -> None:
        verdicts, _ = planned(many, of_sql(f"SELECT id FROM shop.many WHERE {condition}"))
        assert not [one for one in verdicts if "of no use here" in one.finding]

    @pytest.mark.parametrize(
        "sql",
        [
            "SELECT * FROM shop.many LIMIT 10",
            "SELECT * FROM (SELECT id FROM shop.many OFFSET 0) AS them LIMIT 10",
            "SELECT id FROM shop.many ORDER BY id LIMIT 10",
            "SELECT * FROM shop.many AS one WHERE EXISTS (SELECT FROM shop.many AS two WHERE two.id = one.id) LIMIT 5",
            "WITH them AS MATERIALIZED (SELECT * FROM shop.many) SELECT * FROM them LIMIT 10",
            "SELECT n FROM generate_series(1, 3) n WHERE EXISTS (SELECT FROM shop.many WHERE id >= n OFFSET 0)",
        ],
    )
    def test_what_nobody_wanted_is_no_misestimate(self, many: Data, sql: str) -> None:
        verdicts, explained = planned(many, of_sql(sql))
        assert any(node.rows_expected >= 1_000 > (node.rows or 0) for node in explained.plan.nodes)
        assert not [mark for mark in advice.marks(explained.plan) if "rows" in mark]
        assert not [verdict for verdict in verdicts if "expected" in verdict.finding]

    def test_without_parameters_the_plan_is_for_any(self, shared: Data) -> None:
        verdicts, explained = planned(shared, f"query:{DAILY}")
        assert not explained.plan.is_measured
        assert verdicts[0].level is Level.NOTE
        assert any(node.index for node in explained.plan.nodes) or explained.plan.tables
        with shared.database.snapshot() as snapshot:
            assert snapshot.frame("SELECT count(*) AS left FROM pg_prepared_statements")["left"][0] == 0

    @pytest.mark.parametrize(
        "sql", ["SELECT 1; DROP TABLE shop.orders", "SELECT 1) ; COMMIT; --", "SELECT interval $1"]
    )
    def test_text_of_others_can_be_nothing_but_one_statement(self, shared: Data, sql: str) -> None:
        with pytest.raises(DatabaseError):
            statements.explain(shared.database, Subject("x", sql, (), None, (), None))
        assert statements.explain(shared.database, Subject("x", "SELECT $1::int", (), None, (), None))

    def test_plans_change_nothing(self, many: Data, admin: Admin) -> None:
        admin("CREATE SEQUENCE shop.numbers")
        admin("GRANT ALL ON ALL TABLES IN SCHEMA shop TO daybook_reader")
        admin("GRANT ALL ON SEQUENCE shop.numbers TO daybook_reader")
        admin(
            "CREATE FUNCTION shop.emptied() RETURNS int LANGUAGE plpgsql VOLATILE"
            " AS 'BEGIN DELETE FROM shop.many; RETURN 1; END'"
        )
        for sql in (
            "DELETE FROM shop.many",
            "WITH gone AS (DELETE FROM shop.many RETURNING 1) SELECT count(*) FROM gone",
            "SELECT shop.emptied()",
            "SELECT setval('shop.numbers', 100)",
            "SELECT nextval('shop.numbers')",
            "SELECT * FROM shop.many FOR UPDATE",
            "SELECT lo_create(0)",
            "SELECT set_config('transaction_read_only', 'off', false), shop.emptied()",
        ):
            with pytest.raises(DatabaseError, match="read-only transaction"):
                planned(many, of_sql(sql))
        for sql in ("SELECT 1; DELETE FROM shop.many", "SELECT 1; COMMIT; DELETE FROM shop.many"):
            with pytest.raises(DatabaseError, match="multiple commands"):
                planned(many, of_sql(sql))
        assert admin("SELECT count(*), (SELECT is_called FROM shop.numbers) FROM shop.many") == [
            (20_000, False)
        ]

    def test_plans_leave_nothing_with_their_connection(self, many: Data) -> None:
        asked = (
            "SELECT pg_backend_pid() AS pid, current_user::text AS who, current_setting('work_mem') AS memory,"
            " current_setting('statement_timeout') AS timeout"
        )
        with many.database.snapshot() as snapshot:
            before = snapshot.frame(asked).row(0)
        leaving = "set_config('work_mem', '99MB', false), set_config('role', 'none', false)"
        planned(many, of_sql(f"SELECT {leaving}", ("work_mem", "77MB")))
        with many.database.snapshot() as snapshot:
            assert snapshot.frame(asked).row(0) == before

    def test_statement_that_takes_too_long_is_planned_without_a_run(
        self, shared: Data, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(statements.explaining, "MEASURED_SECONDS", 0.2)
        verdicts, explained = planned(shared, of_sql("SELECT pg_sleep(30)"))
        assert not explained.plan.is_measured
        assert "It was stopped" in verdicts[0].advice
        assert explained.plan.nodes

    @pytest.mark.parametrize("of", ["", "slow:1", "slow:x", "query:none", "statement:5", "statement:;"])
    def test_what_the_address_names_need_not_be_there(self, shared: Data, of: str) -> None:
        with pytest.raises(ParameterError):
            statements.subject(shared.database, of)


def test_settings_of_a_query_hold_for_its_statement_alone(
    shared: Data, shared_url: str, settings: Settings
) -> None:
    asked = replace(
        query(
            "SELECT pg_backend_pid() AS pid, current_setting('work_mem') AS had,"
            " current_setting('enable_nestloop') AS nested"
        ),
        settings=(("work_mem", "77MB"), ("enable_nestloop", "off")),
    )
    with opening(settings) as opened:  # one connection, which all of this shares
        alone = opened(shared_url, cache="memory")
        tuned = alone.reading().answer(asked).rows.row(0)
        assert tuned[1:] == ("77MB", "off")
        plain = replace(asked, name="tests/plain", settings=())
        pid, *had = alone.reading().answer(plain).rows.row(0)
        assert pid == tuned[0]
        assert had != ["77MB", "off"]
        with pytest.raises(DatabaseError):
            alone.reading().answer(replace(asked, sql=f"{asked.sql} WHERE 1 / 0 = 1"))
        with alone.database.snapshot() as snapshot:
            assert snapshot.frame(asked.sql).row(0) == (pid, *had)
    with shared.database.snapshot() as snapshot:
        assert snapshot.frame("SELECT current_setting('enable_nestloop') AS nested")["nested"][0] == "on"


def test_a_statement_carries_the_name_of_its_query() -> None:
    assert statements.named(catalogue()[DAILY].statement) == DAILY
    assert statements.named("/* somebody/else */ SELECT 1") is None
