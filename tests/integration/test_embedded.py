"""The bundled PostgreSQL, with real servers: whoever comes and goes, however it ends, whatever the folder holds."""

import logging
import os
import pwd
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import psycopg
import pytest
import sqlalchemy as sa

from dashboard.embedded import folder, programs, running
from dashboard.errors import EmbeddedError
from dashboard.settings import ROOT

IS_ROOT = os.geteuid() == 0
USER_PROGRAM = """
import sys
from pathlib import Path
from dashboard.embedded import running
with running(Path(sys.argv[1])) as url:
    print(url, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A data folder that does not exist yet."""
    home = tmp_path / "data"
    yield home
    _kill_servers(home)


@pytest.fixture(scope="session")
def initialised(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A first start, in a folder whose name is as bad as they come."""
    home = tmp_path_factory.mktemp("embedded") / ('it\'s a "long" $name, ' * 6)
    with running(home) as url:
        _ask(url, "CREATE TABLE kept AS SELECT 42 AS answer")
    return home


@pytest.fixture
def prepared(home: Path, initialised: Path) -> Path:
    """A data folder with a stopped server and a table ``kept``."""
    return _copied(initialised, home)


@pytest.fixture
def ordinary_home() -> Iterator[Path]:
    """An empty folder of a user who is not root, where that user may go."""
    with tempfile.TemporaryDirectory() as folder:
        if IS_ROOT:
            nobody = pwd.getpwnam("nobody")
            os.chown(folder, nobody.pw_uid, nobody.pw_gid)
        yield Path(folder)
        _kill_servers(Path(folder))


def test_first_start_makes_an_empty_database_that_answers(home: Path) -> None:
    with running(home) as url:
        assert _ask(url, "SELECT current_user, current_database()") == ("daybook", "daybook")
        assert _ask(url, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == (0,)
    assert sorted(path.name for path in home.iterdir()) == [
        *("postgres", "postgres.conf", "postgres.lock", "postgres.log", "postgres.users"),
    ]


def test_an_ordinary_user_has_a_server_of_their_own(ordinary_home: Path) -> None:
    with _user(ordinary_home, _as_ordinary(ordinary_home)) as user:
        assert _ask(_url(user), "SELECT 1") == (1,)
        assert _postmaster(ordinary_home).uids().effective == ordinary_home.stat().st_uid
    assert _servers(ordinary_home) == []


def test_server_runs_as_the_clusters_owner_and_never_as_root(initialised: Path, ordinary_home: Path) -> None:
    cluster = _copied(initialised / "postgres", ordinary_home / "postgres")
    owner = ordinary_home.stat()
    subprocess.run(["chown", "-R", f"{owner.st_uid}:{owner.st_gid}", cluster], check=True)
    with running(ordinary_home):
        assert _postmaster(ordinary_home).uids().effective == owner.st_uid != 0
    with _user(ordinary_home, _as_ordinary(ordinary_home)) as user:
        assert _ask(_url(user), "SELECT 1") == (1,)


def test_password_is_for_its_owner_only_and_is_asked_for(server: str) -> None:
    url = sa.make_url(server)
    cluster = Path(str(url.query["host"]))
    assert stat.S_IMODE((cluster / "daybook.password").stat().st_mode) == 0o600
    assert str(url.password) not in (cluster.parent / "postgres.log").read_text()
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(url.set(password="guess").render_as_string(hide_password=False))


def test_server_is_tuned_and_listens_on_its_socket_only(server: str) -> None:
    expected = {
        **{"listen_addresses": "", "shared_preload_libraries": "pg_stat_statements", "jit": "off"},
        **{"data_checksums": "on", "server_encoding": "UTF8", "wal_compression": "pglz"},
        **{"TimeZone": "UTC", "random_page_cost": "1.1", "track_io_timing": "on"},
    }
    assert {name: _ask(server, f"SHOW {name}")[0] for name in expected} == expected
    assert _ask(server, "SELECT count(*) FROM pg_file_settings WHERE error IS NOT NULL") == (0,)


def test_changed_tuning_reaches_an_old_folder_and_the_owners_own_settings_win(prepared: Path) -> None:
    (prepared / "postgres.conf").write_text("jit = on\n")
    with (prepared / "postgres" / "postgresql.conf").open("a") as own:
        own.write("work_mem = '5MB'\n")
    with running(prepared) as url:
        assert _ask(url, "SHOW jit") == ("off",)
        assert _ask(url, "SHOW work_mem") == ("5MB",)


def test_bundled_psql_talks_to_the_server(server: str) -> None:
    answer = subprocess.check_output([programs.program("psql"), server, "-XAtc", "SELECT 6 * 7"], text=True)
    assert answer == "42\n"


def test_later_start_finds_what_was_written(prepared: Path) -> None:
    with running(prepared) as url:
        assert _ask(url, "SHOW fsync") == _ask(url, "SHOW synchronous_commit") == ("on",)
        _ask(url, "UPDATE kept SET answer = 43")
    assert _servers(prepared) == []
    with running(prepared) as url:
        assert _ask(url, "SELECT answer FROM kept") == (43,)


def test_second_user_joins_and_the_last_one_stops_the_server(prepared: Path) -> None:
    with _user(prepared) as second:
        with running(prepared) as url:
            assert _url(second) == url
            first_pid = _postmaster(prepared).pid
        assert _postmaster(prepared).pid == first_pid
        assert _ask(url, "SELECT 1") == (1,)
    assert _servers(prepared) == []


def test_one_process_may_enter_twice(prepared: Path) -> None:
    with running(prepared) as outer:
        with running(prepared) as inner:
            assert inner == outer
        assert _ask(outer, "SELECT 1") == (1,)


def test_error_inside_stops_the_server_and_is_passed_on(prepared: Path) -> None:
    with pytest.raises(ZeroDivisionError), running(prepared):
        raise ZeroDivisionError
    assert _servers(prepared) == []


def test_two_first_starts_at_once_share_one_server(home: Path) -> None:
    with _user(home) as one, _user(home) as other:
        url = _url(one)
        assert _url(other) == url
        assert _ask(url, "SELECT 1") == (1,)
    assert _servers(home) == []
    assert list(home.glob("postgres.partial-*")) == []


def test_server_of_a_killed_user_is_found_again_and_stopped_by_the_next(prepared: Path) -> None:
    with _user(prepared) as victim:
        _url(victim)
        victim.kill()
    abandoned = _postmaster(prepared).pid
    with running(prepared) as url:
        assert _postmaster(prepared).pid == abandoned
        assert _ask(url, "SELECT 1") == (1,)
    assert _servers(prepared) == []


def test_server_whose_user_was_killed_while_it_started_is_found(prepared: Path) -> None:
    with _user(prepared) as victim:
        _until((prepared / "postgres" / "postmaster.pid").exists)
        victim.kill()
    with running(prepared) as url:
        assert _ask(url, "SELECT answer FROM kept") == (42,)
    assert _servers(prepared) == []


def test_committed_rows_survive_when_user_and_server_are_killed(prepared: Path) -> None:
    with _user(prepared) as victim:
        _ask(_url(victim), "UPDATE kept SET answer = 44")
        victim.kill()
        _kill_servers(prepared)
    assert (prepared / "postgres" / "postmaster.pid").exists()
    with running(prepared) as url:
        assert _ask(url, "SELECT answer FROM kept") == (44,)


def test_server_that_died_under_a_living_user_is_started_by_the_next(prepared: Path) -> None:
    with running(prepared) as url:
        postmaster = _postmaster(prepared)
        postmaster.kill()
        psutil.wait_procs([postmaster], timeout=120)
        with running(prepared):
            assert _ask(url, "SELECT answer FROM kept") == (42,)
    assert _servers(prepared) == []


@pytest.mark.parametrize("kind", ["dead", "stranger", "zombie", "nonsense"])
def test_stale_pid_file_is_no_obstacle(prepared: Path, kind: str) -> None:
    with _process_of_kind(kind) as pid:
        stale = f"{pid}\n{prepared}/postgres\n1700000000\n5432\n.\n\n  1234 5\nready   \n"
        (prepared / "postgres" / "postmaster.pid").write_text(stale)
        (prepared / "postgres" / ".s.PGSQL.5432.lock").write_text(stale)
        with running(prepared) as url:
            assert _ask(url, "SELECT answer FROM kept") == (42,)
        if kind == "stranger":
            assert psutil.pid_exists(int(pid))


def test_server_started_by_hand_is_joined_and_left_alone(prepared: Path) -> None:
    owner = (prepared / "postgres").stat()
    become = programs.becoming(owner.st_uid, owner.st_gid, prepared) if IS_ROOT else ()
    by_hand = subprocess.Popen([*become, programs.program("postgres"), "-D", prepared / "postgres"], cwd="/")
    try:
        _until((prepared / "postgres" / "postmaster.pid").exists)
        with running(prepared) as url:
            assert _ask(url, "SELECT answer FROM kept") == (42,)
        assert _postmaster(prepared).pid == by_hand.pid
    finally:
        by_hand.send_signal(signal.SIGINT)
        assert by_hand.wait(30) == 0


@pytest.mark.parametrize("name", ["with 'single' and \"double\" $quotes é%", "l" * 120, "comma,colon:"])
def test_any_path_will_do(initialised: Path, tmp_path: Path, name: str) -> None:
    home = _copied(initialised, tmp_path / name / "data")
    with running(home) as url:
        assert _ask(url, "SELECT answer FROM kept") == (42,)
        engine = sa.create_engine(sa.make_url(url).set(drivername="postgresql+psycopg"))
        with engine.connect() as connection:
            assert connection.scalar(sa.text("SELECT answer FROM kept")) == 42
        engine.dispose()
        socket_folder = Path(str(sa.make_url(url).query["host"]))
        assert socket_folder.samefile(home / "postgres")
    assert socket_folder == home / "postgres" or not socket_folder.parent.exists()


def test_way_to_the_socket_that_others_could_change_is_refused(initialised: Path, tmp_path: Path) -> None:
    home = _copied(initialised, tmp_path / ("l" * 120))
    with running(home) as url:
        private = Path(str(sa.make_url(url).query["host"])).parent
    private.mkdir()
    private.chmod(0o777)
    try:
        with pytest.raises(EmbeddedError, match=f"{private}.*shorter path"), running(home):
            pass
        assert _servers(home) == []
    finally:
        private.rmdir()


def _file(cluster: Path) -> None:
    cluster.write_text("mine")


def _somebodys_photos(cluster: Path) -> None:
    cluster.mkdir()
    (cluster / "photo.jpg").write_text("mine")


def _half_made(cluster: Path) -> None:
    cluster.mkdir()
    (cluster / "PG_VERSION").write_text("18\n")


def _other_version(cluster: Path) -> None:
    _half_made(cluster)
    (cluster / "global").mkdir()
    for name in ("global/pg_control", "daybook.password"):
        (cluster / name).write_text("x")
    (cluster / "PG_VERSION").write_text("17\n")


def _without_password(cluster: Path) -> None:
    _other_version(cluster)
    (cluster / "daybook.password").unlink()


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (_file, "is not a folder"),
        (_somebodys_photos, "has no PG_VERSION"),
        (_half_made, "has no global/pg_control"),
        (_other_version, "is of PostgreSQL 17, and the bundled one is 18"),
        (_without_password, "has no daybook.password"),
    ],
)
def test_folder_that_is_no_database_of_ours_is_refused_and_left_as_it_is(
    home: Path, make: Callable[[Path], None], problem: str
) -> None:
    home.mkdir()
    make(home / "postgres")
    before = _contents(home / "postgres")
    with (
        pytest.raises(EmbeddedError, match=f"{home}/postgres .*{problem}.*DASHBOARD_DATA_DIR"),
        running(home),
    ):
        pass
    assert _contents(home / "postgres") == before


def test_data_folder_that_is_a_file_is_refused(home: Path) -> None:
    home.write_text("mine")
    with pytest.raises(EmbeddedError, match=f"{home} .*DASHBOARD_DATA_DIR"), running(home):
        pass
    assert home.read_text() == "mine"


def test_unwritable_data_folder_is_refused(ordinary_home: Path) -> None:
    ordinary_home.chmod(0o500)
    refusal = f"data folder {ordinary_home} .Permission denied.*DASHBOARD_DATA_DIR"
    owner = ordinary_home.stat().st_uid
    with _effective_user(owner), pytest.raises(EmbeddedError, match=refusal), running(ordinary_home):
        pass
    assert list(ordinary_home.iterdir()) == []


def test_folder_that_nobody_can_make_is_refused() -> None:
    with pytest.raises(EmbeddedError, match="data folder /proc/daybook"), running(Path("/proc/daybook")):
        pass


def test_cluster_of_another_user_is_refused(ordinary_home: Path) -> None:
    (ordinary_home / "postgres").symlink_to("/usr")
    owner, refusal = ordinary_home.stat().st_uid, "postgres belongs to user root, and this is user"
    with _effective_user(owner), pytest.raises(EmbeddedError, match=refusal), running(ordinary_home):
        pass


def test_killed_first_start_leaves_no_half_made_database(
    home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with _user(home) as victim:
        _until(lambda: any(home.glob("postgres.partial-*/PG_VERSION")))
        os.killpg(victim.pid, signal.SIGKILL)
    (leftover,) = home.glob("postgres.partial-*")
    assert not (home / "postgres").exists()
    with caplog.at_level(logging.WARNING), running(home) as url:
        assert _ask(url, "SELECT 1") == (1,)
    assert str(leftover) in caplog.text
    assert (leftover / "PG_VERSION").exists()


def test_ctrl_c_during_the_first_start_leaves_nothing_running(home: Path) -> None:
    with _user(home) as interrupted:
        _until(lambda: any(home.glob("postgres.partial-*/PG_VERSION")))
        os.killpg(interrupted.pid, signal.SIGINT)
        assert interrupted.wait(30) != 0
    assert not (home / "postgres").exists()
    assert _servers(home) == []


def test_ctrl_c_stops_the_server_cleanly(prepared: Path) -> None:
    with _user(prepared) as interrupted:
        _ask(_url(interrupted), "UPDATE kept SET answer = 45")
        os.killpg(interrupted.pid, signal.SIGINT)
        assert interrupted.wait(30) != 0
    assert _servers(prepared) == []
    assert "database system is shut down" in (prepared / "postgres.log").read_text().splitlines()[-1]


def test_server_that_cannot_start_says_why(prepared: Path) -> None:
    with (prepared / "postgres" / "postgresql.conf").open("a") as own:
        own.write("work_mem = 'plenty'\n")
    reason = r'(?s)did not start.*invalid value for parameter "work_mem"'
    with pytest.raises(EmbeddedError, match=reason), running(prepared):
        pass


def test_log_stays_small(prepared: Path) -> None:
    (prepared / "postgres.log").write_bytes(b"old\n" * (folder.LOG_BYTES // 4 + 1))
    with running(prepared):
        assert (prepared / "postgres.log").stat().st_size < 10_000
    assert (prepared / "postgres.log.1").stat().st_size > folder.LOG_BYTES


def _ask(url: str, sql: str) -> tuple[object, ...]:
    with psycopg.connect(url) as connection:
        cursor = connection.execute(sql)
        return (cursor.fetchone() or ()) if cursor.description else ()


@contextmanager
def _effective_user(uid: int) -> Iterator[None]:
    before = os.geteuid()
    os.seteuid(uid)
    try:
        yield
    finally:
        os.seteuid(before)


@contextmanager
def _user(home: Path, become: tuple[str, ...] = ()) -> Iterator[subprocess.Popen[str]]:
    """Another process that uses the server until the end of the block, in a process group of its own."""
    command = [*become, sys.executable, "-c", USER_PROGRAM, str(home)]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=ROOT,
        start_new_session=True,
    ) as process:
        try:
            yield process
            process.communicate(timeout=120)
        finally:
            process.kill()


def _url(user: subprocess.Popen[str]) -> str:
    assert user.stdout is not None
    return user.stdout.readline().strip()


def _as_ordinary(home: Path) -> tuple[str, ...]:
    """How root becomes the folder's owner, who may also need a way to Python; others are ordinary already."""
    owner, python = home.stat(), Path(sys.base_prefix) / "lib"
    return programs.becoming(owner.st_uid, owner.st_gid, python) if IS_ROOT else ()


def _copied(source: Path, target: Path) -> Path:
    target.parent.mkdir(exist_ok=True)
    subprocess.run(["cp", "-a", source, target], check=True)
    return target


def _servers(home: Path) -> list[psutil.Process]:
    """All processes of a server in a folder's cluster."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.name() == "postgres" and (home / "postgres").samefile(process.cwd()):
                found.append(process)
        except (psutil.Error, OSError):
            continue
    return found


def _postmaster(home: Path) -> psutil.Process:
    pid = int((home / "postgres" / "postmaster.pid").read_text().splitlines()[0])
    return next(process for process in _servers(home) if process.pid == pid)


def _kill_servers(home: Path) -> None:
    servers = _servers(home)
    for process in servers:
        with suppress(psutil.NoSuchProcess):  # some end by themselves when the first one is gone
            process.kill()
    psutil.wait_procs(servers, timeout=120)


def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.002)


@contextmanager
def _process_of_kind(kind: str) -> Iterator[str]:
    if kind == "nonsense":
        yield "not a number"
        return
    with subprocess.Popen(["sleep", "60" if kind == "stranger" else "0"]) as process:
        if kind == "dead":
            process.wait()
        if kind == "zombie":
            _until(lambda: psutil.Process(process.pid).status() == psutil.STATUS_ZOMBIE)
        yield str(process.pid)
        process.kill()


def _contents(path: Path) -> dict[Path, bytes]:
    files = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())
    return {file: file.read_bytes() for file in files}
