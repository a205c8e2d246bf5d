"""What a backend holds and how it is doing, for operators: looked at under a time budget, never all at any price."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from heapq import nlargest
from typing import NamedTuple

BIGGEST = 10
"""So many of the biggest entries are told."""
BUDGET_SECONDS = 0.5


class Entry(NamedTuple):
    """An answer as it is stored; None where the backend does not tell.

    ``ends_seconds`` is the time until it is deleted, which is longer than it is served.
    """

    tag: str
    name: str
    size_bytes: int
    age_seconds: float | None = None
    ends_seconds: float | None = None


class TagUse(NamedTuple):
    """How many answers a query or other tag has, and the bytes of them with all that belongs to them."""

    tag: str
    entries: int
    size_bytes: int


class SlowCommand(NamedTuple):
    """A command that a server logged as slow: its name and how many arguments it had, never what they say."""

    server: str
    command: str
    arguments: int
    milliseconds: float
    at: float  # seconds since 1970


@dataclass(frozen=True, slots=True)
class Server:
    """A server's own figures, since its start where they are counts; None where it did not tell.

    The file of a cache on disk tells the same, since it was made and for all processes that use it.
    """

    name: str
    version: str | None = None
    policy: str | None = None
    size_bytes: int | None = None
    max_bytes: int | None = None  # None: it knows no bound
    evicted: int | None = None
    expired: int | None = None
    hits: int | None = None
    misses: int | None = None
    operations_per_second: int | None = None
    clients: int | None = None
    uptime_seconds: int | None = None
    ping_ms: float | None = None

    @property
    def hit_share(self) -> float | None:
        """Of all that its clients looked for."""
        asked = (self.hits or 0) + (self.misses or 0)
        return (self.hits or 0) / asked if asked else None

    @property
    def used_share(self) -> float | None:
        """Of the memory that it may take."""
        return self.size_bytes / self.max_bytes if self.size_bytes is not None and self.max_bytes else None


@dataclass(frozen=True, slots=True)
class Inspection:
    """What was seen within the time.

    ``seen`` is the number of entries that were looked at; if not ``is_complete`` there are more. ``gaps`` say what
    could not be told and why, each with what to do. ``oldest_seconds`` is the age of the oldest answer.
    """

    servers: tuple[Server, ...] = ()
    slow: tuple[SlowCommand, ...] = ()
    tags: tuple[TagUse, ...] = ()
    biggest: tuple[Entry, ...] = ()
    seen: int = 0
    is_complete: bool = True
    oldest_seconds: float | None = None
    gaps: tuple[str, ...] = ()


def uses(entries: Mapping[str, int], sizes: Mapping[str, int]) -> tuple[TagUse, ...]:
    """By tag, the ones that take most first."""
    found = [TagUse(tag, entries[tag], size_bytes) for tag, size_bytes in sizes.items()]
    return tuple(sorted(found, key=lambda use: (-use.size_bytes, use.tag)))


@dataclass(slots=True)
class Tally:
    """Adds up what is looked at, entry by entry, and keeps the biggest."""

    seen: int = 0
    _entries: dict[str, int] = field(default_factory=dict)
    _bytes: dict[str, int] = field(default_factory=dict)
    _biggest: list[Entry] = field(default_factory=list)

    def add(self, found: Iterable[Entry]) -> None:
        """Count answers."""
        batch = [*found]
        for one in batch:
            self._entries[one.tag] = self._entries.get(one.tag, 0) + 1
            self._bytes[one.tag] = self._bytes.get(one.tag, 0) + one.size_bytes
        self._biggest = nlargest(BIGGEST, [*self._biggest, *batch], key=lambda one: one.size_bytes)

    def add_bytes(self, by_tag: Mapping[str, int]) -> None:
        """Count what belongs to answers and is none."""
        for tag, size_bytes in by_tag.items():
            self._bytes[tag] = self._bytes.get(tag, 0) + size_bytes
            self._entries.setdefault(tag, 0)

    @property
    def tags(self) -> tuple[TagUse, ...]:
        return uses(self._entries, self._bytes)

    @property
    def biggest(self) -> tuple[Entry, ...]:
        return tuple(self._biggest)
