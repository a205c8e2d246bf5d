"""The cache in the memory of one process: decoded values, least recently used first out."""

import secrets
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from heapq import nlargest
from typing import NamedTuple, TypeAlias

from dashboard.cache.contract import Locks, Miss, Reason, Stats
from dashboard.cache.inspection import BIGGEST, Entry, Inspection, uses
from dashboard.cache.key import Key
from dashboard.cache.latest import Latest
from dashboard.cache.value import Value

# What Python and polars take for a value besides its rows: 1,000 to 3,000 bytes for frames of 1 to 10 columns.
OVERHEAD_BYTES = 2_000

# One value may take at most this part of the room, or it would evict all the others.
MAX_SHARE = 1 / 4

# What one latest record takes, and the part of the room that all may take.
LATEST_BYTES = 300
LATEST_SHARE = 1 / 16

_Question: TypeAlias = tuple[str, str]


class _Kept(NamedTuple):
    value: Value
    size_bytes: int
    ends: float  # of its lifetime, in seconds since 1970


class MemoryCache:
    """Values are kept ``keep_stale_seconds`` longer than their lifetime, and shared: rows must not be changed."""

    name = "memory"

    def __init__(self, max_bytes: int, keep_stale_seconds: float) -> None:
        self._max_bytes = max_bytes
        self._keep_stale_seconds = keep_stale_seconds
        self._max_latest = int(max_bytes * LATEST_SHARE / LATEST_BYTES)
        self._guard = threading.Lock()
        self._kept: OrderedDict[Key, _Kept] = OrderedDict()
        self._latest: OrderedDict[_Question, Latest] = OrderedDict()
        self._values_bytes = 0
        self._locks: dict[Key, bytes] = {}
        self._hits = self._stored = 0
        self._misses: Counter[Reason] = Counter()

    def get_many(self, keys: Sequence[Key]) -> list[Value | Miss]:
        now = time.time()
        with self._guard:
            return [self._found(key, now) for key in keys]

    def last_good(self, keys: Sequence[Key]) -> list[Value | None]:
        now = time.time()
        with self._guard:
            return [self._last_good(key, now) for key in keys]

    def set_many(self, items: Mapping[Key, Value]) -> None:
        now = time.time()
        with self._guard:
            for key, value in items.items():
                self._keep(key, value, now)
            while len(self._latest) > self._max_latest:
                self._latest.popitem(last=False)
            while self._size_bytes > self._max_bytes:
                self._drop(next(iter(self._kept)))

    @contextmanager
    def lock(self, keys: Sequence[Key], lifetime_seconds: float) -> Iterator[Locks]:  # noqa: ARG002 - the contract's
        """Who works in this process can't die and leave its block open, so a lock needs no lifetime here."""
        token = secrets.token_bytes(16)
        with self._guard:
            owners = {key: self._locks[key] for key in keys if key in self._locks}
            mine = frozenset(keys) - owners.keys()
            self._locks.update(dict.fromkeys(mine, token))
        try:
            yield Locks(token, mine, owners)
        finally:
            with self._guard:
                for key in mine:
                    del self._locks[key]

    def stats(self) -> Stats:
        with self._guard:
            return Stats(
                backend=self.name,
                hits=self._hits,
                misses=dict(self._misses),
                stored=self._stored,
                entries=len(self._kept),
                size_bytes=self._size_bytes,
                max_bytes=self._max_bytes,
            )

    def inspect(self, budget_seconds: float) -> Inspection:  # noqa: ARG002 - it takes a fifth of a second if full
        now = time.time()
        with self._guard:
            kept = [*self._kept.items()]
        # There may be a hundred thousand, and readers wait for the interpreter meanwhile: the biggest become entries.
        entries, sizes = Counter[str](), Counter[str]()
        for key, one in kept:
            entries[key.tag] += 1
            sizes[key.tag] += one.size_bytes
        biggest = nlargest(BIGGEST, kept, key=lambda pair: pair[1].size_bytes)
        oldest = min((one.value.created for _, one in kept), default=None)
        return Inspection(
            tags=uses(entries, sizes),
            biggest=tuple(self._entry(key, one, now) for key, one in biggest),
            seen=len(kept),
            oldest_seconds=None if oldest is None else now - oldest.timestamp(),
        )

    def _entry(self, key: Key, one: _Kept, now: float) -> Entry:
        age_seconds = now - one.value.created.timestamp()
        ends_seconds = max(0.0, one.ends + self._keep_stale_seconds - now)
        return Entry(key.tag, str(key), one.size_bytes, age_seconds, ends_seconds)

    def close(self) -> None:
        pass

    def _found(self, key: Key, now: float) -> Value | Miss:
        kept = self._kept.get(key)
        if kept is not None and now < kept.ends:
            self._kept.move_to_end(key)
            self._hits += 1
            return kept.value
        if kept is not None and now < kept.ends + self._keep_stale_seconds:
            reason = Reason.EXPIRED
        else:
            self._drop(key)
            reason = self._reason(key, now)
        self._misses[reason] += 1
        return Miss(reason)

    def _reason(self, key: Key, now: float) -> Reason:
        last = self._last(key, now)
        return last.reason(key, now) if last else Reason.COLD

    def _last(self, key: Key, now: float) -> Latest | None:
        """The latest record for a key's question, unless what it tells of is over."""
        last = self._latest.get((key.tag, key.digest))
        return last if last and now < last.ends + self._keep_stale_seconds else None

    def _last_good(self, key: Key, now: float) -> Value | None:
        last = self._last(key, now)
        kept = (self._kept.get(key.at(last.version)) if last else None) or self._kept.get(key)
        return kept.value if kept and now < kept.ends + self._keep_stale_seconds else None

    def _keep(self, key: Key, value: Value, now: float) -> None:
        last = Latest.of(key, value)
        if now >= last.ends + self._keep_stale_seconds:
            return
        self._drop(key)
        self._latest.pop(question := (key.tag, key.digest), None)
        self._latest[question] = last
        size_bytes = int(value.rows.estimated_size()) + OVERHEAD_BYTES
        if size_bytes <= self._max_bytes * MAX_SHARE:
            self._kept[key] = _Kept(value, size_bytes, last.ends)
            self._values_bytes += size_bytes
            self._stored += 1

    def _drop(self, key: Key) -> None:
        kept = self._kept.pop(key, None)
        if kept is not None:
            self._values_bytes -= kept.size_bytes

    @property
    def _size_bytes(self) -> int:
        return self._values_bytes + len(self._latest) * LATEST_BYTES
