"""What was computed of answers, kept as it is in this process: to compute it again takes longer than to find them."""

from dataclasses import fields
from threading import Lock
from typing import Any, Protocol, TypeVar

import polars as pl
from cachetools import LRUCache

from dashboard.cache import Key
from dashboard.data.answer import Provenance

_LEAST_BYTES = 2_000


class Sourced(Protocol):
    """A dataclass of frames, which are never changed, and where they come from."""

    @property
    def provenance(self) -> Provenance: ...


S = TypeVar("S", bound=Sourced)


class Computed:
    """Least recently used first out. Safe for threads."""

    def __init__(self, max_bytes: int) -> None:
        self._kept: LRUCache[Key, Any] = LRUCache(max_bytes, getsizeof=_size_bytes)
        self._guard = Lock()

    def get(self, key: Key) -> Any:
        """What is kept; None if nothing is."""
        with self._guard:
            return self._kept.get(key)

    def keep(self, key: Key, one: Sourced) -> None:
        with self._guard:
            if _size_bytes(one) <= self._kept.maxsize:
                self._kept[key] = one


def _size_bytes(one: Any) -> int:
    values = [getattr(one, field.name) for field in fields(one)]
    return _LEAST_BYTES + sum(
        int(value.estimated_size()) for value in values if isinstance(value, pl.DataFrame)
    )
