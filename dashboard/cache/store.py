"""Turns a store of bytes, which may fail in any way, into a backend that never does."""

import logging
import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple, Protocol, TypeVar

from dashboard.cache import latest, value
from dashboard.cache.breaker import Breaker
from dashboard.cache.contract import Fault, Locks, Miss, Reason, Stats
from dashboard.cache.inspection import Inspection
from dashboard.cache.keeper import Keeper
from dashboard.cache.key import Key
from dashboard.cache.latest import Latest
from dashboard.cache.pace import Meter
from dashboard.cache.value import MAX_VALUE_BYTES, Damaged, Value

TOKEN_BYTES = 16

# Of a lock's lifetime. One attempt to prolong it may fail, and the next still comes in time.
PROLONG_EACH = 1 / 3

log = logging.getLogger(__name__)
T = TypeVar("T")


class StoreFull(Exception):
    """A store takes no more at the moment; what it has can still be read."""


class Stored(NamedTuple):
    """The bytes under a key, and those of the latest record for its question, which has no version."""

    data: bytes | None
    latest: bytes | None


class Item(NamedTuple):
    """Bytes to keep under a key, and the latest record for its question."""

    key: Key
    data: bytes
    latest: bytes
    lifetime_seconds: float


class Usage(NamedTuple):
    """What a store holds, for all its users; None where it knows no bound."""

    entries: int  # an answer is one, and the latest record of its question another
    size_bytes: int
    max_bytes: int | None
    advice: str | None = None
    version: str | None = None


class Store(Protocol):
    """Keeps bytes. All methods but ``reset`` and ``close`` may raise anything."""

    name: str

    def read(self, keys: Sequence[Key]) -> list[Stored]:
        """In the order of the keys, in one round trip.

        The latest record is read with each value, though only a miss needs it: so it counts as used as
        recently, and is there when its value has to go.
        """

    def write(self, items: Sequence[Item]) -> None:
        """In one round trip. Raises StoreFull when there is no room for them all; some may have been kept."""

    def acquire(self, keys: Sequence[Key], token: bytes, lifetime_seconds: float) -> list[bytes | None]:
        """Take each key's lock if it is free; then the token that each is held with, None for none."""

    def prolong(self, keys: Sequence[Key], token: bytes, lifetime_seconds: float) -> None:
        """Begin the lifetime of each lock anew if it is still held with this token."""

    def release(self, keys: Sequence[Key], token: bytes) -> None:
        """Give each lock back if it is still held with this token."""

    def usage(self) -> Usage | None:
        """None if the store does not tell."""

    def inspect(self, budget_seconds: float) -> Inspection:
        """What is stored, and what the store tells of itself; what it refuses to tell is a gap."""

    def reset(self, error: Exception) -> None:
        """After a fault: drop what may be broken, so that the next call starts afresh."""

    def close(self) -> None:
        """Let go of connections and files."""


@dataclass(slots=True)
class _Counts:
    hits: int
    stored: int
    misses: Counter[Reason]
    faults: Counter[str]


class StoreCache:
    """The Backend over a Store: judges what was read, counts, and opens a breaker on faults.

    Values are kept ``keep_stale_seconds`` longer than their lifetime.
    """

    def __init__(self, store: Store, *, retry_seconds: float, keep_stale_seconds: float) -> None:
        self.name = store.name
        self._store = store
        self._keep_stale_seconds = keep_stale_seconds
        self._breaker = Breaker(retry_seconds)
        self._keeper = Keeper()
        self._counts = _Counts(0, 0, Counter(), Counter())
        self._counting = threading.Lock()
        self._last_fault: Fault | None = None
        self._meter = Meter()

    def get_many(self, keys: Sequence[Key]) -> list[Value | Miss]:
        stored = self._read(keys)
        now = datetime.now(UTC)
        found: list[Value | Miss]
        if stored is None:
            found = [Miss(Reason.UNAVAILABLE) for _ in keys]
        else:
            found = [_judged(key, one, now) for key, one in zip(keys, stored, strict=True)]
        self._count_found(found)
        return found

    def last_good(self, keys: Sequence[Key]) -> list[Value | None]:
        stored = self._read(keys) or [Stored(None, None) for _ in keys]
        named = [_named(key, one) for key, one in zip(keys, stored, strict=True)]
        elsewhere = [key for key, own in zip(named, keys, strict=True) if key != own]
        read = self._read(elsewhere) or []
        data = {key: one.data for key, one in zip([*keys, *elsewhere], [*stored, *read], strict=False)}
        now = datetime.now(UTC)
        return [
            self._good(latest_key, data.get(latest_key), now) or self._good(key, data[key], now)
            for latest_key, key in zip(named, keys, strict=True)
        ]

    def set_many(self, items: Mapping[Key, Value]) -> None:
        now = datetime.now(UTC)
        encoded = [
            Item(key, value.encode(key, one), latest.encode(key, Latest.of(key, one)), lifetime_seconds)
            for key, one in items.items()
            if (lifetime_seconds := self._remaining_seconds(one, now)) > 0
            and one.rows.estimated_size() <= MAX_VALUE_BYTES
        ]
        if encoded:
            self._attempt(lambda: self._write(encoded), otherwise=None)

    @contextmanager
    def lock(self, keys: Sequence[Key], lifetime_seconds: float) -> Iterator[Locks]:
        locks = self._acquire(keys, lifetime_seconds)
        mine = list(locks.mine)
        if not mine:
            yield locks
            return

        def prolong() -> None:
            self._attempt(lambda: self._store.prolong(mine, locks.token, lifetime_seconds), otherwise=None)

        try:
            with self._keeper.repeating(lifetime_seconds * PROLONG_EACH, prolong):
                yield locks
        finally:
            self._attempt(lambda: self._store.release(mine, locks.token), otherwise=None)

    def stats(self) -> Stats:
        nothing: tuple[bool, Usage | None] = (False, None)
        is_available, usage = self._attempt(
            lambda: (True, self._store.usage()), otherwise=nothing, is_readers=False
        )
        with self._counting:
            return Stats(
                backend=self.name,
                hits=self._counts.hits,
                misses=dict(self._counts.misses),
                stored=self._counts.stored,
                faults=dict(self._counts.faults),
                is_available=is_available,
                last_fault=self._last_fault,
                pace=self._meter.pace(),
                **(usage._asdict() if usage else {}),
            )

    def inspect(self, budget_seconds: float) -> Inspection | None:
        """A fault here shuts no reader out: what they need is asked for by themselves."""
        if self._breaker.is_open:
            return None
        try:
            return self._store.inspect(budget_seconds)
        except Exception as error:
            self._count_fault(error)
            return None

    def close(self) -> None:
        self._keeper.close()
        self._store.close()

    def _read(self, keys: Sequence[Key]) -> list[Stored] | None:
        return self._attempt(lambda: self._store.read(keys), otherwise=None) if keys else []

    def _write(self, items: list[Item]) -> None:
        self._store.write(items)
        with self._counting:
            self._counts.stored += len(items)

    def _acquire(self, keys: Sequence[Key], lifetime_seconds: float) -> Locks:
        token = secrets.token_bytes(TOKEN_BYTES)
        wanted = list(dict.fromkeys(keys))
        held: list[bytes | None] = self._attempt(
            lambda: self._store.acquire(wanted, token, lifetime_seconds), otherwise=[]
        )
        # A lock without an owner ended between the two looks at it. What is no token is no owner's.
        owners = {
            key: owner
            for key, owner in zip(wanted, held, strict=False)
            if owner is not None and owner != token and len(owner) == TOKEN_BYTES
        }
        return Locks(token, frozenset(wanted) - owners.keys(), owners)

    def _good(self, key: Key, data: bytes | None, now: datetime) -> Value | None:
        """The value, if it may still be shown as a stale one."""
        try:
            one = value.decode(key, data) if data is not None else None
        except Damaged:
            return None
        return one if one is not None and self._remaining_seconds(one, now) > 0 else None

    def _remaining_seconds(self, one: Value, now: datetime) -> float:
        """How long a value is still to be kept."""
        return one.ttl_seconds + self._keep_stale_seconds - one.age_seconds(now)

    def _attempt(self, operation: Callable[[], T], otherwise: T, *, is_readers: bool = True) -> T:
        """The one place where faults end. A stranger's bytes can make a driver raise nearly anything.

        What is no reader's may close the breaker, and does not open it.
        """
        if not self._breaker.allows():
            return otherwise
        started = time.perf_counter()
        try:
            result = operation()
        except StoreFull as error:
            self._count_fault(error)
            return otherwise
        except Exception as error:
            (self._fail if is_readers else self._count_fault)(error)
            return otherwise
        finally:
            if is_readers:
                self._meter.count(time.perf_counter() - started)
        if self._breaker.is_open and self._breaker.succeed():
            log.warning("The cache (%s) answers again.", self.name)
        return result

    def _fail(self, error: Exception) -> None:
        self._count_fault(error)
        self._store.reset(error)
        if self._breaker.fail():
            log.warning("The cache (%s) failed, going on without it: %r", self.name, error)

    def _count_fault(self, error: Exception) -> None:
        kind = type(error).__name__
        with self._counting:
            self._counts.faults[kind] += 1
            self._last_fault = Fault(datetime.now(UTC), str(error) or kind, kind)

    def _count_found(self, found: list[Value | Miss]) -> None:
        with self._counting:
            for one in found:
                if isinstance(one, Value):
                    self._counts.hits += 1
                else:
                    self._counts.misses[one.reason] += 1


def _judged(key: Key, stored: Stored, now: datetime) -> Value | Miss:
    """What the bytes are worth now."""
    if stored.data is None:
        last = latest.decode(key, stored.latest)
        return Miss(last.reason(key, now.timestamp()) if last else Reason.COLD)
    try:
        one = value.decode(key, stored.data)
    except Damaged:
        return Miss(Reason.DAMAGED)
    return Miss(Reason.EXPIRED) if one.is_expired(now) else one


def _named(key: Key, stored: Stored) -> Key:
    """Where the last value is that was stored for a key's question; the key itself if nothing says."""
    last = latest.decode(key, stored.latest)
    return key.at(last.version) if last else key
