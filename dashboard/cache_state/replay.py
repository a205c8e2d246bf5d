"""What the cache would have done with other lifetimes: the recorded reads, made once more by its rules. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from dashboard.telemetry import Block

MISSING = float("-inf")


class Read(NamedTuple):
    """The reads of one question in one minute: ``at`` is when the first was made, in seconds since 1970.

    ``name`` is that of the whole answer, which takes ``database_ms``. ``reads`` is 0 where only warm-up asked.
    """

    at: float
    process: str
    name: bytes
    ttl_class: str
    is_fresh: bool
    reads: int
    database_ms: float
    blocks: tuple[Block, ...]


@dataclass(slots=True)
class Replayed:
    """What came of it: reads, those answered without waiting for the database, and what that had to do.

    ``computed`` are months, or whole answers of queries that are not split; ``renewed`` those of them that were
    computed behind the reader, before their end.
    """

    reads: int = 0
    hits: int = 0
    computed: int = 0
    renewed: int = 0
    database_ms: float = 0.0

    @property
    def hit_share(self) -> float | None:
        return self.hits / self.reads if self.reads else None


@dataclass(frozen=True, slots=True)
class Rules:
    """How long answers are good: seconds for each class, and the part of that after which they are renewed.

    ``is_shared``: processes share a level, and so what one of them computed.
    """

    lifetimes: Mapping[str, float]
    soft_share: float = 1.0
    is_shared: bool = True

    def all_living(self, seconds: float) -> "Rules":
        """With the same lifetime for all classes."""
        return Rules(dict.fromkeys(self.lifetimes, seconds), self.soft_share, self.is_shared)


def replay(reads: Iterable[Read], rules: Rules) -> Replayed:
    """Make reads, in the order of their moments, from an empty cache that has room for all."""
    done = Replayed()
    shelves: dict[str, _Shelf] = {}
    for read in reads:
        shelf = shelves.setdefault("" if rules.is_shared else read.process, _Shelf())
        ttl_seconds = rules.lifetimes[read.ttl_class]
        renewed = shelf.take(read, ttl_seconds, ttl_seconds * rules.soft_share)
        done.reads += read.reads
        done.computed += shelf.computed + renewed
        done.renewed += renewed
        done.database_ms += read.database_ms * (shelf.computed + renewed) / shelf.parts
        # Who comes within the minute finds what the first one had computed.
        done.hits += read.reads - bool(shelf.computed and read.reads)
    return done


class _Shelf:
    """When what is stored was computed, by name; of years, when their oldest month was."""

    __slots__ = ("_blocks", "_wholes", "computed", "parts")

    def __init__(self) -> None:
        self._blocks: dict[bytes, float] = {}
        self._wholes: dict[tuple[str, bytes], float] = {}
        self.computed = 0  # of the last read: what its reader waited for
        self.parts = 1  # of the last read: what it would have been, if nothing had been there

    def take(self, read: Read, ttl_seconds: float, soft_seconds: float) -> int:
        """Answer a read; how many parts are renewed behind it."""
        at, stored, self.computed = read.at, self._blocks, 0
        self.parts = sum(len(block.months) or 1 for block in read.blocks)
        place = (read.process, read.name)
        if not read.is_fresh and at - self._wholes.get(place, MISSING) < min(soft_seconds, ttl_seconds):
            return 0
        renewed: list[tuple[bytes, int]] = []
        oldest = at
        for name, months in read.blocks:
            since = MISSING if read.is_fresh else stored.get(name, MISSING)
            if at - since < ttl_seconds:
                if at - since >= soft_seconds:
                    renewed.append((name, len(months) or 1))
            elif months:
                since = self._put_together(read, months, ttl_seconds, soft_seconds, renewed)
                stored[name] = since
            else:
                since = stored[name] = at
                self.computed += 1
            oldest = min(oldest, since)
        self._wholes[place] = oldest
        stored.update((name, at) for name, _ in renewed)  # it lands when the reader has gone
        return sum(parts for _, parts in renewed)

    def _put_together(
        self,
        read: Read,
        months: Iterable[bytes],
        ttl_seconds: float,
        soft_seconds: float,
        renewed: list[tuple[bytes, int]],
    ) -> float:
        """Make a year of its months; since when the oldest of them is there."""
        at, stored, oldest = read.at, self._blocks, read.at
        for month in months:
            since = MISSING if read.is_fresh else stored.get(month, MISSING)
            if at - since >= ttl_seconds:
                since = stored[month] = at
                self.computed += 1
            elif at - since >= soft_seconds:
                renewed.append((month, 1))
            oldest = min(oldest, since)
        return oldest
