"""Which blocks each read was made of, and when: from that it is replayed what other lifetimes would have done."""

import json
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any, NamedTuple

from dashboard.database import Database, Writer

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


class Seen(NamedTuple):
    """A question that was answered when ``state`` was the newest version; all of it takes ``database_ms``."""

    question: Recorded
    state: int
    is_fresh: bool
    is_hit: bool
    database_ms: float


@dataclass(slots=True, eq=False)
class _Reads:
    """Of one question in one minute; ``first`` was seen at ``read_at``."""

    first: Seen
    read_at: float
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
    """The reads of one process by minute and question. Any thread may add, and none waits for the database.

    Of a minute's reads of one question, the first one tells: lifetimes are longer than that by far.
    """

    def __init__(self, process: str) -> None:
        self.left_out = 0  # reads
        self._process = process
        self._adding = threading.Lock()
        self._flushing = threading.Lock()
        self._minutes: dict[int, dict[tuple[bytes, int, bool], _Reads]] = {}
        self._over = 0

    def add(self, seen: Seen, minute: int, at: float, reads: int) -> None:
        """Add reads that are alike, of which the first was made ``at``; 0 of those that nobody asked for."""
        place = (seen.question.name, seen.state, seen.is_fresh)
        with self._adding:
            of_minute = self._minutes.setdefault(minute, {})
            if place not in of_minute and len(of_minute) >= MOST_QUESTIONS_A_MINUTE:
                self.left_out += reads
                return
            known = of_minute.setdefault(place, _Reads(seen, at))
            known.reads += reads
            known.hits += reads * seen.is_hit
            if len(self._minutes) > _KEPT_MINUTES:
                oldest = self._minutes.pop(min(self._minutes))
                self.left_out += sum(one.reads for one in oldest.values())

    def end(self, minute: int) -> None:
        """To the minutes before this one, nothing is added any more."""
        self._over = minute

    def flush(self, database: Database, *, is_last: bool = False) -> int:
        """Write the minutes that are over, at the end all; the number of rows. Raises DatabaseError, and keeps them."""
        with self._flushing:
            with self._adding:
                over = [minute for minute in self._minutes if is_last or minute < self._over]
            return sum(self._flush_minute(database, minute) for minute in over)

    def _flush_minute(self, database: Database, minute: int) -> int:
        with self._adding:
            taken = [*self._minutes.get(minute, {}).values()]
        if taken:
            rows = json.dumps([self._row(minute, reads) for reads in taken])
            with database.quick_writer() as writer:
                writer.execute(_WRITE, {"rows": rows})
        with self._adding:
            self._minutes.pop(minute, None)
        return len(taken)

    def _row(self, minute: int, reads: _Reads) -> dict[str, Any]:
        question, state, is_fresh, _, database_ms = reads.first
        return {
            "minute": datetime.fromtimestamp(minute * 60, UTC).isoformat(),
            "process": self._process,
            "question": f"\\x{question.name.hex()}",
            "state": state,
            "is_fresh": is_fresh,
            "query": question.query,
            "ttl_class": question.ttl_class,
            "read_at": datetime.fromtimestamp(reads.read_at, UTC).isoformat(),
            "reads": reads.reads,
            "hits": reads.hits,
            "database_ms": database_ms,
            "blocks": f"\\x{packed(question.blocks).hex()}",
        }


def prune_recorded(writer: Writer) -> int:
    """Delete what was recorded more than ``RECORDED_DAYS`` ago, and all but the newest ``RECORDED_ROWS``."""
    return writer.execute(_PRUNE, {"days": RECORDED_DAYS, "number": RECORDED_ROWS})
