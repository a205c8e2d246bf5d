"""Functions whose results are cached as the answers of queries are, for those who extend the dashboard."""

import asyncio
import inspect
import json
import time
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial, update_wrapper
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar, cast

import polars as pl

from dashboard.cache import Hit, Key, Value, key
from dashboard.data.answer import DATABASE, STALE
from dashboard.data.gathering import Found
from dashboard.data.identity import identity
from dashboard.errors import ComputationFailed, DatabaseUnavailable

if TYPE_CHECKING:
    from dashboard.data import Data

P = ParamSpec("P")
R = TypeVar("R")

_JSON = "daybook:json"  # the only column of a result that is no frame

# Where coroutines wait for results. On the few threads that an event loop has for this, those who wait would
# leave none to the function that they wait for.
_WAITING = ThreadPoolExecutor(10_000, "waiting")


class Cached(Generic[P, R]):
    """A function that is called once for each of its arguments; ``fresh`` calls it whatever the cache has.

    Arguments are what a cache key can hold: texts, numbers, dates, None, and tuples, lists and mappings of
    them. The result is a ``polars.DataFrame`` or JSON-like, and comes back as JSON gives it: a tuple as a
    list. Raises TypeError for others, and what the function raises, which is not cached.

    An edited function is another one, and so is one made by the same text around other plain values.

    A call that many make at the same time is made once, in a thread of its own. Results past their
    lifetime are returned while the function raises DatabaseUnavailable.
    """

    def __init__(
        self, data: Callable[[], "Data"], function: Callable[P, R], ttl_seconds: float, prefix: str
    ) -> None:
        if not ttl_seconds > 0:
            raise ValueError(f"ttl is {ttl_seconds!r}: write a positive number of seconds.")
        key(prefix)  # a bad tag is noticed here
        self._identity = identity(function)
        update_wrapper(self, function)
        self._data, self._function = data, function
        self._ttl_seconds, self._prefix = ttl_seconds, prefix
        self._signature = inspect.signature(function)
        self._is_async = inspect.iscoroutinefunction(function)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        return self._called(args, kwargs, is_fresh=False)

    def fresh(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call the function, and cache what it returns."""
        return self._called(args, kwargs, is_fresh=True)

    def _called(self, args: tuple[Any, ...], kwargs: dict[str, Any], *, is_fresh: bool) -> R:
        asked = self._key(args, kwargs)
        if not self._is_async:
            begin = partial(_Call, self._name, lambda: self._function(*args, **kwargs), self._ttl_seconds)
            return cast(R, self._result(asked, begin, is_fresh=is_fresh))
        return cast(R, self._awaited(asked, args, kwargs, is_fresh=is_fresh))

    async def _awaited(
        self, asked: Key, args: tuple[Any, ...], kwargs: dict[str, Any], *, is_fresh: bool
    ) -> object:
        loop = asyncio.get_running_loop()
        function = cast(Callable[..., Coroutine[Any, Any, object]], self._function)
        begin = partial(_AsyncCall, self._name, lambda: function(*args, **kwargs), loop, self._ttl_seconds)
        waiting = partial(self._result, asked, begin, is_fresh=is_fresh)
        return await loop.run_in_executor(_WAITING, waiting)

    @property
    def _name(self) -> str:
        return self._function.__qualname__

    def _key(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Key:
        bound = self._signature.bind(*args, **kwargs)
        bound.apply_defaults()
        try:
            return key(self._prefix, self._identity, bound.arguments)
        except TypeError as error:
            advice = "Pass texts, numbers, dates, None, or tuples, lists and mappings of them."
            raise TypeError(f"{self._name} is cached by its arguments: {error} {advice}") from error

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

    def __init__(self, name: str, call: Callable[[], object], ttl_seconds: float) -> None:
        self._name, self._call = name, call
        self._ttl_seconds = ttl_seconds

    def run(self, keys: Sequence[Key]) -> dict[Key, Value]:
        [only] = keys
        created = datetime.now(UTC)
        started = time.perf_counter()
        rows = _packed(self._name, self._made())
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
        name: str,
        call: Callable[[], Coroutine[Any, Any, object]],
        loop: asyncio.AbstractEventLoop,
        ttl_seconds: float,
    ) -> None:
        super().__init__(name, call, ttl_seconds)
        self._coroutine, self._loop = call, loop
        self._running: Future[object] | None = None

    def cancel(self) -> None:
        if self._running is not None:
            self._running.cancel()

    def _made(self) -> object:
        self._running = asyncio.run_coroutine_threadsafe(self._coroutine(), self._loop)
        try:
            return self._running.result()
        except CancelledError as error:  # to those on another loop it would mean that they are cancelled
            ended = (
                f"{self._name} was cancelled, as the event loop that called it first ended: call it again."
            )
            raise ComputationFailed(ended) from error


def _found(data: "Data", asked: Key, begin: "Callable[[], _Call]", *, is_fresh: bool) -> Found:
    try:
        return _current(data, asked, begin, is_fresh=is_fresh)
    except DatabaseUnavailable:
        good = data.reader.levels.last_good([asked])
        if asked not in good:
            raise
        return Found(good[asked], STALE, saved_ms=good[asked].database_ms)


def _current(data: "Data", asked: Key, begin: "Callable[[], _Call]", *, is_fresh: bool) -> Found:
    # The version is read before the call: if it is invalidated meanwhile, its result is of the time before.
    asked = asked.at(data.known.current().of((asked.tag,)))
    reason = "bypass"
    if not is_fresh:
        one = data.reader.look([asked], begin)[asked]
        if isinstance(one, Hit):
            return Found(one.value, one.source, saved_ms=one.value.database_ms)
        reason = one.reason
    values, owed = data.reader.obtain([asked], begin, is_fresh=is_fresh)
    value = values[asked]
    if asked in owed:
        return Found(value, owed[asked] or DATABASE, reason, is_coalesced=True, saved_ms=value.database_ms)
    return Found(value, DATABASE, reason, spent_ms=value.database_ms)


def _packed(name: str, result: object) -> pl.DataFrame:
    if isinstance(result, pl.DataFrame):
        if objects := [column for column, dtype in result.schema.items() if dtype == pl.Object]:
            problem = f"{name} can't be cached: {objects[0]} is a column of Python objects"
            raise TypeError(f"{problem}. Return it cast to another type.")
        return result.clone()  # the function may keep its own, and change it
    try:
        text = json.dumps(result, allow_nan=False)
    except (TypeError, ValueError) as error:
        advice = "return a polars.DataFrame, or texts, numbers, None, and lists and dicts of them"
        raise TypeError(f"{name} can't be cached: {error}; {advice}.") from error
    return pl.DataFrame({_JSON: [text]})


def _unpacked(rows: pl.DataFrame) -> object:
    return json.loads(rows.item()) if rows.columns == [_JSON] else rows.clone()
