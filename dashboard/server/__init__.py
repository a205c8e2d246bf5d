"""The ASGI application and its launcher: Streamlit without the waits, the collections and the megabytes.

What its own launcher costs was measured on Streamlit 1.67: the garbage collector runs after every rerun,
scripts go out uncompressed, and without uvloop a rerun waits 40 ms, since its sockets lack TCP_NODELAY.
"""

import gc
import signal
import socket
import sys
import threading
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, chdir, contextmanager, nullcontext
from errno import EACCES, EADDRINUSE
from importlib import import_module
from pathlib import Path

import plotly.graph_objects as go
import streamlit as st
import uvicorn
from starlette.middleware import Middleware
from starlette.routing import BaseRoute
from starlette.types import ASGIApp
from streamlit import file_util, logger
from streamlit.web import bootstrap

from dashboard import logs
from dashboard.errors import ServerError
from dashboard.server.endpoints import Endpoints, Timed
from dashboard.server.exports import Exports
from dashboard.server.headers import OwnNamesOnly, SecurityHeaders
from dashboard.server.health import Check, health_routes
from dashboard.server.live import LivePages
from dashboard.server.static import CompressedStatic, StaticFolder
from dashboard.settings import ROOT, Settings, variable
from dashboard.telemetry import TRAFFIC

MAIN = ROOT / "dashboard" / "main.py"

_GRACE_SECONDS = 1  # for answers under way, when the server is told to end
_BACKLOG = 2_048
_WILDCARDS = frozenset({"0.0.0.0", "::"})  # noqa: S104 - compared with, not bound
_LOOPBACKS = frozenset({"127.0.0.1", "::1", "localhost"})

# What Streamlit and the pages import when a page first runs, beside what they import at once.
_IMPORTED_BY_PAGES = (
    "babel.dates",
    "babel.numbers",
    "pandas",
    "polars",
    "pyarrow.compute",
    "pyarrow.pandas_compat",
)


def build_app(
    settings: Settings,
    checks: Mapping[str, Check],
    *,
    script: Path = MAIN,
    routes: Sequence[BaseRoute] = (),
    live: LivePages | None = None,
    exports: Exports | None = None,
) -> ASGIApp:
    """The dashboard as an ASGI application, which runs the Streamlit script for every browser.

    ``checks`` are what ``/readyz`` asks, by name: each returns, or raises an error that says what is wrong.
    ``routes`` come before Streamlit's own; their answers of 1,000 bytes and more are compressed by its gzip.
    With ``live``, open pages learn of newer data; with ``exports``, files of any size leave.
    """
    _load_streamlit_config()
    static = Path(file_util.get_static_dir())
    files = StaticFolder(static, settings.data_dir / "static")

    @asynccontextmanager
    async def lifespan(_: st.App) -> AsyncIterator[None]:
        threading.Thread(target=files.prepare, name="compress static files", daemon=True).start()
        async with TRAFFIC.loop.watched(), live.open() if live else nullcontext():
            yield

    own = [
        *health_routes(checks),
        *(live.routes() if live else ()),
        *(exports.routes() if exports else ()),
        *routes,
    ]
    app = st.App(
        script,
        routes=own,
        middleware=[
            Middleware(OwnNamesOnly, names=(settings.host, *settings.allowed_hosts)),
            Middleware(CompressedStatic, files=files),
        ],
        lifespan=lifespan,
    )
    # Around the whole of it, since Starlette answers for a crash outside of its middleware.
    timed = Timed(app, Endpoints(own), TRAFFIC)
    return SecurityHeaders(timed, index=(static / "index.html").read_text("utf-8"))


def serve(
    settings: Settings,
    checks: Mapping[str, Check],
    *,
    script: Path = MAIN,
    routes: Sequence[BaseRoute] = (),
    live: LivePages | None = None,
    exports: Exports | None = None,
) -> None:
    """Serve the dashboard until SIGINT or SIGTERM. Says where in one line as soon as it answers.

    For the main thread. Raises ServerError if the host and port can't be listened on.
    """
    with _listener(settings.host, settings.port) as listener:
        app = build_app(settings, checks, script=script, routes=routes, live=live, exports=exports)
        _warm_up()
        _take_over_loggers()
        config = uvicorn.Config(
            app,
            lifespan="on",  # what fails at the start ends the program
            loop="uvloop",
            ws="websockets-sansio",
            ws_per_message_deflate=False,
            timeout_graceful_shutdown=_GRACE_SECONDS,
            log_config=None,
            log_level="warning",
            access_log=False,
            server_header=False,
        )
        with _signals_end_quietly():
            _Server(config, _url(settings.host, listener), live, exports).run(sockets=[listener])


class _Server(uvicorn.Server):
    def __init__(
        self, config: uvicorn.Config, url: str, live: LivePages | None, exports: Exports | None
    ) -> None:
        super().__init__(config)
        self._url, self._unending = url, [one for one in (live, exports) if one]

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        sys.stdout.write(f"Daybook is at {self._url} (Ctrl-C ends it)\n")
        sys.stdout.flush()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for one in self._unending:
            one.end()  # uvicorn waits for answers, and a stream is one
        await super().shutdown(sockets)


def _load_streamlit_config() -> None:
    """Read the checkout's ``.streamlit/config.toml``, wherever the program was started.

    Streamlit looks in the working directory, and beside the script.
    """
    with chdir(ROOT):
        bootstrap.load_config_options({})


def _take_over_loggers() -> None:
    """Streamlit gives each logger a handler of its own, also those of modules that it imports later."""
    for known in logger._loggers.values():
        logs.take_over(known)
    logger.setup_formatter = logs.take_over


def _warm_up() -> None:
    """Import what a page's first reader would wait for, and leave it out of all garbage collections."""
    for module in _IMPORTED_BY_PAGES:
        import_module(module)
    go.Figure([go.Scatter(), go.Bar()]).to_json()  # plotly imports a class when it is first used
    gc.collect()
    gc.freeze()


def _listener(host: str, port: int) -> socket.socket:
    """A bound TCP socket. Raises ServerError."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        # uvloop sets TCP_NODELAY on what it accepts; plain asyncio only if the protocol is given here.
        listener = socket.socket(family, kind, socket.IPPROTO_TCP)
    except OSError as error:
        raise _explained(error, host, port) from error
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        listener.bind(address)
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise _explained(error, host, port) from error
    return listener


def _explained(error: OSError, host: str, port: int) -> ServerError:
    if error.errno == EADDRINUSE:
        return ServerError(
            f"Port {port} is in use, perhaps by another Daybook. End that one, or choose another port: "
            f"PORT={port + 1} make run, or {variable('port')}={port + 1}."
        )
    if error.errno == EACCES:
        return ServerError(f"This user may not listen on port {port}. Choose one above 1023.")
    return ServerError(
        f"Can't listen on {host}, port {port}: {error.strerror}. "
        f"{variable('host')} must be an address or a name of this machine."
    )


def _url(host: str, listener: socket.socket) -> str:
    """Where a browser on this machine finds the server."""
    name = "localhost" if host in _WILDCARDS | _LOOPBACKS else host
    return f"http://{f'[{name}]' if ':' in name else name}:{listener.getsockname()[1]}"


@contextmanager
def _signals_end_quietly() -> Iterator[None]:
    """uvicorn ends in order on a signal and then raises it again: here that is the end that was asked for."""
    before = {number: signal.signal(number, lambda *_: None) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
