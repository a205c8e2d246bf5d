"""A later start, until it is ready, against Python importing the same libraries and doing nothing, side by side."""

import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.client import HTTPConnection
from importlib.util import find_spec
from pathlib import Path
from socket import create_server
from typing import IO

from rich.console import Console
from rich.table import Table

from dashboard.settings import ROOT

ROUNDS = 5
ORDERS = 10_000
PATIENCE_SECONDS = 300.0

_IMPORTED = re.compile(rb"import time:\s+\d+ \|\s+\d+ \|\s+(\w+)")
_QUERY = ("query", "business/daily_sales", "--format", "csv")

Environment = dict[str, str]


def main() -> None:
    """Measure and print; medians of several rounds, each of which takes every measure once."""
    table = Table("start", "seconds", "importing its libraries", "ratio", title="A later start")
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {
            "PYTHONPATH": str(ROOT),
            "DASHBOARD_DATA_DIR": str(Path(folder) / "data"),
            "DASHBOARD_DEMO_ORDERS": str(ORDERS),
        }
        _serve_seconds(environment)  # the first start, which makes the shop
        for name, start_seconds in (
            ("serve, to /readyz", _serve_seconds),
            ("query, to its end", _query_seconds),
        ):
            ours, imports, libraries = _measure(start_seconds, environment)
            table.add_row(
                name, f"{ours:.2f}", f"{imports:.2f} ({libraries} packages)", f"{ours / imports:.2f}"
            )
    Console().print(table)


def _measure(start_seconds: Callable[..., float], environment: Environment) -> tuple[float, float, int]:
    """Seconds of a start, seconds to import the packages that it imports, and how many those are."""
    with tempfile.TemporaryFile() as log:
        start_seconds(environment | {"PYTHONPROFILEIMPORTTIME": "1"}, log)
        log.seek(0)
        packages = sorted({name.decode() for name in _IMPORTED.findall(log.read())})
    libraries = [name for name in packages if _is_library(name)]
    rounds = [(start_seconds(environment), _import_seconds(libraries)) for _ in range(ROUNDS)]
    ours, imports = (statistics.median(each) for each in zip(*rounds, strict=True))
    return ours, imports, len(libraries)


def _is_library(name: str) -> bool:
    if name.startswith("_") or name in sys.builtin_module_names:
        return False
    spec = find_spec(name)
    return spec is not None and "site-packages" in (spec.origin or "")


def _import_seconds(libraries: list[str]) -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", f"import {', '.join(libraries)}"], check=True)
    return time.perf_counter() - began


def _query_seconds(environment: Environment, log: int | IO[bytes] = subprocess.DEVNULL) -> float:
    began = time.perf_counter()
    with _started(environment, log, *_QUERY) as process:
        process.wait()
    return time.perf_counter() - began


def _serve_seconds(environment: Environment, log: int | IO[bytes] = subprocess.DEVNULL) -> float:
    with create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    began = time.perf_counter()
    with _started(environment, log, "serve", "--port", str(port)) as process:
        while not _is_ready(port):
            if process.poll() is not None or time.perf_counter() - began > PATIENCE_SECONDS:
                raise RuntimeError(f"The server is not ready; its status is {process.returncode}.")
            time.sleep(0.01)
        return time.perf_counter() - began


def _is_ready(port: int) -> bool:
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == HTTPStatus.OK
    except OSError:
        return False
    finally:
        connection.close()


@contextmanager
def _started(
    environment: Environment, log: int | IO[bytes], *arguments: str
) -> Iterator[subprocess.Popen[bytes]]:
    """A command of ours, without a PostgreSQL that runs already; ended, with its PostgreSQL, after the block."""
    with subprocess.Popen(
        [sys.executable, "-m", "dashboard", *arguments],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=log,
    ) as process:
        try:
            yield process
        finally:
            process.send_signal(signal.SIGINT)


if __name__ == "__main__":
    main()
