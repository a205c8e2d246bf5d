"""The contract: what every backend of the cache does, and what its callers may rely on."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from dashboard.cache.key import Key
from dashboard.cache.value import Value

NOT_KEPT = b""  # the generation of an answer that no backend will keep


class Reason(StrEnum):
    """Why there was no value to serve."""

    COLD = "cold"  # nothing under the key, or no more
    EXPIRED = "expired"  # past its lifetime; the miss carries it
    VERSION = "version"  # its tag was invalidated after it was computed
    DAMAGED = "damaged"  # not what was stored
    UNAVAILABLE = "unavailable"  # the backend did not answer


@dataclass(frozen=True, slots=True)
class Miss:
    """No value to serve. ``stale`` is an expired one, for when the database can't make a fresh one."""

    reason: Reason
    generation: bytes = NOT_KEPT
    stale: Value | None = None


@dataclass(frozen=True, slots=True)
class Stats:
    """One process's traffic since its start, and what the backend holds for all (None: it did not say)."""

    backend: str
    hits: int = 0
    misses: Mapping[Reason, int] = field(default_factory=dict)
    stored: int = 0
    faults: Mapping[str, int] = field(default_factory=dict)
    is_available: bool = True
    entries: int | None = None
    size_bytes: int | None = None
    max_bytes: int | None = None


class Backend(Protocol):
    """Values by key, for one process or many. No fault of the store below reaches a reader as an exception.

    **Generations** keep what was invalidated from coming back. Each tag has one: opaque bytes, made when a
    tag is first read and forgotten by ``invalidate``. Every Value and Miss that is found carries it, and
    whoever computes a new value gives it the generation *that was found before the computation began*:
    ``Value(rows, generation=found.generation, …)``. A value is served only while its generation is its
    tag's, so a computation that an invalidation overtook is stored in vain, and never served. The idea is
    the lease of "Scaling Memcache at Facebook" (NSDI 2013), with one token a tag instead of one a miss.
    """

    @property
    def name(self) -> str:
        """What provenance calls this backend, such as ``redis``."""

    def get_many(self, keys: Sequence[Key]) -> list[Value | Miss]:
        """What is there, in the order of the keys, in one round trip."""

    def set_many(self, items: Mapping[Key, Value]) -> None:
        """Keep values for their lifetime, and a while longer as stale ones, in one round trip."""

    def lock(self, key: Key, lifetime_seconds: float) -> AbstractContextManager[bool]:
        """Whether the caller is the one to compute this key; ends with the block, or after its lifetime.

        Nobody waits here. Without a store to ask the answer is yes: better computed twice than never.
        """

    def invalidate(self, tag: str) -> None:
        """Never again serve what was computed under this tag until now; costs the same for any number of keys.

        Raises CacheUnavailable, since whoever asks must know that it did not happen.
        """

    def stats(self) -> Stats:
        """Counts of this process and the store's size; may take a round trip."""

    def close(self) -> None:
        """Let go of connections and files. The values stay."""
