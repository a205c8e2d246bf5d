"""A backend that keeps nothing, instead of an ``if`` at every use of the cache."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from dashboard.cache.contract import Locks, Miss, Reason, Stats
from dashboard.cache.inspection import Inspection
from dashboard.cache.key import Key
from dashboard.cache.value import Value


class NullCache:
    """Every read is cold and everyone may compute."""

    name = "null"

    def __init__(self) -> None:
        self._misses: Counter[Reason] = Counter()

    def get_many(self, keys: Sequence[Key]) -> list[Value | Miss]:
        self._misses[Reason.COLD] += len(keys)
        return [Miss(Reason.COLD) for _ in keys]

    def last_good(self, keys: Sequence[Key]) -> list[Value | None]:
        return [None for _ in keys]

    def set_many(self, items: Mapping[Key, Value]) -> None:
        pass

    @contextmanager
    def lock(self, keys: Sequence[Key], lifetime_seconds: float) -> Iterator[Locks]:  # noqa: ARG002 - the contract's
        yield Locks(b"", frozenset(keys), {})

    def stats(self) -> Stats:
        return Stats(self.name, misses=dict(self._misses), entries=0, size_bytes=0, max_bytes=0)

    def inspect(self, budget_seconds: float) -> Inspection:  # noqa: ARG002 - the contract's
        return Inspection()

    def close(self) -> None:
        pass
