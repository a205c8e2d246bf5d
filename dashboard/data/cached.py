"""Functions whose results are cached as the answers of queries are, for those who extend the dashboard."""

import asyncio
import hashlib
import inspect
import json
import time
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import Future
from datetime import UTC, datetime
from functools import partial, update_wrapper
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar, cast

import polars as pl

from dashboard.cache import Hit, Key, Value, key
from dashboard.data.answer import DATABASE, STALE
from dashboard.data.gathering import Found
from dashboard.errors import DatabaseUnavailable

if TYPE_CHECKING:
    from dashboard.data import Data

P = ParamSpec("P")
R = TypeVar("R")

_JSON = "daybook:json"  # the only column of a result that is no frame


class Cached(Generic[P, R]):
    """A function that is called once for each of its arguments; ``fresh`` calls it whatever the cache has.

    Arguments are what a cache key can hold: texts, numbers, dates, None, and tuples, lists and mappings of
    them. The result is a ``polars.DataFrame`` or JSON-like, and comes back as JSON gives it: a tuple as a
    list. Raises TypeError for others, and what the function raises, which is not cached.

    A call that many make at the same time is made once, in a thread of its own. Results past their
    lifetime are returned while the function raises DatabaseUnavailable.
    """

    def __init__(
        self, data: Callable[[], "Data"], function: Callable[P, R], ttl_seconds: float, prefix: str
    ) -> None:
        update_wrapper(self, function)
        self._data, self._function = data, function
        self._ttl_seconds, self._prefix = ttl_seconds, prefix
        self._signature = inspect.signature(function)
        self._identity = f"{function.__module__}.{function.__qualname__}", _fingerprint(function)
        self._is_async = inspect.iscoroutinefunction(function)
        key(prefix)  # a bad tag is noticed here

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        return self._called(args, kwargs, is_fresh=False)

    def fresh(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call the function, and cache what it returns."""
        return self._called(args, kwargs, is_fresh=True)

    def _called(self, args: tuple[Any, ...], kwargs: dict[str, Any], *, is_fresh: bool) -> R:
        asked = self._key(args, kwargs)
        if not self._is_async:
            begin = partial(_Call, lambda: self._function(*args, **kwargs), self._ttl_seconds)
            return cast(R, self._result(asked, begin, is_fresh=is_fresh))
        return cast(R, self._awaited(asked, args, kwargs, is_fresh=is_fresh))

    async def _awaited(
        self, asked: Key, args: tuple[Any, ...], kwargs: dict[str, Any], *, is_fresh: bool
    ) -> object:
        loop = asyncio.get_running_loop()
        function = cast(Callable[..., Coroutine[Any, Any, object]], self._function)
        begin = partial(_AsyncCall, lambda: function(*args, **kwargs), loop, self._ttl_seconds)
        return await asyncio.to_thread(self._result, asked, begin, is_fresh=is_fresh)

    def _key(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Key:
        bound = self._signature.bind(*args, **kwargs)
        bound.apply_defaults()
        return key(self._prefix, *self._identity, bound.arguments)

    def _result(self, asked: Key, begin: "Callable[[], _Call]", *, is_fresh: bool) -> object:
        data = self._data()
        started = time.perf_counter()
        try:
            found = _found(data, asked, begin, is_fresh=is_fresh)
        except Exception:
            data.record(self._prefix, None, started)
            raise
        data.record(self._prefix, found, started)
        return _unpacked(found.value.rows)


class _Call:
    """The computation of one call."""

    def __init__(self, call: Callable[[], object], ttl_seconds: float) -> None:
        self._call = call
        self._ttl_seconds = ttl_seconds

    def run(self, keys: Sequence[Key]) -> dict[Key, Value]:
        [only] = keys
        created = datetime.now(UTC)
        started = time.perf_counter()
        rows = _packed(self._made())
        elapsed_ms = (time.perf_counter() - started) * 1_000
        return {only: Value(rows, created, self._ttl_seconds, only.version, elapsed_ms)}

    def cancel(self) -> None:
        """A function can't be stopped from outside."""

    def _made(self) -> object:
        return self._call()


class _AsyncCall(_Call):
    """The computation of one call of a coroutine function, on its caller's loop."""

    def __init__(
        self,
        call: Callable[[], Coroutine[Any, Any, object]],
        loop: asyncio.AbstractEventLoop,
        ttl_seconds: float,
    ) -> None:
        super().__init__(call, ttl_seconds)
        self._coroutine, self._loop = call, loop
        self._running: Future[object] | None = None

    def cancel(self) -> None:
        if self._running is not None:
            self._running.cancel()

    def _made(self) -> object:
        self._running = asyncio.run_coroutine_threadsafe(self._coroutine(), self._loop)
        return self._running.result()


def _found(data: "Data", asked: Key, begin: "Callable[[], _Call]", *, is_fresh: bool) -> Found:
    # The version is read before the call: if it is invalidated meanwhile, its result is of the time before.
    asked = asked.at(data.known.current().of((asked.tag,)))
    reason = "bypass"
    if not is_fresh:
        one = data.reader.look([asked], begin)[asked]
        if isinstance(one, Hit):
            return Found(one.value, one.source, saved_ms=one.value.database_ms)
        reason = one.reason
    try:
        values, owed = data.reader.obtain([asked], begin, is_fresh=is_fresh)
    except DatabaseUnavailable:
        good = data.reader.levels.last_good([asked])
        if asked not in good:
            raise
        return Found(good[asked], STALE, reason)
    value = values[asked]
    if asked in owed:
        return Found(value, owed[asked] or DATABASE, reason, is_coalesced=True, saved_ms=value.database_ms)
    return Found(value, DATABASE, reason, spent_ms=value.database_ms)


def _packed(result: object) -> pl.DataFrame:
    if isinstance(result, pl.DataFrame):
        if any(isinstance(dtype, pl.Object) for dtype in result.dtypes):
            raise TypeError("A frame with a column of Python objects can't be cached: cast it.")
        return result
    try:
        text = json.dumps(result, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise TypeError(f"Only a frame or a JSON-like result can be cached: {error}.") from error
    return pl.DataFrame({_JSON: [text]})


def _unpacked(rows: pl.DataFrame) -> object:
    return json.loads(rows.item()) if rows.columns == [_JSON] else rows


def _fingerprint(function: Callable[..., object]) -> str:
    """Of the function's text, so that an edited function does not return what it did before."""
    try:
        text = inspect.getsource(function)
    except (OSError, TypeError):
        return ""
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
