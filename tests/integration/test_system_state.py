"""Signs of life of processes, and what is read of them; the doctor, in good and in bad days."""

import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta

import psutil
import psycopg
import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from dashboard import doctor, system_state
from dashboard.advice import Level
from dashboard.cli import app
from dashboard.database import Database
from dashboard.doctor import Patient, examine
from dashboard.errors import MissingRights
from dashboard.jobs.retention import delete_old
from dashboard.settings import Settings
from dashboard.telemetry import Traffic, beating
from tests import servers
from tests.servers import free_port, wait_until

Admin = Callable[..., list[tuple[object, ...]]]

HEARD = "SELECT pid, kind, sessions FROM dashboard.processes"


@pytest.fixture
def often(settings: Settings) -> Settings:
    return settings.model_copy(update={"heartbeat_seconds": 0.05})


@pytest.fixture
def traffic() -> Traffic:
    traffic = Traffic()
    traffic.requests.record(("/sales", "GET", "200"), 0.02)
    traffic.reruns.record(("/sales",), 0.3)
    return traffic


@pytest.fixture
def alive(database: Database, often: Settings, traffic: Traffic, admin: Admin) -> Iterator[None]:
    """This process gives signs of life, and is heard of."""
    with beating("server", "this", database, often, traffic):
        wait_until(lambda: bool(admin(HEARD)), "this process is heard of")
        yield


@pytest.mark.usefixtures("alive")
class TestHeartbeat:
    def test_it_tells_what_the_process_takes_and_serves(self, database: Database, traffic: Traffic) -> None:
        with traffic.session():
            wait_until(lambda: told(database).sessions == 1, "the open page is told of")
        process = told(database)
        assert (process.kind, process.pid) == ("server", os.getpid())
        assert process.version.startswith("0.1.0+")
        assert 1e6 < process.resident_bytes < process.memory_bytes
        assert 0 < process.available_bytes <= process.memory_bytes
        assert process.started_at < process.heard_at
        assert process.threads > 1
        assert process.lag_seconds is None  # nobody watches a loop here
        assert process.versions["Python"].startswith("3.")
        assert process.resident_course
        assert process.requests["/sales", "GET", "200"].count == 1
        assert process.reruns["/sales",].seconds == 0.3
        pools = {pool.name: pool for pool in process.pools}
        assert pools["statements"].size == 6
        assert pools["writing connections"].size == 11

    def test_it_goes_on_after_the_database_was_away(
        self, database: Database, database_url: str, server: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        name = sa.make_url(database_url).database
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
            ended = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
            connection.execute(ended)
            wait_until(lambda: "no sign of life can be given" in caplog.text, "the process says so")
            connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
        before = told(database).heard_at
        wait_until(lambda: told(database).heard_at > before, "it is heard of again")

    def test_what_it_read_of_the_database_is_not_told_while_that_is_away(
        self, database_url: str, server: str, traffic: Traffic
    ) -> None:
        name = sa.make_url(database_url).database
        wait_until(lambda: bool(traffic.figures), "figures are read")
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
            ended = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
            connection.execute(ended)
            wait_until(lambda: not traffic.figures, "they are forgotten")
            connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
        wait_until(lambda: bool(traffic.figures), "they are read again")

    def test_its_start_is_told_by_the_clock_of_the_database(
        self, database: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        own = datetime.fromtimestamp(psutil.Process().create_time(), UTC)
        assert abs(told(database).started_at - own) < timedelta(seconds=30)
        before, of_machine = told(database), time.time
        monkeypatch.setattr("time.time", lambda: of_machine() - 10_000)  # somebody sets its clock
        wait_until(lambda: told(database).heard_at > before.heard_at, "it is heard of again")
        assert told(database).started_at == before.started_at

    def test_figures_of_the_database_come_with_it(self, traffic: Traffic, admin: Admin) -> None:
        admin("UPDATE dashboard.view_states SET refreshed_at = to_timestamp(1500000000)")
        wait_until(lambda: 1.5e9 in traffic.figures.get("refreshed_at_seconds", {}).values(), "they are read")


def test_a_process_takes_its_row_along_though_it_may_not_read_figures(
    database: Database, often: Settings, traffic: Traffic, admin: Admin, caplog: pytest.LogCaptureFixture
) -> None:
    admin("REVOKE SELECT ON dashboard.jobs FROM daybook_reader")
    with beating("server", "this", database, often, traffic):
        wait_until(lambda: "metrics tell nothing of the database" in caplog.text, "that is told")
        assert admin(HEARD)
    assert "no sign of life" not in caplog.text
    assert admin(HEARD) == []


def test_it_is_heard_of_though_figures_are_locked(
    database: Database, often: Settings, traffic: Traffic, admin: Admin, database_url: str
) -> None:
    with psycopg.connect(database_url) as other, beating("server", "this", database, often, traffic):
        wait_until(lambda: bool(traffic.figures), "figures are read")
        other.execute("LOCK TABLE dashboard.view_states IN ACCESS EXCLUSIVE MODE")
        wait_until(lambda: not traffic.figures, "they are no longer")
        before = told(database).heard_at
        wait_until(lambda: told(database).heard_at > before, "it is heard of again")


def test_it_is_heard_of_though_what_is_left_of_one_that_was_killed_is_held(
    database: Database, often: Settings, traffic: Traffic, admin: Admin, database_url: str
) -> None:
    with beating("server", "this", database, often, traffic):
        wait_until(lambda: bool(admin(HEARD)), "this process is heard of")
        left_behind(admin, hours=25)
    with psycopg.connect(database_url) as other:
        other.execute("SELECT FROM dashboard.processes FOR UPDATE")
        anew = Traffic()
        with beating("server", "anew", database, often, anew):
            wait_until(lambda: bool(anew.figures), "figures are read")
            heard_at = "SELECT heard_at FROM dashboard.processes WHERE process = 'anew'"
            before = admin(heard_at)
            wait_until(lambda: admin(heard_at) > before, "it is heard of again")


def test_the_living_are_seen_among_many_that_were_killed(
    database: Database, often: Settings, traffic: Traffic, admin: Admin
) -> None:
    with beating("server", "this", database, often, traffic):
        wait_until(lambda: bool(admin(HEARD)), "this process is heard of")
        admin(
            "INSERT INTO dashboard.processes SELECT (jsonb_populate_record(one, jsonb_build_object('process', "
            "number::text, 'heard_at', now() - number * interval '2 minutes', 'started_at', "
            "now() - number * interval '2 minutes' - interval '30 seconds'))).* "
            "FROM dashboard.processes AS one, generate_series(1, 300) AS number WHERE process = 'this'"
        )
        state = system_state.read(database)
        alive, lost, replaced = system_state.roll(state.processes.get(), state.now)
        assert [one.process for one in alive] == ["this"]
        assert len(lost) + len(replaced) == 199


def left_behind(admin: Admin, hours: int) -> None:
    """A process like this one was killed so long ago."""
    admin(
        f"INSERT INTO dashboard.processes SELECT (jsonb_populate_record(one, jsonb_build_object('process', "
        f"'{hours}', 'heard_at', now() - interval '{hours} hours'))).* FROM dashboard.processes AS one "
        "WHERE process = 'this'"
    )


def told(database: Database) -> system_state.Process:
    [process] = system_state.read(database).processes.get()
    return process


def test_a_process_that_ends_takes_its_row_along(
    database: Database, often: Settings, traffic: Traffic, admin: Admin
) -> None:
    with beating("worker", "this", database, often, traffic):
        wait_until(lambda: admin(HEARD) == [(os.getpid(), "worker", 0)], "this process is heard of")
    assert admin(HEARD) == []


def test_what_is_left_of_the_killed_goes_after_a_day(
    database: Database, settings: Settings, traffic: Traffic, admin: Admin, often: Settings
) -> None:
    with beating("server", "this", database, often, traffic):
        wait_until(lambda: bool(admin(HEARD)), "this process is heard of")
        for hours in (23, 25):
            left_behind(admin, hours)
        delete_old(database, settings)
    assert admin("SELECT process FROM dashboard.processes") == [("23",)]


def test_without_the_right_only_that_part_fails(database: Database, admin: Admin) -> None:
    admin("REVOKE SELECT ON dashboard.processes FROM daybook_reader")
    state = system_state.read(database)
    assert isinstance(state.processes.error, MissingRights)
    assert state.database_version.get()


class TestSettings:
    def test_secrets_are_left_out(self) -> None:
        chosen = Settings(_env_file=None, DATABASE_URL="postgresql://u:hunter2@db/x", allowed_hosts="a,b")
        rows = {row[0]: row[1:3] for row in system_state.setting_rows(chosen).iter_rows()}
        assert rows["DATABASE_URL"] == ("set, not shown", "set")
        assert rows["REDIS_URL"] == ("none", "default")
        assert rows["DASHBOARD_ALLOWED_HOSTS"] == ("a,b", "set")
        assert rows["DASHBOARD_CACHE_SOFT_SHARE"] == ("0.8", "default")
        assert rows["DASHBOARD_CACHE_MAX_STALE_SECONDS"] == ("86400", "default")
        assert [*rows][:2] == ["DATABASE_URL", "DASHBOARD_ALLOWED_HOSTS"]  # those first that are set
        assert len(rows) == len(Settings.model_fields)


def found(settings: Settings, database: Database) -> dict[str, Level]:
    """The worst that each check of the doctor finds."""
    order = (Level.BAD, Level.WARNING, Level.NOTE, Level.GOOD)
    return {
        name: min((one.level for one in verdicts), key=order.index)
        for name, verdicts in examine(Patient(settings, database))
    }


class TestDoctor:
    @pytest.mark.usefixtures("alive")
    def test_on_a_good_day(self, database: Database, settings: Settings, admin: Admin) -> None:
        admin("INSERT INTO procrastinate.procrastinate_workers DEFAULT VALUES")
        admin("UPDATE dashboard.view_states SET snapshot = pg_current_snapshot()")
        assert found(settings, database) == {
            "Database": Level.GOOD,
            "Tables": Level.GOOD,
            "Cache": Level.NOTE,  # nobody read anything yet
            "Freshness": Level.NOTE,  # there are no orders yet
            "Slow queries": Level.GOOD,
            "Indexes, tables and sessions": Level.NOTE,  # other users' sessions are hidden from the reader
            "System": Level.GOOD,
        }

    def test_a_worker_is_missing(self, database: Database, settings: Settings) -> None:
        levels = found(settings, database)
        assert (levels["Freshness"], levels["System"]) == (Level.BAD, Level.NOTE)

    def test_a_database_that_was_never_prepared(self, empty_url: str, settings: Settings) -> None:
        with closing(Database(empty_url, settings)) as database:
            told = dict(examine(Patient(settings, database)))
        [tables] = told.pop("Tables")
        assert tables.level is Level.BAD
        assert "never prepared" in tables.finding
        assert told.pop("Database")[0].level is Level.GOOD
        assert {one.finding for each in told.values() for one in each} == {
            "Not looked at, since the database was never prepared."
        }

    @pytest.mark.parametrize(("revision", "level"), [("0001", Level.WARNING), ("9999", Level.BAD)])
    def test_a_database_of_another_program(
        self, database: Database, settings: Settings, admin: Admin, revision: str, level: Level
    ) -> None:
        admin(f"UPDATE dashboard.schema_revision SET version_num = '{revision}'")
        assert found(settings, database)["Tables"] is level

    def test_a_redis_without_bounds_and_one_that_is_gone(
        self, database: Database, settings: Settings, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        checks = tuple(one for one in doctor.CHECKS if one[0] == "Cache")
        with servers.single(tmp_path_factory.mktemp("valkey")) as server:
            of_redis = Settings(
                _env_file=None, data_dir=settings.data_dir, REDIS_URL=f"redis://127.0.0.1:{server.port}"
            )
            [(_, [unbounded, *_])] = examine(Patient(of_redis, database), checks)
        [(_, [gone, *_])] = examine(Patient(of_redis, database), checks)
        assert (unbounded.level, gone.level) == (Level.WARNING, Level.BAD)
        assert "maxmemory" in unbounded.advice
        assert "does not answer" in gone.finding

    def test_a_database_that_hangs_is_waited_for_once_and_by_the_cache(self, settings: Settings) -> None:
        hasty = settings.model_copy(update={"connect_timeout_seconds": 2.0})
        with closing(socket.create_server(("127.0.0.1", 0))) as mute:  # takes connections, and says nothing
            url = f"postgresql://nobody@127.0.0.1:{mute.getsockname()[1]}/none"
            with closing(Database(url, hasty)) as database:
                began = time.monotonic()
                levels = found(hasty, database)
        assert [*levels.values()].count(Level.NOTE) == 5
        assert levels["Database"] is Level.BAD
        assert time.monotonic() - began < 5 * hasty.connect_timeout_seconds

    def test_a_check_that_breaks_leaves_the_others(self, database: Database, settings: Settings) -> None:
        def breaks(_: Patient) -> list[object]:
            raise KeyError("hunter2")

        checks = (("Broken", breaks), *doctor.CHECKS[:1])
        [(_, [broken]), (_, [well])] = examine(Patient(settings, database), checks)  # type: ignore[arg-type]
        assert (broken.level, well.level) == (Level.BAD, Level.GOOD)
        assert broken.finding == "This could not be looked at: KeyError."


class TestDoctorsCommand:
    @pytest.fixture
    def run(self, monkeypatch: pytest.MonkeyPatch, settings: Settings) -> Callable[..., tuple[int, str]]:
        def run(url: str, *arguments: str) -> tuple[int, str]:
            chosen = Settings(_env_file=None, data_dir=settings.data_dir, DATABASE_URL=url)
            monkeypatch.setattr("dashboard.cli.settings", lambda: chosen)
            result = CliRunner().invoke(app, ["doctor", *arguments])
            return result.exit_code, result.output

        return run

    def test_status_says_whether_something_is_wrong(
        self, run: Callable[..., tuple[int, str]], database_url: str, admin: Admin
    ) -> None:
        status, said = run(database_url)
        assert status == 1
        assert "Freshness: No worker is alive" in said
        admin("INSERT INTO procrastinate.procrastinate_workers DEFAULT VALUES")
        admin("UPDATE dashboard.view_states SET snapshot = pg_current_snapshot()")
        status, said = run(database_url)
        assert status == 0, said
        admin("UPDATE dashboard.schema_revision SET version_num = '0001'")
        assert run(database_url)[0] == 0
        assert run(database_url, "--strict")[0] == 1

    def test_a_database_that_does_not_answer_is_told_once_and_without_its_password(
        self, run: Callable[..., tuple[int, str]]
    ) -> None:
        status, said = run(f"postgresql://shop:hunter2@127.0.0.1:{free_port()}/shop")
        assert status == 1
        assert said.count("PostgreSQL does not answer") == 1
        assert said.count("Not looked at") == 5
        assert "hunter2" not in said
        assert "Traceback" not in said
