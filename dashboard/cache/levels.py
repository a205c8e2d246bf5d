"""The levels of the cache, fastest first: what is found below is lifted up, what is new is kept in all."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import NamedTuple

from dashboard.cache.contract import Backend, Locks, Miss, Reason
from dashboard.cache.key import Key
from dashboard.cache.value import Value


class Hit(NamedTuple):
    """A value, and the name of the level that had it."""

    value: Value
    source: str


class Levels:
    """One backend over another. All processes share the lowest, so that is where they agree on who computes."""

    def __init__(self, backends: Sequence[Backend]) -> None:
        self.backends = tuple(backends)

    def find(self, keys: Sequence[Key]) -> dict[Key, Hit | Miss]:
        """What the levels have, each asked once for all that those above it lack."""
        found: dict[Key, Hit | Miss] = {}
        missing = keys
        for depth, backend in enumerate(self.backends):
            hits = self._asked(backend, missing, found)
            for above in self.backends[:depth]:
                above.set_many(hits)
            missing = [key for key in missing if key not in hits]
            if not missing:
                break
        return found

    def find_shared(self, keys: Sequence[Key]) -> dict[Key, Hit | Miss]:
        """What the lowest level has, though the ones above may have something older under the key."""
        found: dict[Key, Hit | Miss] = {}
        hits = self._asked(self.backends[-1], keys, found)
        for above in self.backends[:-1]:
            above.set_many(hits)
        return found

    def recall(self, key: Key) -> Value | None:
        """What the highest level has."""
        [found] = self.backends[0].get_many([key])
        return found if isinstance(found, Value) else None

    def remember(self, key: Key, value: Value) -> None:
        """Keep a value in the highest level only."""
        self.backends[0].set_many({key: value})

    def keep(self, items: Mapping[Key, Value]) -> None:
        for backend in reversed(self.backends):
            backend.set_many(items)

    def tell(self, items: Mapping[Key, Value]) -> None:
        """Keep values in the lowest level only, for other processes."""
        self.backends[-1].set_many(items)

    def last_good(self, keys: Sequence[Key]) -> dict[Key, Value]:
        """The newest answer that any level has to each key, whatever its version."""
        best: dict[Key, Value] = {}
        for backend in self.backends:
            for key, value in zip(keys, backend.last_good(keys), strict=True):
                if value is not None and (key not in best or best[key].created < value.created):
                    best[key] = value
        return best

    def lock(self, keys: Sequence[Key], lifetime_seconds: float) -> AbstractContextManager[Locks]:
        return self.backends[-1].lock(keys, lifetime_seconds)

    def close(self) -> None:
        for backend in self.backends:
            backend.close()

    @staticmethod
    def _asked(backend: Backend, keys: Sequence[Key], found: dict[Key, Hit | Miss]) -> dict[Key, Value]:
        """Enter into ``found`` what a backend says; its hits."""
        hits: dict[Key, Value] = {}
        for key, one in zip(keys, backend.get_many(keys), strict=True):
            if isinstance(one, Value):
                hits[key] = one
                found[key] = Hit(one, backend.name)
            elif key not in found or one.reason is not Reason.COLD:
                found[key] = one  # a lower level that knows nothing leaves the reason of the higher
        return hits
