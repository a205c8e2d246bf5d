"""The commands, as a shell meets them: processes with arguments, streams, signals and an exit status."""

import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPConnection
from pathlib import Path
from typing import IO, Any

import polars as pl
import psutil
import pytest

from dashboard import cli
from dashboard.catalogue import catalogue
from dashboard.settings import ROOT, settings
from tests.servers import free_port

DAILY = "business/daily_sales"
BLACK_FRIDAY = ("--start", "2017-11-24", "--end", "2017-11-25")
PATIENCE_SECONDS = 120.0

Admin = Callable[..., list[tuple[Any, ...]]]
Run = Callable[..., subprocess.CompletedProcess[bytes]]


class Shell:
    """Runs commands in a folder that is not the checkout, on one data folder."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.data_dir = folder / "data"
        self._folder = folder
        self._environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "DASHBOARD_DATA_DIR": str(self.data_dir),
            **settings,
        }

    def __call__(self, *arguments: str, **settings: str) -> subprocess.CompletedProcess[bytes]:
        with self.started(*arguments, stderr=subprocess.PIPE, **settings) as process:
            out, err = process.communicate(timeout=PATIENCE_SECONDS)
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    @contextmanager
    def started(
        self, *arguments: str, stderr: int | IO[bytes] = subprocess.DEVNULL, **settings: str
    ) -> Iterator[subprocess.Popen[bytes]]:
        """A command that runs beside the block, and is killed if it is still there at the end."""
        with subprocess.Popen(
            [sys.executable, "-m", "dashboard", *arguments],
            cwd=self._folder,
            env=self._environment | settings,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stderr,
        ) as process:
            try:
                yield process
            finally:
                process.kill()

    def servers(self) -> list[psutil.Process]:
        """The first processes of bundled PostgreSQL servers on this data folder."""
        found = []
        for process in psutil.process_iter(["name", "cwd", "ppid"]):
            if process.info["name"] == "postgres" and process.info["cwd"] == str(self.data_dir / "postgres"):
                found.append(process)
        return [process for process in found if process.info["ppid"] not in {each.pid for each in found}]


def wait_until(is_so: Callable[[], object], process: subprocess.Popen[bytes] | None = None) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        assert process is None or process.poll() is None, "the command has ended"
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


@pytest.fixture(scope="module")
def shell(olist_url: str, tmp_path_factory: pytest.TempPathFactory) -> Shell:
    """Commands on the Olist sample, which share a cache."""
    return Shell(tmp_path_factory.mktemp("shell"), DATABASE_URL=olist_url)


def rows(done: subprocess.CompletedProcess[bytes]) -> list[dict[str, Any]]:
    assert done.returncode == 0, done.stderr.decode()
    answer: list[dict[str, Any]] = json.loads(done.stdout)["rows"]
    return answer


class TestQuery:
    @pytest.mark.usefixtures("olist_sample")
    def test_json_is_an_object_of_rows_and_provenance(self, shell: Shell) -> None:
        for source in ("database", "disk"):
            done = shell("query", DAILY, *BLACK_FRIDAY, "--format", "json")
            assert (done.returncode, done.stderr) == (0, b"")
            answer = json.loads(done.stdout)
            [row] = answer["rows"]
            assert (row["date"], row["total_orders"]) == ("2017-11-24", 49)
            assert isinstance(row["total_revenue"], float)
            provenance = answer["provenance"]
            assert provenance["source"] == source
            assert isinstance(provenance["version"], int)
            assert provenance["queries"] == [DAILY]
            assert provenance["data_through"] == "2018-09-20"
            assert "T" in provenance["computed_at"]

    @pytest.mark.usefixtures("olist_sample")
    def test_csv_has_a_header_and_a_line_for_each_row(self, shell: Shell) -> None:
        done = shell("query", DAILY, "--start", "2018-08-31", "--format", "csv")
        header, *lines = done.stdout.decode().splitlines()
        assert header == "date,total_orders,unique_customers,total_revenue"
        assert lines[-1] == "2018-09-20,1,1,191.46"  # the end was left open
        assert all("2018-08-31" <= line < "2018-09-21" for line in lines)

    @pytest.mark.usefixtures("olist_sample")
    def test_arrow_is_a_stream_with_exact_types(self, shell: Shell) -> None:
        done = shell("query", DAILY, "--format", "arrow")
        table = pl.read_ipc_stream(io.BytesIO(done.stdout))
        assert table.schema["total_revenue"] == pl.Decimal(38, 2)
        assert (table["total_orders"].sum(), str(table["total_revenue"].sum())) == (4_071, "659682.58")

    @pytest.mark.usefixtures("olist_sample")
    def test_table_cuts_nothing_off_where_there_is_little_room(self, shell: Shell) -> None:
        done = shell("query", "business/customers", "--param", "top=1", COLUMNS="60")
        [_, head, _, row, _] = done.stdout.decode().splitlines()
        assert "average_order_value" in head
        assert [cell.strip() for cell in row.split("│")][4:7] == ["1", "6726.66", "6726.66"]
        assert done.stderr.decode().startswith("1 rows from database, data version ")

    @pytest.mark.parametrize("row_format", ["json", "arrow"])
    def test_reader_who_leaves_gets_no_traceback(self, shell: Shell, row_format: str) -> None:
        with shell.started("query", DAILY, "--format", row_format, stderr=subprocess.PIPE) as process:
            assert process.stdout
            assert process.stderr
            process.stdout.close()
            assert b"rror" not in process.stderr.read()
            assert process.wait(PATIENCE_SECONDS) == 1


NOWHERE = "postgresql://me:hunter2@127.0.0.1:1/shop"


class TestErrors:
    @pytest.mark.parametrize(
        ("arguments", "environment", "words"),
        [
            (["query", "nothing"], {}, ["'nothing'", DAILY]),
            (["query", DAILY], {"DASHBOARD_FOO": "1"}, ["DASHBOARD_FOO", "docs/settings.md"]),
            (["query", DAILY], {"DATABASE_URL": NOWHERE}, ["Connection refused", "DATABASE_URL"]),
        ],
    )
    def test_mistake_gets_one_message_and_status_1(
        self, shell: Shell, arguments: list[str], environment: dict[str, str], words: list[str]
    ) -> None:
        done = shell(*arguments, **environment)
        assert (done.returncode, done.stdout) == (1, b"")
        assert_helps(done.stderr.decode(), words)

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            (["query", DAILY, "--start", "24.11.2017"], ["--start", "24.11.2017", "2017-11-24"]),
            (["query", DAILY, "--end", ""], ["--end", "2017-11-24"]),
            (["query", DAILY, "--start", "2017-11-25", "--end", "2017-11-24"], ["ends before it starts"]),
            (["query", DAILY, "--param", "name=x", "--param", "span=x"], ["knows no name, span"]),
            (["query", "business/customers"], ["business/customers needs top"]),
            (["query", "business/customers", "--param", "top"], ["name=value"]),
            (["query", "business/customers", "--param", "top=1", "--end", "2018-01-01"], ["range of days"]),
            (["refresh", "nothing"], ["'nothing'", "daily_sales_metrics"]),
            (["cache", "invalidate", "nothing"], ["'nothing'", DAILY]),
            (["load", "olist", "/nowhere"], ["/nowhere is not a folder"]),
        ],
        ids=" ".join,
    )
    def test_message_says_what_is_wrong_and_what_to_write(
        self, in_process: Callable[..., str], arguments: list[str], words: list[str]
    ) -> None:
        assert_helps(in_process(*arguments), words)

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("DASHBOARD_PORT", "high"),
            ("DATABASE_URL", "mysql://me:hunter2@db/shop"),
            ("REDIS_URL", "hunter2"),
        ],
    )
    def test_setting_that_can_not_be_read_is_named(
        self, in_process: Callable[..., str], name: str, value: str
    ) -> None:
        assert_helps(in_process("query", DAILY, **{name: value}), [name])

    def test_among_lines_of_json_it_is_one(self, tmp_path: Path) -> None:
        shell = Shell(tmp_path, DATABASE_URL="mysql://of.another/kind", DASHBOARD_LOG_FORMAT="json")
        done = shell("query", DAILY)
        line = json.loads(done.stderr)
        assert (done.returncode, line["level"]) == (1, "critical")
        assert "DATABASE_URL" in line["message"]

    def test_no_command_is_an_invitation(self, shell: Shell) -> None:
        done = shell()
        assert b"Usage: python -m dashboard" in done.stdout + done.stderr


def assert_helps(said: str, words: list[str]) -> None:
    assert said.lstrip().startswith("error: ")
    assert said.strip().count("\n") == 0
    assert all(word in said for word in words), said
    assert "hunter2" not in said


@pytest.fixture
def in_process(
    olist_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Callable[..., str]]:
    """What a command says that fails; in this process, since a new one takes seconds to import all."""

    def run(*arguments: str, **environment: str) -> str:
        chosen = {"DATABASE_URL": olist_url, "DASHBOARD_DATA_DIR": str(tmp_path)} | environment
        for name, value in chosen.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(sys, "argv", ["dashboard", *arguments])
        with pytest.raises(SystemExit, match="1"):
            cli.main()
        out, err = capsys.readouterr()
        assert out == ""
        return err

    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    settings.cache_clear()
    yield run
    settings.cache_clear()
    for number, handler in before.items():
        signal.signal(number, handler)


class TestRefresh:
    COUNTS = """
        SELECT (SELECT count(*) FROM dashboard.daily_sales_by_state),
               (SELECT count(*) FROM dashboard.daily_sales_metrics)
    """

    def test_views_are_filled_by_name_or_all(self, database_url: str, admin: Admin, tmp_path: Path) -> None:
        shell = Shell(tmp_path, DATABASE_URL=database_url)
        admin("INSERT INTO shop.customers VALUES ('c', 'p', '01001', 'sao paulo', 'SP')")
        admin("INSERT INTO shop.orders VALUES ('o', 'c', 'shipped', '2018-01-01')")
        said = shell("refresh", "daily_sales_by_state").stdout.decode()
        assert said.startswith("daily_sales_by_state: 1 rows in ")
        assert admin(self.COUNTS) == [(1, 0)]
        said = shell("refresh").stdout.decode()
        assert len(said.splitlines()) == len(catalogue().views)
        assert admin(self.COUNTS) == [(1, 1)]


class TestCache:
    def test_what_is_invalidated_is_read_anew(self, olist_url: str, tmp_path: Path) -> None:
        shell = Shell(tmp_path, DATABASE_URL=olist_url)
        assert [source(shell) for _ in range(2)] == ["database", "disk"]
        for tag in ((DAILY,), ("daily_sales_metrics",), ("--prefix", "business/")):
            assert shell("cache", "invalidate", *tag).stdout.decode().startswith(tag[-1])
            assert source(shell) == "database"
        assert source(shell) == "disk"

    def test_statistics_are_of_the_cache_and_of_the_reads_of_all_processes(
        self, olist_url: str, tmp_path: Path
    ) -> None:
        shell = Shell(tmp_path, DATABASE_URL=olist_url)
        source(shell)
        said = shell("cache", "stats").stdout.decode()
        assert "Cache: disk" in said
        assert "2,000,000,000" in said
        assert DAILY in said

    def test_cache_can_be_looked_at_while_the_database_is_down(self, tmp_path: Path) -> None:
        done = Shell(tmp_path, DATABASE_URL=NOWHERE)("cache", "stats")
        assert "Cache: disk" in done.stdout.decode()
        assert (done.returncode, b"PostgreSQL does not answer" in done.stderr) == (1, True)


def source(shell: Shell) -> str:
    provenance = json.loads(shell("query", DAILY, "--format", "json").stdout)["provenance"]
    return str(provenance["source"])


class TestPsql:
    def test_arguments_and_quotes_reach_psql_as_they_are(self, shell: Shell) -> None:
        sql = "SELECT 'it''s \"quoted\" $HOME', count(*) FROM shop.orders"
        done = shell("psql", "--", "-At", "-F", " | ", "-c", sql)
        assert (done.returncode, done.stdout) == (0, b'it\'s "quoted" $HOME | 4071\n')

    def test_exit_status_is_that_of_psql(self, shell: Shell) -> None:
        failed = shell("psql", "--", "-v", "ON_ERROR_STOP=1", "-f", "-", DATABASE_URL=NOWHERE)
        assert (failed.returncode, b"Connection refused" in failed.stderr) == (2, True)

    def test_psql_opens_a_database_that_the_program_can_not_use(self, empty_url: str, tmp_path: Path) -> None:
        done = Shell(tmp_path, DATABASE_URL=empty_url)("psql", "--", "-Atc", "SELECT to_regnamespace('shop')")
        assert (done.returncode, done.stdout) == (0, b"\n")


class TestBundledServer:
    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
    def test_signal_during_a_command_leaves_no_server(self, tmp_path: Path, number: signal.Signals) -> None:
        shell = Shell(tmp_path)
        with shell.started("load", "demo", "--orders", "5000000") as process:
            wait_until(lambda: is_loading(shell), process)
            process.send_signal(number)
            process.wait(PATIENCE_SECONDS)
        assert process.returncode == 128 + (number if number == signal.SIGINT else signal.SIGTERM)
        assert not shell.servers()

    def test_olist_sample_in_an_empty_folder(self, olist_sample: Path, tmp_path: Path) -> None:
        shell = Shell(tmp_path)
        loaded = shell("load", "olist", str(olist_sample))
        assert loaded.returncode == 0, loaded.stderr.decode()
        assert b"4,240" in loaded.stdout
        assert not shell.servers()
        with serving(shell):  # which makes up no orders beside these
            [day] = rows(shell("query", DAILY, *BLACK_FRIDAY, "--format", "json"))
            days = rows(shell("query", DAILY, "--format", "json"))
        assert day["total_orders"] == 49
        assert sum(day["total_orders"] for day in days) == 4_071
        assert round(sum(day["total_revenue"] for day in days), 2) == 659_682.58
        assert not shell.servers()


def is_loading(shell: Shell) -> bool:
    """Whether a backend of the bundled server is at work on a statement of the load."""
    for server in shell.servers():
        for backend in server.children():
            with suppress(psutil.NoSuchProcess):  # it has just ended
                if "COPY" in " ".join(backend.cmdline()):
                    return True
    return False


@contextmanager
def serving(shell: Shell, **settings: str) -> Iterator[int]:
    """A server that is ready, by its port; ends with Ctrl-C."""
    port = free_port()
    with shell.started("serve", "--port", str(port), **settings) as process:
        wait_until(lambda: is_ready(port), process)
        yield port
        end(process)


def is_ready(port: int) -> bool:
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def end(process: subprocess.Popen[bytes], number: int = signal.SIGINT) -> None:
    process.send_signal(number)
    assert process.wait(PATIENCE_SECONDS) == 0


class TestServe:
    def test_first_start_makes_a_shop_once_and_two_servers_share_it(self, tmp_path: Path) -> None:
        shell, ports = Shell(tmp_path, DASHBOARD_DEMO_ORDERS="500"), [free_port(), free_port()]
        with (tmp_path / "said").open("wb") as said:
            one = shell.started("serve", "--port", str(ports[0]), stderr=said)
            two = shell.started("serve", "--port", str(ports[1]), stderr=said)
            with one as first, two as second:
                for process, port in zip((first, second), ports, strict=True):
                    wait_until(lambda port=port: is_ready(port), process)
                [server] = shell.servers()
                end(first, signal.SIGHUP)
                assert [found.pid for found in shell.servers()] == [server.pid]
                assert is_ready(ports[1])
                end(second)
        assert not shell.servers()
        progress = (tmp_path / "said").read_text()
        assert "100%" in progress
        with serving(shell, DASHBOARD_DEMO_ORDERS="600"):
            days = rows(shell("query", DAILY, "--format", "json"))
            assert sum(day["total_orders"] for day in days) == 500
            seen = shell("doctor")
            assert b"hidden" not in seen.stdout, seen.stdout.decode()
        assert not shell.servers()


class TestReports:
    NOVEMBER = ("report", "generate", "--from", "2017-11-01", "--to", "2017-11-30")

    def test_report_is_written_to_standard_output_or_a_file(self, shell: Shell, tmp_path: Path) -> None:
        done = shell(*self.NOVEMBER, "--compare", "none", "--title", "Black <Friday>")
        assert (done.returncode, done.stderr) == (0, b"")
        document = done.stdout.decode()
        assert document.startswith("<!doctype html>")
        assert "<h1>Black &lt;Friday&gt;</h1>" in document
        assert "<strong>1–30 Nov 2017</strong>" in document
        file = tmp_path / "november.html"
        done = shell(*self.NOVEMBER, "--output", str(file))
        assert (done.returncode, done.stdout) == (0, b"")
        assert "<h1>Sales 1–30 Nov 2017</h1>" in file.read_text(encoding="utf-8")

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            (("--from", "x", "--to", "2017-11-30"), ["--from", "'x'", "2017-11-24"]),
            (("--from", "2017-11-30", "--to", "2017-11-01"), ["ends before it starts"]),
            (("--from", "2017-11-01", "--to", "2017-11-30", "--compare", "x"), ["compare=x", "period"]),
            (("--from", "2017-11-01", "--to", "2017-11-30", "--output", "/nowhere/x"), ["/nowhere/x"]),
        ],
    )
    def test_mistake_is_one_message(
        self, in_process: Callable[..., str], options: tuple[str, ...], words: list[str]
    ) -> None:
        assert_helps(in_process("report", "generate", *options), words)

    def test_there_are_none_on_the_list(self, shell: Shell) -> None:
        done = shell("report", "list")
        assert (done.returncode, done.stderr) == (0, b"")
        assert "took" in done.stdout.decode()
