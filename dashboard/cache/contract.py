"""The contract: what every backend of the cache does, and what its callers may rely on."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple, Protocol

from dashboard.cache.inspection import Inspection
from dashboard.cache.key import Key
from dashboard.cache.pace import Pace
from dashboard.cache.value import Value


class Reason(StrEnum):
    """Why there was no value to serve."""

    COLD = "cold"  # the question was not asked before, or so long ago that nothing is left of it
    EXPIRED = "expired"  # past its lifetime
    VERSION = "version"  # there is an answer, of another state of the data
    EVICTED = "evicted"  # stored, not expired, and gone: there was no room
    DAMAGED = "damaged"  # not what was stored
    UNAVAILABLE = "unavailable"  # the backend did not answer
    BYPASS = "bypass"  # a reader wanted it fresh


class Miss(NamedTuple):
    """No value to serve."""

    reason: Reason


class Locks(NamedTuple):
    """Which keys the caller is to compute, and who computes the others."""

    token: bytes
    mine: frozenset[Key]
    owners: Mapping[Key, bytes]  # the tokens under which others hold theirs


class Fault(NamedTuple):
    """What went wrong with a store last, and when, with a time zone; ``kind`` is the name of the error."""

    at: datetime
    problem: str
    kind: str = ""


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
    advice: str | None = None
    last_fault: Fault | None = None
    version: str | None = None  # of the server below
    pace: Pace | None = None  # of this process's operations; None for memory, which has none that take time


class Backend(Protocol):
    """Values by key, for one process or many. No fault of the store below reaches a reader as an exception.

    A key holds the version of the data that its answer was read from, so nothing is ever deleted to be
    correct: a new version makes new keys, and what was stored under the old ones ages away.
    """

    @property
    def name(self) -> str:
        """What provenance calls this backend, such as ``redis``."""

    def get_many(self, keys: Sequence[Key]) -> list[Value | Miss]:
        """What is there and not past its lifetime, in the order of the keys and in one round trip."""

    def last_good(self, keys: Sequence[Key]) -> list[Value | None]:
        """For when no fresh answer can be made: the last one stored, whatever its version.

        An answer is kept for the lifetime it was given and ``cache_max_stale_seconds`` more.
        """

    def set_many(self, items: Mapping[Key, Value]) -> None:
        """Keep values for their lifetime, and a while longer as the last good ones, in one round trip."""

    def lock(self, keys: Sequence[Key], lifetime_seconds: float) -> AbstractContextManager[Locks]:
        """Who is to compute each key, among all processes that share the store; ends with the block.

        Nobody waits here. The lock of a live owner is prolonged for as long as its block lasts; that of a
        dead one ends after its lifetime. Without a store to ask all are the caller's: better computed twice
        than never.
        """

    def stats(self) -> Stats:
        """Counts of this process and the store's size; may take a round trip."""

    def inspect(self, budget_seconds: float) -> Inspection | None:
        """What is stored, by tag, and what the store tells of itself, as far as the time allows.

        None while it does not answer. Some round trips; no reader's way.
        """

    def close(self) -> None:
        """Let go of connections and files. The values stay."""
