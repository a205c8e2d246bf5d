"""What stands in the file of the cache on disk."""

import re
import sqlite3
import time
from collections.abc import Iterator, Sequence
from typing import Any

from dashboard.cache.inspection import Entry, Inspection, Server, Tally
from dashboard.cache.value import FORMAT

_NAME = re.compile(rf"{FORMAT}:(.+):[0-9a-f]{{32}}:(\d+|latest)(:lock)?")
_BATCH = 200  # rows: each may be a page to be fetched from a slow disk
# The length of a value stands at its beginning: the pages that it fills are not read.
_ROWS = "SELECT key, length(value), store_time, expire_time FROM Cache WHERE raw = 1 AND typeof(key) = 'text'"


def inspected(connection: sqlite3.Connection, server: Server, budget_seconds: float) -> Inspection:
    """What is there. Raises sqlite3.Error."""
    deadline, now = time.monotonic() + budget_seconds, time.time()
    tally, oldest, is_complete = Tally(), now, False
    rows = connection.execute(_ROWS)
    while time.monotonic() < deadline:
        batch = rows.fetchmany(_BATCH)
        tally.seen += len(batch)
        answers = [*_answers(batch, now)]
        tally.add(answers)
        tally.add_bytes(_others(batch))
        oldest = min([oldest, *(now - (one.age_seconds or 0) for one in answers)])
        if len(batch) < _BATCH:
            is_complete = True
            break
    rows.close()
    return Inspection(
        servers=(server,),
        tags=tally.tags,
        biggest=tally.biggest,
        seen=tally.seen,
        is_complete=is_complete,
        oldest_seconds=now - oldest if tally.biggest else None,
    )


def _answers(rows: Sequence[tuple[Any, ...]], now: float) -> Iterator[Entry]:
    for name, size_bytes, stored, ends in rows:
        match = _NAME.fullmatch(name)
        if match and match[2] != "latest" and not match[3]:
            left = max(0.0, ends - now) if ends else None
            yield Entry(match[1], name, size_bytes or 0, max(0.0, now - stored), left)


def _others(rows: Sequence[tuple[Any, ...]]) -> dict[str, int]:
    """Bytes of what belongs to answers, by tag."""
    found: dict[str, int] = {}
    for name, size_bytes, *_ in rows:
        match = _NAME.fullmatch(name)
        if match and (match[2] == "latest" or match[3]):
            found[match[1]] = found.get(match[1], 0) + (size_bytes or 0)
    return found
