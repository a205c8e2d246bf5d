"""How late the event loop of this process comes to what is due."""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

_TICK_SECONDS = 0.25


class LoopLag:
    """Whatever browsers ask waits for the loop. While something holds it, threads go on, and nobody is answered."""

    def __init__(self, remembered_seconds: float = 60.0) -> None:
        self._remembered_seconds = remembered_seconds
        self._due_at: float | None = None
        self._lags: deque[tuple[float, float]] = deque(maxlen=int(remembered_seconds / _TICK_SECONDS))

    @asynccontextmanager
    async def watched(self) -> AsyncIterator[None]:
        """Watch the loop that runs this block, while it lasts."""
        watching = asyncio.create_task(self._watch())
        try:
            yield
        finally:
            watching.cancel()
            self._due_at = None

    def seconds(self) -> float | None:
        """The longest of late, also one that has no end yet; None if no loop is watched. Any thread may ask."""
        now, due_at = time.monotonic(), self._due_at
        if due_at is None:
            return None
        lags = [lag for at, lag in tuple(self._lags) if now - at <= self._remembered_seconds]
        return max(0.0, now - due_at, *lags)

    async def _watch(self) -> None:
        while True:
            self._due_at = due_at = time.monotonic() + _TICK_SECONDS
            await asyncio.sleep(_TICK_SECONDS)
            now = time.monotonic()
            self._lags.append((now, now - due_at))
