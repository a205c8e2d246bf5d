"""Which blocks each read was made of, and when: from that it is replayed what other lifetimes would have done."""

import json
import threading
import time
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any, NamedTuple, TypeVar

from dashboard.database import Database, Writer

T = TypeVar("T")

ID_BYTES = 6
RECORDED_DAYS = 8
RECORDED_ROWS = 30_000
"""So many minutes of questions are kept, over all processes; some more until they are next pruned."""
MOST_QUESTIONS_A_MINUTE = 500
_KEPT_MINUTES = 60

_KEY = "minute, process, question, state, is_fresh"
_REST = "query, ttl_class, read_at, reads, hits, database_ms, blocks"
_WRITE = f"""
INSERT INTO dashboard.recorded_reads ({_KEY}, {_REST})
SELECT {_KEY}, {_REST} FROM jsonb_populate_recordset(NULL::dashboard.recorded_reads, %(rows)s::jsonb)
ON CONFLICT ({_KEY}) DO NOTHING
"""  # noqa: S608 - constants
_PRUNE = """
DELETE FROM dashboard.recorded_reads
WHERE minute < greatest(
    now() - %(days)s * interval '1 day',
    (SELECT minute FROM dashboard.recorded_reads ORDER BY minute DESC OFFSET %(number)s LIMIT 1)
)
"""


class Block(NamedTuple):
    """What is stored as one, by a name of ``ID_BYTES``; a year also has the months that it can be made of."""

    name: bytes
    months: tuple[bytes, ...] = ()


class Recorded(NamedTuple):
    """A question in one state of the data: ``name`` is that of its whole answer."""

    name: bytes
    query: str
    ttl_class: str
    blocks: tuple[Block, ...]


@dataclass(slots=True, eq=False)
class _Reads:
    """Of one question in one minute, at the moment of the first."""

    of: Recorded
    state: int
    is_fresh: bool
    read_at: float
    database_ms: float
    reads: int = 0
    hits: int = 0


def block_name(digest: str, version: int) -> bytes:
    """The name of what is stored under a key: short, since there are many."""
    return blake2b(b"%b:%d" % (digest.encode(), version), digest_size=ID_BYTES).digest()


def packed(blocks: Iterable[Block]) -> bytes:
    """Blocks as bytes: for each the number of its months, its name, and theirs."""
    return b"".join(b"".join((bytes((len(one.months),)), one.name, *one.months)) for one in blocks)


def unpacked(data: bytes) -> tuple[Block, ...]:
    """What was packed. Raises ValueError for anything else."""
    found, at = [], 0
    while at < len(data):
        number = data[at] + 1
        end = at + 1 + number * ID_BYTES
        if end > len(data):
            raise ValueError("the blocks of a recorded read are cut off")
        names = [data[start : start + ID_BYTES] for start in range(at + 1, end, ID_BYTES)]
        found.append(Block(names[0], tuple(names[1:])))
        at = end
    return tuple(found)


class Recording:
    """The reads of one process by minute and question. Any thread may count, and none waits for the database.

    Of a minute's reads of one question, the first one tells: lifetimes are longer than that by far.
    """

    def __init__(self, process: str, clock: Callable[[], float] = time.time) -> None:
        self.left_out = 0  # reads
        self._process, self._clock = process, clock
        self._counting = threading.Lock()
        self._flushing = threading.Lock()
        self._minutes: dict[int, dict[Hashable, _Reads]] = {}
        self._newest = 0
        self._current: dict[Hashable, _Reads] = {}

    def count(
        self,
        question: Hashable,
        state: int,
        is_fresh: bool,
        is_asked: bool,
        is_hit: bool,
        database_ms: float,
        described: Callable[[T], Recorded],
        of: T,
    ) -> None:
        """Count a read. ``question`` with the newest version of all, ``state``, tells it from all others.

        Reads that nobody asked for fill the cache and do not count. ``database_ms`` is what the whole answer takes.
        ``described`` is called with ``of`` for the first one. This is every read's way: names of arguments would
        take as long as all else here.
        """
        now = self._clock()
        minute = int(now // 60)
        place = (question, state, is_fresh)
        with self._counting:
            if minute > self._newest:
                self._begin(minute)
            reads = self._current.get(place)
            if reads is not None:
                reads.reads += is_asked
                reads.hits += is_asked and is_hit
                return
        first = _Reads(described(of), state, is_fresh, now, database_ms)
        with self._counting:
            if place not in self._current and len(self._current) >= MOST_QUESTIONS_A_MINUTE:
                self.left_out += 1
                return
            reads = self._current.setdefault(place, first)
            reads.reads += is_asked
            reads.hits += is_asked and is_hit

    def _begin(self, minute: int) -> None:
        self._newest = minute
        self._current = self._minutes[minute] = {}
        if len(self._minutes) > _KEPT_MINUTES:
            oldest = self._minutes.pop(next(iter(self._minutes)))
            self.left_out += sum(reads.reads for reads in oldest.values())

    def flush(self, database: Database, *, is_last: bool = False) -> int:
        """Write the minutes that are over, at the end all; the number of rows. Raises DatabaseError, and keeps them."""
        with self._flushing:
            with self._counting:
                now = int(self._clock() // 60)
                over = [minute for minute in self._minutes if is_last or minute < now]
            return sum(self._flush_minute(database, minute) for minute in over)

    def _flush_minute(self, database: Database, minute: int) -> int:
        with self._counting:
            taken = [*self._minutes.get(minute, {}).values()]
            if minute == self._newest:  # what is counted from now on belongs to another minute
                self._current = {}
        if taken:
            rows = json.dumps([self._row(minute, reads) for reads in taken])
            with database.writer() as writer:
                writer.execute(_WRITE, {"rows": rows})
        with self._counting:
            self._minutes.pop(minute, None)
        return len(taken)

    def _row(self, minute: int, reads: _Reads) -> dict[str, Any]:
        return {
            "minute": datetime.fromtimestamp(minute * 60, UTC).isoformat(),
            "process": self._process,
            "question": f"\\x{reads.of.name.hex()}",
            "state": reads.state,
            "is_fresh": reads.is_fresh,
            "query": reads.of.query,
            "ttl_class": reads.of.ttl_class,
            "read_at": datetime.fromtimestamp(reads.read_at, UTC).isoformat(),
            "reads": reads.reads,
            "hits": reads.hits,
            "database_ms": reads.database_ms,
            "blocks": f"\\x{packed(reads.of.blocks).hex()}",
        }


def prune_recorded(writer: Writer) -> None:
    """Delete what was recorded more than ``RECORDED_DAYS`` ago, and all but the newest ``RECORDED_ROWS``."""
    writer.execute(_PRUNE, {"days": RECORDED_DAYS, "number": RECORDED_ROWS})
