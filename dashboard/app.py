"""What a page works with: what its run reads, from the data of this process, and how numbers are written."""

import atexit
import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from threading import Semaphore
from typing import ParamSpec, TypeVar
from weakref import WeakKeyDictionary

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from dashboard import jobs
from dashboard.data import Cached, Data, Reading, opened
from dashboard.errors import DataMoved
from dashboard.notation import Notation
from dashboard.settings import settings
from dashboard.telemetry import TRAFFIC, asker, asking, beating

P = ParamSpec("P")
R = TypeVar("R")

log = logging.getLogger(__name__)

_MOST_TIMES_AGAIN = 5
_TIMES_AGAIN = "times_run_again"
_SHOWN = "page that is shown"


# With more threads that compute at once, each waits for the interpreter's lock between any two steps: a hundred readers
# waited ten times as long for their pages.
_turns = Semaphore(2)


@dataclass(slots=True)
class _Run:
    """One run of a page, or of a fragment of one."""

    reading: Reading
    times_again: int  # it was started again before this one
    has_turn: bool = False

    def give_turn_up(self) -> None:
        if self.has_turn:
            self.has_turn = False
            _turns.release()


# By what Streamlit makes anew for each run. Its context and its thread may serve several, one after the other.
_runs: WeakKeyDictionary[object, _Run] = WeakKeyDictionary()


@cache
def process_data() -> Data:
    """The data, opened by the launcher; under plain ``streamlit run`` by the first page that asks.

    With it comes the worker, unless that is off. The end of the process closes both, and with them the bundled
    PostgreSQL if nobody else uses that.
    """
    if get_script_run_ctx(suppress_warning=True):
        log.warning(
            "Opening the data for the first page. `make run` does this before, and serves pages faster."
        )
    stack = ExitStack()
    atexit.register(stack.close)
    data = stack.enter_context(opened(settings(), while_waiting))
    stack.enter_context(jobs.working(data, settings()))
    stack.enter_context(beating("server", data.statistics.process, data.database, settings(), TRAFFIC))
    return data


def cached(*, ttl: float, prefix: str) -> Callable[[Callable[P, R]], Cached[P, R]]:
    """``Data.cached`` of the process's data, which need not be open yet: for functions beside the pages."""
    return lambda function: Cached(process_data, function, ttl, prefix)


def data() -> Reading:
    """What the script run at hand reads through: all that it reads is of one state of the data."""
    run = _run()
    return run.reading if run else process_data().reading()


def leave_if_unwanted() -> None:
    """End the script run at hand if its reader chose something else meanwhile, or has left.

    It raises what Streamlit's own calls raise then, which is no Exception. Outside of a run it does nothing.
    """
    if context := get_script_run_ctx(suppress_warning=True):
        context.yield_check()


def while_waiting() -> None:
    """Let others compute while the script run at hand waits for an answer, unless it ends."""
    leave_if_unwanted()
    if run := _run():
        run.give_turn_up()


@contextmanager
def turn() -> Iterator[None]:
    """Wait until few script runs compute at once. One that had to wait for an answer goes on without its turn."""
    run = _run()
    if run:
        _turns.acquire()
        run.has_turn = True
    try:
        yield
    finally:
        if run:
            run.give_turn_up()


@contextmanager
def shown(path: str) -> Iterator[None]:
    """What is read in the block, and by fragments and buttons of the page afterwards, is for the page of this path."""
    st.session_state[_SHOWN] = path
    with asking(f"page {path}"):
        yield


def _asker() -> str:
    """The page for which this is run, also where only a part of it is."""
    if asker() or not get_script_run_ctx(suppress_warning=True):
        return asker()
    path = st.session_state.get(_SHOWN)
    return f"page {path}" if path else ""


@contextmanager
def one_state() -> Iterator[None]:
    """Run the page again if the data changed between the reads of its run, so that its tiles fit together.

    Raises DataMoved when that happens time after time.
    """
    try:
        with asking(_asker()):
            yield
    except DataMoved as error:
        run = _run()
        if run is None:
            raise
        if run.times_again >= _MOST_TIMES_AGAIN:
            again = "The data changed again and again while this page was read. Reload it."
            raise DataMoved(again) from error
        st.session_state[_TIMES_AGAIN] = run.times_again + 1
        st.rerun()


def _run() -> _Run | None:
    context = get_script_run_ctx(suppress_warning=True)
    this = context and context.parallel_coordinator
    if this is None:
        return None
    if this not in _runs:
        # Taken out here, the number outlives no run, however that ends.
        _runs[this] = _Run(process_data().reading(), st.session_state.pop(_TIMES_AGAIN, 0))
    return _runs[this]


@cache
def notation() -> Notation:
    """How numbers are written, by the settings."""
    return Notation(settings().locale, settings().currency)
