"""Tells open pages that what they show is outdated, by server-sent events, as soon as this process knows it."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from dashboard import live
from dashboard.data import Data, Extent, Shown
from dashboard.errors import DaybookError
from dashboard.versions import Versions

logger = logging.getLogger(__name__)

MOST_STREAMS = 1_000
HEARTBEAT_SECONDS = 20.0  # proxies end a connection that says nothing for 30 to 60 s

_RETRY_MS = 2_000  # until a browser comes back that lost its stream
_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


class LivePages:
    """The streams of a server. Each waits until what its page shows is outdated, says so, and ends."""

    def __init__(self, data: Data, poll_seconds: float) -> None:
        """``poll_seconds`` is the time between two looks for changes that were not heard of."""
        self._data = data
        self._poll_seconds = poll_seconds
        self._now: tuple[Versions, Extent | None] | None = None
        self._waiting: set[asyncio.Event] = set()  # one a stream
        self._looking = asyncio.Event()
        self._has_ended = False

    @property
    def streams(self) -> int:
        """How many are open."""
        return len(self._waiting)

    def routes(self) -> list[Route]:
        """``/live?shown=…`` is a stream for what ``Shown.to_text`` wrote; 503 if there are too many."""
        return [Route(live.PATH, self._answer)]

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Let pages listen, and look at the data while any do."""
        live.register()
        loop = asyncio.get_running_loop()
        with self._data.known.telling(lambda: loop.call_soon_threadsafe(self._looking.set)):
            watching = asyncio.create_task(self._watch())
            try:
                yield
            finally:
                watching.cancel()
                with suppress(asyncio.CancelledError):
                    await watching

    def end(self) -> None:
        """End all streams."""
        self._has_ended = True
        self._wake()

    async def _answer(self, request: Request) -> Response:
        try:
            shown = Shown.from_text(request.query_params.get("shown", ""))
        except DaybookError as error:
            return PlainTextResponse(str(error), status_code=400)
        if self.streams >= MOST_STREAMS:
            return PlainTextResponse("Too many pages listen already.", status_code=503)
        return StreamingResponse(self._stream(shown), media_type="text/event-stream", headers=_HEADERS)

    async def _stream(self, shown: Shown) -> AsyncIterator[str]:
        woken = asyncio.Event()
        self._waiting.add(woken)
        self._looking.set()
        try:
            yield f"retry: {_RETRY_MS}\n\n"
            while not self._has_ended:
                if self._now and shown.is_outdated(*self._now):
                    yield "event: outdated\ndata: newer\n\n"
                    return
                if not await _is_set_within(woken, HEARTBEAT_SECONDS):
                    yield ": nothing new\n\n"
                woken.clear()
        finally:
            self._waiting.discard(woken)

    async def _watch(self) -> None:
        while True:
            await _is_set_within(self._looking, self._poll_seconds if self._waiting else None)
            self._looking.clear()
            if not self._waiting:
                continue
            try:
                now = await to_thread.run_sync(self._look, abandon_on_cancel=True)
            except DaybookError as error:
                logger.debug("Pages learn of nothing for now: %s", error)
            except Exception:  # it must not leave the pages without news for good
                logger.exception("Pages learn of nothing for now")
            else:
                self._tell(now)

    def _look(self) -> tuple[Versions, Extent | None]:
        # In this order: if the days are of newer data than the versions, that is looked at next.
        versions = self._data.known.current()
        return versions, self._data.reading(is_asked=False).extent()

    def _tell(self, now: tuple[Versions, Extent | None]) -> None:
        if self._now is None or self._now[0].newest != now[0].newest:
            self._now = now
            self._wake()

    def _wake(self) -> None:
        for woken in self._waiting:
            woken.set()


async def _is_set_within(event: asyncio.Event, seconds: float | None) -> bool:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True
