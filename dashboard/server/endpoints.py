"""Times requests by endpoint, and says for whom what they ask is read."""

from collections.abc import Sequence
from pathlib import Path
from time import perf_counter

from starlette.routing import BaseRoute, Match, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dashboard.settings import ROOT
from dashboard.telemetry import Traffic, asking

OTHER = "other"
"""What has no name of its own: so the number of names does not grow with what strangers ask."""

LEFT_STATUS = "499"
"""Of a request whose caller left before it was answered, as nginx has it."""

_PAGES = ROOT / "pages"
_FAMILIES = ("/_stcore/", "/static/", "/media/", "/component/")  # Streamlit's own
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Endpoints:
    """The names that requests are counted under: templates of paths, of which there is a fixed number."""

    def __init__(self, routes: Sequence[BaseRoute], pages: Path = _PAGES) -> None:
        self._routes = [route for route in routes if isinstance(route, Route)]
        self._pages = {"/", *(f"/{path.stem}" for path in pages.glob("*/*.py"))}

    def of(self, scope: Scope) -> str:
        """``/sales``, ``/export/orders.{kind}``, ``/_stcore/…``, or ``other``."""
        path: str = scope["path"]
        for route in self._routes:
            if route.matches(scope)[0] is not Match.NONE:
                return route.path
        if path in self._pages:
            return path
        return next((f"{family}…" for family in _FAMILIES if path.startswith(family)), OTHER)


class Timed:
    """Counts HTTP requests and how long they took, and WebSockets while they are open: each is a page in a browser."""

    def __init__(self, app: ASGIApp, endpoints: Endpoints, traffic: Traffic) -> None:
        self.app = app
        self._endpoints, self._traffic = endpoints, traffic

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            with self._traffic.session():
                await self.app(scope, receive, send)
        elif scope["type"] == "http":
            await self._timed(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    async def _timed(self, scope: Scope, receive: Receive, send: Send) -> None:
        endpoint, method = self._endpoints.of(scope), scope["method"]
        method = method if method in _METHODS else OTHER
        answer = _Answer(send)
        began = perf_counter()
        try:
            with asking(f"{method} {endpoint}"):
                await self.app(scope, receive, answer.send)
        except BaseException as error:
            answer.status = answer.status or ("500" if isinstance(error, Exception) else LEFT_STATUS)
            raise
        finally:
            ended = answer.streams_at or perf_counter()
            labels = (endpoint, method, answer.status or LEFT_STATUS)
            self._traffic.requests.record(labels, ended - began)


class _Answer:
    """Passes an answer on, and remembers its status. A stream is answered when it begins: it may last for days."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.status, self.streams_at = "", 0.0

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = str(message["status"])
            types = [value for name, value in message.get("headers", ()) if name.lower() == b"content-type"]
            if any(value.startswith(b"text/event-stream") for value in types):
                self.streams_at = perf_counter()
        await self._send(message)
