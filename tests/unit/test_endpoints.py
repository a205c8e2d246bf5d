"""Requests are counted under names of which there are few, however they end."""

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from dashboard.server.endpoints import Endpoints, Timed
from dashboard.telemetry import Traffic, asker


async def order(_: Request) -> Response:
    return PlainTextResponse(asker())


class Crashed(Exception):
    pass


async def crash(_: Request) -> Response:
    raise Crashed


STREAM_SECONDS = 1.0


async def stream(_: Request) -> Response:
    async def parts() -> Any:
        yield "data: 1\n\n"
        await asyncio.sleep(STREAM_SECONDS)
        yield "data: 2\n\n"

    return StreamingResponse(parts(), media_type="text/event-stream")


def run(asking: Coroutine[Any, Any, object]) -> None:
    """In a thread of its own: in that of the tests, a browser of other tests may have its loop."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, asking).result()


@pytest.fixture
def traffic() -> Traffic:
    return Traffic()


class Client:
    """Asks an application as a server does."""

    def __init__(self, app: Timed) -> None:
        self._app = app

    def request(self, method: str, path: str) -> str:
        """The body of the answer."""
        sent = self._ask({"type": "http", "method": method, "path": path}, {"type": "http.request"})
        return b"".join(message.get("body", b"") for message in sent).decode()

    def open(self, path: str) -> str:
        """The first text that a WebSocket sends."""
        sent = self._ask(
            {"type": "websocket", "path": path, "subprotocols": []}, {"type": "websocket.connect"}
        )
        return next(message["text"] for message in sent if message["type"] == "websocket.send")

    def _ask(self, scope: dict[str, Any], first: dict[str, Any]) -> list[dict[str, Any]]:
        sent: list[dict[str, Any]] = []
        told = iter([first])

        async def receive() -> dict[str, Any]:
            if message := next(told, None):
                return message
            await asyncio.sleep(60)
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            sent.append(message)

        with suppress(Crashed):  # which a server writes to its log
            run(self._app(scope | {"headers": [], "query_string": b""}, receive, send))
        return sent


@pytest.fixture
def client(traffic: Traffic) -> Client:
    async def page(socket: WebSocket) -> None:
        await socket.accept()
        await socket.send_text(str(traffic.sessions))
        await socket.close()

    routes = [
        Route("/orders/{order_id}", order, methods=["GET", "POST"]),
        Route("/crash", crash),
        Route("/live", stream),
    ]
    app = Starlette(routes=[*routes, WebSocketRoute("/_stcore/stream", page)])
    return Client(Timed(app, Endpoints(routes), traffic))


@pytest.mark.parametrize(
    ("method", "path", "counted"),
    [
        ("GET", "/orders/7", ("/orders/{order_id}", "GET", "200")),
        ("POST", "/orders/a", ("/orders/{order_id}", "POST", "200")),
        ("DELETE", "/orders/a", ("/orders/{order_id}", "DELETE", "405")),
        ("BREW", "/orders/a", ("/orders/{order_id}", "other", "405")),
        ("GET", "/crash", ("/crash", "GET", "500")),
        ("GET", "/", ("/", "GET", "404")),
        ("GET", "/system", ("/system", "GET", "404")),
        ("GET", "/static/js/index.5.js", ("/static/…", "GET", "404")),
        ("GET", "/wp-admin/setup.php", ("other", "GET", "404")),
    ],
)
def test_a_request_counts_under_the_template_of_its_path(
    client: Client, traffic: Traffic, method: str, path: str, counted: tuple[str, ...]
) -> None:
    client.request(method, path)
    assert {labels: one.count for labels, one in traffic.requests.totals().items()} == {counted: 1}


def test_what_strangers_make_up_adds_no_names(traffic: Traffic) -> None:
    async def found_nothing(_: Any, __: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 404})

    async def drop(_: Any = None) -> None:
        pass

    async def ask() -> None:
        timed = Timed(found_nothing, Endpoints([Route("/orders/{order_id}", order)]), traffic)
        for number in range(1_000):
            path = ("/{}", "/orders/{}", "/orders/{}/x", "/static/{}", "/sales/{}", "//{}")[number % 6]
            method = "GET" if number % 2 else f"BREW{number}"
            await timed({"type": "http", "method": method, "path": path.format(number)}, drop, drop)

    run(ask())
    counted = traffic.requests.totals()
    assert {labels[0] for labels in counted} == {"/orders/{order_id}", "/static/…", "other"}
    assert {labels[1:] for labels in counted} == {("GET", "404"), ("other", "404")}
    assert sum(one.count for one in counted.values()) == 1_000


def test_what_is_read_for_it_is_known_to_be_for_it(client: Client) -> None:
    assert client.request("GET", "/orders/7") == "GET /orders/{order_id}"
    assert asker() == ""


def test_a_stream_counts_until_it_begins(client: Client, traffic: Traffic) -> None:
    assert client.request("GET", "/live").count("data") == 2
    [told] = traffic.requests.totals().values()
    assert told.seconds < STREAM_SECONDS  # what its parts were waited for


def test_a_websocket_is_an_open_page_and_no_request(client: Client, traffic: Traffic) -> None:
    assert client.open("/_stcore/stream") == "1"
    assert traffic.sessions == 0
    assert traffic.requests.totals() == {}


def test_who_leaves_before_the_answer_is_no_failure(traffic: Traffic) -> None:
    async def left(*_: Any) -> None:
        raise asyncio.CancelledError

    async def ask() -> None:
        scope = {"type": "http", "method": "GET", "path": "/sales", "headers": []}
        with pytest.raises(asyncio.CancelledError):
            await Timed(left, Endpoints([]), traffic)(scope, left, left)

    run(ask())
    assert [*traffic.requests.totals()] == [("/sales", "GET", "499")]
