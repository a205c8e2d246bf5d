"""One rerun of a page: our launcher against ``streamlit run`` of the same script, side by side."""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import typer
from rich.console import Console
from rich.table import Table
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import ClientConnection, connect

from dashboard.server import MAIN
from dashboard.settings import ROOT
from tests.servers import free_port

RERUNS = 40
START_SECONDS = 300.0  # a very first start makes the demo shop, too


OURS = """
import sys
from pathlib import Path
from dashboard.server import serve
from dashboard.settings import load_settings
serve(load_settings(), {}, script=Path(sys.argv[1]))
"""

Command = Callable[[Path, int], list[str]]  # script and port to what serves them


class Tab:
    """A browser's tab, as far as a server can tell; speaks the protocol of Streamlit 1.67."""

    def __init__(self, link: ClientConnection) -> None:
        self._link = link
        self._page = ""
        self._known: set[str] = set()  # hashes of messages that need not be sent again

    def rerun(self, query: str = "", name: str = "") -> float:
        """Run the page; milliseconds from asking until its end. Raises RuntimeError if the page fails.

        The first time, ``name`` is the page's, as its address has it.
        """
        ask = BackMsg()
        ask.rerun_script.page_script_hash = self._page
        ask.rerun_script.page_name = "" if self._page else name
        ask.rerun_script.query_string = query
        ask.rerun_script.cached_message_hashes.extend(self._known)
        began = time.perf_counter()
        self._link.send(ask.SerializeToString())
        while not self._is_end(ForwardMsg.FromString(self._link.recv(timeout=60, decode=False))):
            pass
        return (time.perf_counter() - began) * 1_000

    def _is_end(self, message: ForwardMsg) -> bool:
        match message.WhichOneof("type"):
            case "new_session":
                self._page = message.new_session.page_script_hash
            case "delta" if message.delta.new_element.HasField("exception"):
                raise RuntimeError(message.delta.new_element.exception.message)
            case "script_finished":
                return message.script_finished == ForwardMsg.FINISHED_SUCCESSFULLY
        if message.metadata.cacheable:
            self._known.add(message.hash)
        return False


@contextmanager
def opened_tab(url: str) -> Iterator[Tab]:
    address = url.replace("http:", "ws:") + "/_stcore/stream"
    with connect(address, subprotocols=["streamlit"], max_size=None, compression=None) as link:
        yield Tab(link)


def ours(script: Path, port: int) -> list[str]:
    """The command that serves a script by our launcher."""
    if script == MAIN:
        return [sys.executable, "-m", "dashboard", "serve", "--port", str(port)]
    return [sys.executable, "-c", OURS, str(script)]


def theirs(script: Path, port: int) -> list[str]:
    """The command that serves a script as Streamlit does it, when left to itself."""
    options = {"server.headless": "true", "server.address": "127.0.0.1", "server.port": str(port)}
    return [sys.executable, "-m", "streamlit", "run", str(script)] + [
        f"--{k}={v}" for k, v in options.items()
    ]


@contextmanager
def served(command: Command, script: Path, data_dir: Path) -> Iterator[str]:
    """The URL of a server, for as long as the block lasts."""
    with started(command, script, data_dir) as (url, _):
        yield url


@contextmanager
def started(command: Command, script: Path, data_dir: Path) -> Iterator[tuple[str, int]]:
    """The URL of a server and the id of its process, for as long as the block lasts."""
    port = free_port()
    environment = os.environ | {"PYTHONPATH": str(ROOT), "DASHBOARD_PORT": str(port)}
    environment["DASHBOARD_DATA_DIR"] = str(data_dir)
    with tempfile.TemporaryDirectory() as folder:  # where no settings of ours lie
        process = subprocess.Popen(
            command(script, port), cwd=folder, env=environment, stdout=subprocess.DEVNULL
        )
        try:
            url = f"http://127.0.0.1:{port}"
            _wait(process, url + ("/readyz" if command is ours else "/_stcore/health"))
            yield url, process.pid
        finally:
            process.terminate()
            process.wait()


def _wait(process: subprocess.Popen[bytes], url: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"{process.args!r} ended with {process.returncode}")
        try:
            if httpx.get(url, timeout=5).status_code == httpx.codes.OK:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise RuntimeError(f"{url} is not ready after {START_SECONDS:g} s")


def run(script: Path = MAIN, reruns: int = RERUNS) -> list[dict[str, Any]]:
    """Measure; a row each: measure, ours_ms, other, other_ms, ratio (ours / other), medians in milliseconds."""
    with ExitStack() as stack:
        data_dir = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "data"
        fast = stack.enter_context(served(ours, script, data_dir))
        plain = stack.enter_context(served(theirs, script, data_dir))
        tabs = [stack.enter_context(opened_tab(url)) for url in (fast, plain)]
        first = [tab.rerun() for tab in tabs]
        # In turns, so that what else the machine does disturbs both alike.
        times = [[tab.rerun() for tab in tabs] for _ in range(reruns)]
    median = (statistics.median(each) for each in zip(*times, strict=True))
    return [
        _row("first run of the page", "streamlit run", *first),
        _row("rerun of the page", "streamlit run", *median),
    ]


def _row(measure: str, other: str, our_ms: float, other_ms: float) -> dict[str, Any]:
    return {
        "measure": measure,
        "ours_ms": round(our_ms, 1),
        "other": other,
        "other_ms": round(other_ms, 1),
        "ratio": round(our_ms / other_ms, 2),
    }


def main(script: Path = MAIN, reruns: int = RERUNS) -> None:
    """Measure a page through our launcher and through ``streamlit run``, and print both."""
    rows = run(script.resolve(), reruns)
    table = Table("measure", "against", title=f"Serving {script.name}")
    for column in ("ours ms", "other ms", "ratio"):
        table.add_column(column, justify="right")
    for row in rows:
        table.add_row(
            row["measure"], row["other"], *(f"{row[key]:,}" for key in ("ours_ms", "other_ms", "ratio"))
        )
    Console().print(table)


if __name__ == "__main__":
    typer.run(main)
