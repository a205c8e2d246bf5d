"""Files of orders, sent while they are made: in bounded memory, and only as long as somebody waits for them."""

import asyncio
import logging
import os
import re
import secrets
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from contextvars import copy_context
from http import HTTPStatus
from itertools import chain
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, BinaryIO, cast

from starlette.datastructures import Headers, QueryParams
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from dashboard import explore, export
from dashboard.data import Data
from dashboard.database import Cancellation
from dashboard.errors import (
    DatabaseUnavailable,
    DaybookError,
    ParameterError,
    StatementTimeout,
    WindowError,
)
from dashboard.export import FileType
from dashboard.notation import Notation
from dashboard.window import Window

logger = logging.getLogger(__name__)

RETRY_SECONDS = 10

_CHUNK_BYTES = 256 * 1024
_WINDOW = ("range", "compare", "grain")
_ID = re.compile(r"[\w-]{1,64}", re.ASCII)
_FRESH = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
_STATUSES: dict[type[BaseException], int] = {
    ParameterError: 400,
    WindowError: 400,
    DatabaseUnavailable: 503,
    StatementTimeout: 504,
}


class Exports:
    """The exports of a server, ``max_exports`` of them at a time."""

    def __init__(self, data: Data) -> None:
        self.data = data
        self.folder = data.settings.data_dir / "exports"
        self.running: set[Cancellation] = set()  # one an export
        self.threads = ThreadPoolExecutor(data.settings.max_exports, thread_name_prefix="export")

    def routes(self) -> list[Route]:
        """``/export/orders.csv``, ``.xlsx`` and ``.parquet``, as ``export.link`` asks for them."""
        export.register()
        route = Route(f"{export.PATH}.{{kind}}", self._answer)
        route.methods = {"GET"}  # a HEAD would make the whole file
        return [route]

    def end(self) -> None:
        """Give up all that are under way."""
        for cancellation in self.running:
            cancellation.cancel()

    async def _answer(self, request: Request) -> Response:
        try:
            kind = FileType(request.path_params["kind"])
        except ValueError:
            return _refusal(404, f"There is no such file; there are {', '.join(FileType)}.")
        if len(self.running) >= self.data.settings.max_exports:
            said = f"{len(self.running)} exports are under way already. Try again in a moment."
            return _refusal(503, said)
        return _Export(self, kind, request.query_params)


class _Export(Response):
    """One export: a thread makes the file, and what there is of it is sent."""

    def __init__(self, of: Exports, kind: FileType, query: QueryParams) -> None:
        super().__init__()
        self._of, self._kind, self._query = of, kind, query
        self._cancellation = Cancellation()
        of.running.add(self._cancellation)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            self._of.folder.mkdir(parents=True, exist_ok=True)
            with closing(_Growing(self._of.folder, self._cancellation)) as self._file:
                await self._make_and_send(scope, receive, send)
        finally:
            self._of.running.discard(self._cancellation)

    async def _make_and_send(self, scope: Scope, receive: Receive, send: Send) -> None:
        loop = asyncio.get_running_loop()
        self._begun: asyncio.Future[Any] = loop.create_future()
        watching = asyncio.create_task(self._watch(receive))
        making = loop.run_in_executor(self._of.threads, copy_context().run, self._make)
        making.add_done_callback(lambda _: self._file.grown.set())
        try:
            await self._send(making, scope, receive, send)
        finally:
            watching.cancel()
            self._cancellation.cancel()
            await asyncio.wait({making})

    async def _watch(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self._cancellation.cancel()

    async def _send(self, making: asyncio.Future[None], scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.wait({self._begun, making}, return_when=asyncio.FIRST_COMPLETED)
        if not self._begun.done():
            await _explained(making.exception())(scope, receive, send)
            return
        headers = {
            **_FRESH,
            "Content-Type": self._kind.mime,
            "Content-Disposition": f'attachment; filename="{self._begun.result()}"',
            "Content-Encoding": "identity",  # or the application would compress all of it
        }
        await send({"type": "http.response.start", "status": 200, "headers": Headers(headers).raw})
        async for chunk in self._file.chunks(making):
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        if self._cancellation.is_cancelled:
            return
        if error := making.exception():  # without an end the browser knows that the file is not whole
            logger.error("An export broke off: %s", error, exc_info=error)
            return
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    def _make(self) -> None:
        """In a thread."""
        asked = self._query.multi_items()
        named = _ID.fullmatch(self._query.get("id", ""))
        progress_id = named[0] if named else secrets.token_hex(8)
        try:
            window, filters = _read(asked, self._of.data)
            with explore.streamed_orders(
                self._of.data, window.elapsed, filters, self._cancellation
            ) as stream:
                first = next(stream.frames)
                name = export.file_name(self._kind, export.orders_title(self._kind, window, stream.rows))
                self._file.loop.call_soon_threadsafe(self._begun.set_result, name)
                frames = export.follow(progress_id, chain([first], stream.frames), stream.rows)
                settings = self._of.data.settings
                notation = Notation(settings.locale, settings.currency)
                sink = cast(BinaryIO, self._file)
                export.write_orders(
                    self._kind, stream, frames, window, filters, notation, sink, self._of.folder
                )
            export.end(progress_id, has_failed=False)
        except BaseException:
            export.end(progress_id, has_failed=True)
            raise


class _Growing:
    """A file without a name that is written by a thread and read behind it. It is gone when nobody has it open.

    So what is slow to take a file keeps no snapshot open, nor the file in memory. Nobody may go back in it: it has
    no ``seek``.
    """

    closed = False

    def __init__(self, folder: Path, cancellation: Cancellation) -> None:
        self.loop, self.grown = asyncio.get_running_loop(), asyncio.Event()
        self._file: Any = TemporaryFile(dir=folder)  # noqa: SIM115 - see close
        self._cancellation = cancellation
        self._size = 0

    def write(self, content: bytes) -> int:
        self._cancellation.check()
        self._file.write(content)
        self._file.flush()
        self._size += len(content)
        self.loop.call_soon_threadsafe(self.grown.set)
        return len(content)

    def tell(self) -> int:
        return self._size

    def flush(self) -> None:
        pass

    def close(self) -> None:
        self._file.close()

    async def chunks(self, making: asyncio.Future[None]) -> AsyncIterator[bytes]:
        """What is written until the making has ended, or was given up."""
        offset = 0
        while not self._cancellation.is_cancelled:
            has_ended = making.done()
            self.grown.clear()
            if chunk := os.pread(self._file.fileno(), _CHUNK_BYTES, offset):
                offset += len(chunk)
                yield chunk
            elif has_ended:
                return
            else:
                await self.grown.wait()


def _read(asked: list[tuple[str, str]], data: Data) -> tuple[Window, explore.Filters]:
    """The window and the filters. Raises ParameterError, WindowError."""
    extent = data.reading().extent()
    if extent is None:
        raise ParameterError("There are no orders yet.")
    window = Window.from_query(
        {name: text for name, text in asked if name in _WINDOW}, extent.watermark, extent.first_day
    )
    chosen: dict[str, list[str]] = {}
    for name, text in asked:
        if name not in (*_WINDOW, "id"):
            chosen.setdefault(name, []).append(text)
    return window, explore.filters(chosen)


def _explained(error: BaseException | None) -> Response:
    if isinstance(error, DaybookError):
        found = (status for kind, status in _STATUSES.items() if isinstance(error, kind))
        return _refusal(next(found, 500), str(error))
    logger.error("An export failed", exc_info=error)
    return _refusal(500, "The export failed: see the server's log.")


def _refusal(status: int, said: str) -> Response:
    headers = _FRESH | (
        {"Retry-After": str(RETRY_SECONDS)} if status == HTTPStatus.SERVICE_UNAVAILABLE else {}
    )
    return PlainTextResponse(said, status, headers)
