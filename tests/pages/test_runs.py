"""What a script run is to the pages: one state of the data, and an end as soon as nobody wants it."""

import gc
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Semaphore, local
from typing import Any

import psycopg
import pytest
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.testing.v1 import AppTest
from websockets.sync.client import ClientConnection, connect

from dashboard import app
from dashboard.database import Database
from dashboard.errors import DataMoved
from dashboard.server import MAIN
from dashboard.settings import ROOT
from tests.pages.conftest import OpenPage, Show
from tests.servers import wait_until

SERVE = [
    sys.executable,
    "-c",
    "import sys; from pathlib import Path; from dashboard.server import serve; "
    "from dashboard.settings import load_settings; serve(load_settings(), {}, script=Path(sys.argv[1]))",
]


class Numbered:
    """Stands in for the data: its readings have numbers, and the first ones see the data move."""

    def __init__(self, moves: int = 0) -> None:
        self.moves, self.readings = moves, 0

    def reading(self) -> "NumberedReading":
        self.readings += 1
        return NumberedReading(self.readings, self.readings <= self.moves)


class NumberedReading:
    def __init__(self, number: int, moves: bool) -> None:
        self.number, self._moves = number, moves

    def frame(self) -> int:
        if self._moves:
            raise DataMoved("The data got a new version.")
        return self.number


@pytest.fixture
def numbered(monkeypatch: pytest.MonkeyPatch) -> Numbered:
    data = Numbered()
    monkeypatch.setattr(app, "process_data", lambda: data)
    return data


TWO_RUNS = """
import streamlit as st
from dashboard import app

for _ in range(3):
    st.text(app.data().number)
if "again" not in st.session_state:
    st.session_state["again"] = True
    st.rerun()
"""


TWO_CARDS = """
import streamlit as st
from dashboard import app, ui

for title in ("One", "Other"):
    with ui.card(title):
        st.text(app.data().frame())
"""


def texts(page: AppTest) -> list[str]:
    assert not page.exception
    return [text.value for text in page.text]


class TestReading:
    def test_is_one_for_a_run_and_another_for_the_next_also_in_the_same_thread(
        self, numbered: Numbered
    ) -> None:
        page = AppTest.from_string(TWO_RUNS)
        assert texts(page.run()) == ["2"] * 3
        assert texts(page.run()) == ["3"] * 3
        assert numbered.readings == 3

    @pytest.mark.usefixtures("numbered")
    def test_is_forgotten_after_the_run(self) -> None:
        AppTest.from_string(TWO_RUNS).run()
        gc.collect()
        assert not [run for run in app._runs.values() if isinstance(run.reading, NumberedReading)]

    @pytest.mark.usefixtures("numbered")
    def test_is_another_each_time_outside_of_a_run(self) -> None:
        assert app.data() is not app.data()


class TestDataThatMoves:
    def test_lets_the_page_run_again_and_leaves_nothing_behind(self, numbered: Numbered) -> None:
        numbered.moves = 5
        page = AppTest.from_string(TWO_CARDS).run()
        assert texts(page) == ["6", "6"]
        assert not page.error
        assert app._TIMES_AGAIN not in page.session_state

    def test_time_after_time_is_an_error_in_every_card_and_the_next_run_tries_anew(
        self, numbered: Numbered
    ) -> None:
        numbered.moves = 6 + 5
        page = AppTest.from_string(TWO_CARDS).run()
        assert texts(page) == []
        assert ["Reload it" in error.value for error in page.error] == [True, True]
        assert numbered.readings == 6
        assert app._TIMES_AGAIN not in page.session_state
        assert texts(page.run()) == ["12", "12"]

    def test_outside_of_a_run_is_an_error(self) -> None:
        with pytest.raises(DataMoved, match="new version"), app.one_state():
            raise DataMoved("The data got a new version.")


class Tab:
    """A browser's tab, as far as a server can tell."""

    def __init__(self, link: ClientConnection) -> None:
        self._link = link

    def ask(self, query: str = "", fragment: str = "") -> None:
        """Run the page, or a fragment of it, whatever runs at the moment."""
        message = BackMsg()
        message.rerun_script.query_string = query
        message.rerun_script.fragment_id = fragment
        self._link.send(message.SerializeToString())

    def run(self, query: str = "", fragment: str = "") -> list[ForwardMsg]:
        """What the server sends until that has run."""
        self.ask(query, fragment)
        messages = [self._next()]
        while messages[-1].WhichOneof("type") != "script_finished":
            messages.append(self._next())
        return messages

    def close(self) -> None:
        self._link.close()

    def _next(self) -> ForwardMsg:
        return ForwardMsg.FromString(self._link.recv(timeout=60, decode=False))


@contextmanager
def opened_tab(url: str) -> Iterator[Tab]:
    address = url.replace("http:", "ws:") + "/_stcore/stream"
    with connect(address, subprotocols=["streamlit"], max_size=None, max_queue=None) as link:
        yield Tab(link)


@contextmanager
def served(folder: Path, script: Path, **environment: str) -> Iterator[str]:
    """The URL of a server of a script, which writes its log into the folder."""
    log = folder / "log"
    own = {"PYTHONPATH": str(ROOT), "DASHBOARD_PORT": "0", "DASHBOARD_DATA_DIR": str(folder / "data")}
    with log.open("w") as output:
        process = subprocess.Popen(
            [*SERVE, str(script)],
            cwd=folder,
            env=os.environ | own | environment,
            stdout=output,
            stderr=output,
        )

    def address() -> re.Match[str] | None:
        assert process.poll() is None, log.read_text()
        return re.search(r"http://\S+", log.read_text())

    try:
        wait_until(lambda: address() is not None, f"the server says where it is in {log}")
        yield address()[0]  # type: ignore[index]
    finally:
        process.kill()
        process.wait()


WAITING = """
import sys, time
import streamlit as st
from dashboard import app

def wait(what):
    note(f"{what} waits")
    try:
        while True:
            app.leave_if_unwanted()
            time.sleep(0.02)
    except Exception:
        note(f"{what} is told of an error")
    finally:
        note(f"{what} ends with {sys.exc_info()[0].__name__}")

def note(text):
    with open("notes", "a") as notes:
        notes.write(text + "\\n")

@st.fragment
def part():
    st.text("part")
    if "drawn" in st.session_state:
        wait("part")
    st.session_state["drawn"] = True

@st.fragment
def reading():
    for _ in range(2):
        st.text(app.data())

class Data:
    def reading(self):
        return time.monotonic_ns()

app.process_data = Data
if "read" in st.query_params:
    st.text(app.data())
    reading()
elif "wait" in st.query_params:
    wait("page")
elif "part" in st.query_params:
    part()
"""


@pytest.fixture(scope="module")
def waiting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """URL of a server of pages that wait, and the file in which they note that."""
    folder = tmp_path_factory.mktemp("waiting")
    (folder / "script.py").write_text(WAITING)
    with served(folder, folder / "script.py") as url:
        yield url, folder / "notes"


@pytest.fixture
def tab(waiting: tuple[str, Path]) -> Iterator[Tab]:
    with opened_tab(waiting[0]) as tab:
        yield tab


def shown(messages: list[ForwardMsg]) -> list[str]:
    return [text for message in messages if (text := message.delta.new_element.text.body)]


def fragment_of(messages: list[ForwardMsg]) -> str:
    [fragment] = {message.delta.fragment_id for message in messages} - {""}
    return fragment


def test_a_run_of_a_fragment_has_a_reading_of_its_own(tab: Tab) -> None:
    page = tab.run("read=1")
    [reading] = set(shown(page))
    part = shown(tab.run("read=1", fragment_of(page)))
    assert part == [part[0]] * 2
    assert part[0] != reading


class TestLeaving:
    @pytest.fixture
    def noted(self, waiting: tuple[str, Path]) -> Callable[..., None]:
        """Wait until the script has noted these lines, in this order, and nothing else."""
        notes = waiting[1]
        notes.unlink(missing_ok=True)

        def noted(*lines: str) -> None:
            def written() -> list[str]:
                return notes.read_text().splitlines() if notes.exists() else []

            with suppress(AssertionError):
                wait_until(lambda: len(written()) >= len(lines), "it is noted")
            assert written() == [*lines]

        return noted

    def test_for_another_choice_ends_the_run_at_once(self, tab: Tab, noted: Callable[..., None]) -> None:
        tab.ask("wait=1")
        noted("page waits")
        tab.run()
        noted("page waits", "page ends with StopException")

    def test_by_closing_the_tab_ends_the_run_at_once(self, tab: Tab, noted: Callable[..., None]) -> None:
        tab.ask("wait=1")
        noted("page waits")
        tab.close()
        noted("page waits", "page ends with StopException")

    def test_a_fragment_for_the_whole_page_ends_the_run_of_the_fragment(
        self, tab: Tab, noted: Callable[..., None]
    ) -> None:
        tab.ask("part=1", fragment_of(tab.run("part=1")))
        noted("part waits")
        tab.run()
        noted("part waits", "part ends with StopException")

    def test_is_unknown_outside_of_a_run(self) -> None:
        app.leave_if_unwanted()


class TestTurns:
    """Many readers at once."""

    inside: list[None]
    is_enough: Event

    @pytest.fixture
    def begin(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
        mine = local()
        monkeypatch.setattr(app, "_run", lambda: mine.run)
        monkeypatch.setattr(app, "leave_if_unwanted", lambda: None)
        self.inside, self.is_enough = [], Event()

        def run(*, waits: bool, fails: bool) -> None:
            mine.run = app._Run(Numbered().reading(), 0)
            with app.turn():
                self.inside.append(None)
                if waits:
                    app.while_waiting()
                self.is_enough.wait(20)
                if fails:
                    raise ValueError("A page fails.")

        with ThreadPoolExecutor(8) as readers:

            def begin(count: int, *, waits: bool = False, fails: bool = False) -> None:
                for _ in range(count):
                    readers.submit(run, waits=waits, fails=fails)

            yield begin
            self.is_enough.set()

    def test_few_compute_at_once_and_the_others_follow(self, begin: Callable[..., None]) -> None:
        begin(6)
        wait_until(lambda: len(self.inside) == 2, "two compute")
        time.sleep(0.3)
        assert len(self.inside) == 2
        self.is_enough.set()
        wait_until(lambda: len(self.inside) == 6, "all have computed")

    def test_who_waits_for_an_answer_lets_others_compute(self, begin: Callable[..., None]) -> None:
        begin(4, waits=True)
        wait_until(lambda: len(self.inside) == 4, "four wait at once")
        begin(2)
        wait_until(lambda: len(self.inside) == 6, "two compute besides")

    @pytest.mark.parametrize("name", sorted(path.stem for path in (ROOT / "pages" / "ops").glob("*.py")))
    def test_who_looks_after_the_program_keeps_no_reader_waiting(
        self, name: str, open_page: OpenPage, show: Show, shop_url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        show(shop_url)
        open_page(name)
        turns, taken = Semaphore(1), list[bool]()
        monkeypatch.setattr(app, "_turns", turns)
        snapshot = Database.snapshot

        def noted(*arguments: Any) -> Any:
            taken.append(not turns.acquire(blocking=False))
            if not taken[-1]:
                turns.release()
            return snapshot(*arguments)

        monkeypatch.setattr(Database, "snapshot", noted)
        assert not open_page(name).exception
        assert taken
        assert not any(taken)

    def test_a_page_that_fails_gives_its_turn_back(self, begin: Callable[..., None]) -> None:
        self.is_enough.set()
        begin(5, fails=True)
        wait_until(lambda: len(self.inside) == 5, "all have failed")


class TestLeavingAPageThatReads:
    """The program itself, kept waiting by a lock on what its pages read."""

    READING = (
        "SELECT pid FROM pg_stat_activity WHERE application_name = 'daybook reader'"
        " AND datname = current_database() AND state = 'active' AND wait_event_type = 'Lock'"
    )

    @pytest.fixture
    def held(self, own_shop_url: str) -> Iterator[psycopg.Connection[Any]]:
        with psycopg.connect(own_shop_url) as connection:
            yield connection

    def test_stops_its_statements(
        self, own_shop_url: str, held: psycopg.Connection[Any], tmp_path: Path
    ) -> None:
        def statements() -> set[Any]:
            with psycopg.connect(own_shop_url) as connection:
                return {pid for (pid,) in connection.execute(self.READING)}

        with served(tmp_path, MAIN, DATABASE_URL=own_shop_url) as url, opened_tab(url) as tab:
            tab.run()
            held.execute("REFRESH MATERIALIZED VIEW dashboard.daily_sales_metrics")  # which locks it
            tab.ask("range=2024-01")
            wait_until(lambda: bool(statements()), "the page reads")
            first = statements()
            tab.ask("range=2024-02")
            wait_until(lambda: bool(statements()) and not first & statements(), "another choice is read")
            tab.close()
            wait_until(lambda: not statements(), "nothing is read any more")
