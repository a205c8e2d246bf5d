"""Turns a store of bytes, which may fail in any way, into a backend that never does."""

import logging
import secrets
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple, Protocol, TypeVar

from dashboard.cache.breaker import Breaker
from dashboard.cache.contract import Miss, Reason, Stats
from dashboard.cache.key import Key, checked_tag
from dashboard.cache.value import MAX_VALUE_BYTES, Damaged, Value, decode, encode
from dashboard.errors import CacheUnavailable

GENERATION_BYTES = 8

log = logging.getLogger(__name__)
T = TypeVar("T")


class StoreFull(Exception):
    """A store takes no more at the moment; what it has can still be read."""


class Stored(NamedTuple):
    """The bytes under a key, if any, and the generation of its tag."""

    data: bytes | None
    generation: bytes


class Item(NamedTuple):
    """Bytes to keep under a key."""

    key: Key
    data: bytes
    lifetime_seconds: float


class Usage(NamedTuple):
    """What a store holds, for all its users; None where it does not say or knows no bound."""

    entries: int
    size_bytes: int
    max_bytes: int | None


class Store(Protocol):
    """Keeps bytes. All methods but ``reset`` and ``close`` may raise anything."""

    name: str

    def read(self, keys: Sequence[Key]) -> list[Stored]:
        """In the order of the keys; a tag without a generation gets a ``new_generation()``."""

    def write(self, items: Sequence[Item]) -> None:
        """Raises StoreFull when there is no room for them all; some may have been kept."""

    def acquire(self, key: Key, token: bytes, lifetime_seconds: float) -> bool:
        """Take the key's lock if it is free."""

    def release(self, key: Key, token: bytes) -> None:
        """Give the lock back if it is still held with this token."""

    def forget(self, tag: str) -> None:
        """Drop the tag's generation."""

    def usage(self) -> Usage | None:
        """None if the store does not tell."""

    def reset(self, error: Exception) -> None:
        """After a fault: drop what may be broken, so that the next call starts afresh."""

    def close(self) -> None:
        """Let go of connections and files."""


def new_generation() -> bytes:
    """Random, not counted: a counter that is lost and begins again would bring old values back."""
    return secrets.token_bytes(GENERATION_BYTES)


@dataclass(slots=True)
class _Counts:
    hits: int
    stored: int
    misses: Counter[Reason]
    faults: Counter[str]


class StoreCache:
    """The Backend over a Store: judges what was read, counts, and opens a breaker on faults.

    Expired values are kept ``keep_stale_seconds`` longer than their lifetime.
    """

    def __init__(self, store: Store, *, retry_seconds: float, keep_stale_seconds: float) -> None:
        self.name = store.name
        self._store = store
        self._keep_stale_seconds = keep_stale_seconds
        self._breaker = Breaker(retry_seconds)
        self._counts = _Counts(0, 0, Counter(), Counter())
        self._counting = threading.Lock()

    def get_many(self, keys: Sequence[Key]) -> list[Value | Miss]:
        if not keys:
            return []
        stored = self._attempt(lambda: self._store.read(keys), otherwise=None)
        found: list[Value | Miss]
        if stored is None:
            found = [Miss(Reason.UNAVAILABLE) for _ in keys]
        else:
            now = datetime.now(UTC)
            found = [_judged(key, one, now) for key, one in zip(keys, stored, strict=True)]
        self._count_found(found)
        return found

    def set_many(self, items: Mapping[Key, Value]) -> None:
        encoded = [
            Item(key, encode(key, value), value.ttl_seconds + self._keep_stale_seconds)
            for key, value in items.items()
            if len(value.generation) == GENERATION_BYTES and value.rows.estimated_size() <= MAX_VALUE_BYTES
        ]
        if encoded:
            self._attempt(lambda: self._write(encoded), otherwise=None)

    @contextmanager
    def lock(self, key: Key, lifetime_seconds: float) -> Iterator[bool]:
        token = secrets.token_bytes(16)
        acquired = self._attempt(lambda: self._store.acquire(key, token, lifetime_seconds), otherwise=True)
        try:
            yield acquired
        finally:
            if acquired:
                self._attempt(lambda: self._store.release(key, token), otherwise=None)

    def invalidate(self, tag: str) -> None:
        checked_tag(tag)
        try:
            self._store.forget(tag)  # past the breaker: an operator's wish is worth a timeout
        except Exception as error:
            self._fail(error)
            raise CacheUnavailable(
                f"The cache ({self.name}) did not answer, so {tag} is not invalidated: try again. {error}"
            ) from error

    def stats(self) -> Stats:
        usage = self._attempt(self._store.usage, otherwise=None)
        with self._counting:
            return Stats(
                backend=self.name,
                hits=self._counts.hits,
                misses=dict(self._counts.misses),
                stored=self._counts.stored,
                faults=dict(self._counts.faults),
                is_available=not self._breaker.is_open,
                **(usage._asdict() if usage else {}),
            )

    def close(self) -> None:
        self._store.close()

    def _write(self, items: list[Item]) -> None:
        self._store.write(items)
        with self._counting:
            self._counts.stored += len(items)

    def _attempt(self, operation: Callable[[], T], otherwise: T) -> T:
        """The one place where faults end. A stranger's bytes can make a driver raise nearly anything."""
        if not self._breaker.allows():
            return otherwise
        try:
            result = operation()
        except StoreFull as error:
            self._count_fault(error)
            return otherwise
        except Exception as error:
            self._fail(error)
            return otherwise
        if self._breaker.is_open and self._breaker.succeed():
            log.warning("The cache (%s) answers again.", self.name)
        return result

    def _fail(self, error: Exception) -> None:
        self._count_fault(error)
        self._store.reset(error)
        if self._breaker.fail():
            log.warning("The cache (%s) failed, going on without it: %r", self.name, error)

    def _count_fault(self, error: Exception) -> None:
        with self._counting:
            self._counts.faults[type(error).__name__] += 1

    def _count_found(self, found: list[Value | Miss]) -> None:
        with self._counting:
            for one in found:
                if isinstance(one, Value):
                    self._counts.hits += 1
                else:
                    self._counts.misses[one.reason] += 1


def _judged(key: Key, stored: Stored, now: datetime) -> Value | Miss:
    """What the bytes are worth now."""
    data, generation = stored
    if data is None:
        return Miss(Reason.COLD, generation)
    try:
        value = decode(key, data)
    except Damaged:
        return Miss(Reason.DAMAGED, generation)
    if value.generation != generation:
        return Miss(Reason.VERSION, generation)
    return Miss(Reason.EXPIRED, generation, stale=value) if value.is_expired(now) else value
