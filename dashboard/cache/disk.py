"""The cache on disk, shared by the processes of one machine: diskcache, with all its pickling taken out."""

import contextlib
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import diskcache
from diskcache.core import DBNAME, MODE_RAW

from dashboard.cache.disk_inspection import inspected
from dashboard.cache.inspection import Inspection, Server
from dashboard.cache.key import Key
from dashboard.cache.shared import Shared
from dashboard.cache.store import Item, Stored, StoreFull, Usage
from dashboard.cache.value import FORMAT

BUSY_TIMEOUT_SECONDS = 1.0

# How long a process that only reads keeps to itself what it read.
TELL_USE_SECONDS = 10.0

# One answer may take at most this part of the room, or it would evict all the others.
MAX_SHARE = 1 / 4

DELETE_AT_ONCE = 10  # rows

# A latest record is small, and tells why its value had to go: it counts as used so much later.
LATEST_LONGER_SECONDS = 3_600.0
_LATEST = ":latest"

# What SQLite reports when the machine is at fault and the file may be sound. After anything else it is removed.
_PASSING = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_NOMEM,
}

# diskcache's table; its version is pinned.
_SELECT = """
SELECT key, mode, value FROM Cache
WHERE raw = 1 AND (expire_time IS NULL OR expire_time > ?) AND key IN ({})
"""
_TOUCH = "UPDATE Cache SET access_time = ? WHERE raw = 1 AND key = ?"
_DELETE = "DELETE FROM Cache WHERE rowid IN (SELECT rowid FROM Cache {} LIMIT ?)"
_DELETE_OVER = _DELETE.format("WHERE expire_time < ? ORDER BY expire_time")
_DELETE_UNUSED = _DELETE.format("ORDER BY access_time")
# What became of looks and of what was stored, over all processes, and since when that is counted.
_HAS_TALLIES = "SELECT 1 FROM sqlite_master WHERE name = 'Tallies'"
_MAKE_TALLIES = """
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS Tallies (what TEXT PRIMARY KEY, number INTEGER NOT NULL);
INSERT OR IGNORE INTO Tallies VALUES ('since', CAST(strftime('%s') AS INTEGER));
COMMIT;
"""
_ADD = "INSERT INTO Tallies VALUES (?, ?) ON CONFLICT (what) DO UPDATE SET number = number + excluded.number"
# diskcache keeps sums of its own, which a stranger may have written and no reader looks at.
_ENTRIES = "SELECT count(*) FROM Cache"
_SIZE = "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size"
_USED_PAGES = "SELECT page_count - freelist_count FROM pragma_page_count, pragma_freelist_count"


class _PlainDisk(diskcache.Disk):  # type: ignore[misc] # diskcache has no types
    """Bytes in SQLite and nothing else: no pickles, and no files, whose names a forged row could choose."""

    def get(self, key: object, raw: bool) -> object:  # noqa: ARG002 - diskcache's
        return key

    def store(self, value: bytes, read: bool, key: object = None) -> tuple[int, int, None, bytes]:  # noqa: ARG002
        return 0, MODE_RAW, None, value

    def fetch(self, mode: int, filename: object, value: object, read: bool) -> bytes:  # noqa: ARG002
        return value if mode == MODE_RAW and isinstance(value, bytes) else b""

    def remove(self, file_path: object) -> None:
        pass


class _Opened(NamedTuple):
    """The cache, and the file that it was opened from."""

    cache: diskcache.Cache
    identity: tuple[int, int] | None


class DiskStore:
    """Least recently used values go first once the file has ``max_bytes``.

    diskcache notes each use in a transaction of its own, so readers would queue behind each other. Here they
    read without one, and what they used is noted with the next write.
    """

    name = "disk"

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self._file = folder / DBNAME
        self._max_bytes = max_bytes
        self._shared = Shared(self._opened)
        self._writing = threading.Lock()
        self._used: set[str] = set()
        self._tell_use_at = 0.0
        self._counting = threading.Lock()
        self._counts: Counter[str] = Counter()  # not yet told
        self._tell_counts_at = 0.0

    def read(self, keys: Sequence[Key]) -> list[Stored]:
        found = _select(self._cache(), [*map(_name, keys), *map(_latest, keys)])
        self._used.update(found)
        if time.monotonic() > self._tell_use_at:
            with contextlib.suppress(StoreFull, diskcache.Timeout), self._transaction():
                pass  # which tells it
        stored = [Stored(found.get(_name(key)), found.get(_latest(key))) for key in keys]
        hits = sum(one.data is not None for one in stored)
        self._count("hits", hits)
        self._count("misses", len(keys) - hits)
        return stored

    def write(self, items: Sequence[Item]) -> None:
        fitting = [item for item in items if len(item.data) <= self._max_bytes * MAX_SHARE]
        with self._transaction() as cache:
            for key, data, latest, lifetime_seconds in fitting:
                cache.set(_name(key), data, expire=lifetime_seconds)
                cache.set(_latest(key), latest, expire=lifetime_seconds)
            _touch(cache, [_latest(item.key) for item in fitting])
            self._make_room(cache)
        if len(fitting) < len(items):
            raise StoreFull("An answer is too large for the cache.")

    def acquire(self, keys: Sequence[Key], token: bytes, lifetime_seconds: float) -> list[bytes | None]:
        names = [_lock(key) for key in keys]
        with self._transaction() as cache:
            for name in names:
                cache.add(name, token, expire=lifetime_seconds)
            held = _select(cache, names)
        return [held.get(name) for name in names]

    def prolong(self, keys: Sequence[Key], token: bytes, lifetime_seconds: float) -> None:
        with self._transaction() as cache:
            for name in _held(cache, keys, token):
                cache.touch(name, expire=lifetime_seconds)

    def release(self, keys: Sequence[Key], token: bytes) -> None:
        with self._transaction() as cache:
            for name in _held(cache, keys, token):
                cache.delete(name)

    def usage(self) -> Usage:
        cache = self._cache()
        [(entries,)] = cache._con.execute(_ENTRIES)
        return Usage(entries, _size_bytes(cache), self._max_bytes)

    def inspect(self, budget_seconds: float) -> Inspection:
        cache = self._cache()
        return inspected(cache._con, self._server(cache), budget_seconds)

    def reset(self, error: Exception) -> None:
        """Let go of the file, and remove it if it is damaged and still the one that was opened."""
        if isinstance(error, diskcache.Timeout):
            return  # somebody writes for too long, but it can be read
        opened = self._shared.take()
        is_ours = opened is None or opened.identity == _identity(self._file)
        with contextlib.suppress(OSError, sqlite3.Error):
            if opened is not None:
                opened.cache.close()
            if is_ours and not isinstance(error, OSError) and _code(error) not in _PASSING:
                for suffix in ("", "-wal", "-shm"):
                    Path(f"{self._file}{suffix}").unlink(missing_ok=True)

    def close(self) -> None:
        opened = self._shared.take()
        if opened is not None:
            opened.cache.close()

    def _cache(self) -> diskcache.Cache:
        """The open cache. SQLite would go on with a file that somebody deleted: then a new one is made."""
        opened = self._shared.get()
        if opened.identity != _identity(self._file):
            self.close()
            opened = self._shared.get()
        return opened.cache

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[diskcache.Cache]:
        """Write, all or nothing. This process's threads queue here, since SQLite lets who waits for it poll."""
        if not self._writing.acquire(timeout=BUSY_TIMEOUT_SECONDS):
            raise diskcache.Timeout
        try:
            cache = self._cache()
            with _full_disk_told(cache), cache.transact():
                self._tell_use(cache)
                yield cache
        finally:
            self._writing.release()

    def _make_room(self, cache: diskcache.Cache) -> None:
        """diskcache would do so for each row again, since the file gets smaller at the end of a transaction only."""
        run = cache._con.execute
        self._count("expired", run(_DELETE_OVER, (time.time(), 10 * DELETE_AT_ONCE)).rowcount)
        [(page_bytes,)] = run("PRAGMA page_size")
        while run(_USED_PAGES).fetchone()[0] * page_bytes > self._max_bytes:
            evicted = run(_DELETE_UNUSED, (DELETE_AT_ONCE,)).rowcount
            if not evicted:
                return
            self._count("evicted", evicted)

    def _count(self, what: str, number: int) -> None:
        if number:
            with self._counting:
                self._counts[what] += number

    def _tell_use(self, cache: diskcache.Cache) -> None:
        used, self._used = self._used, set()
        now = time.monotonic()
        self._tell_use_at = now + TELL_USE_SECONDS
        _touch(cache, [*used])  # a copy, made at once: a reader may still be adding to it
        if now > self._tell_counts_at:  # nobody needs them sooner
            self._tell_counts_at = now + TELL_USE_SECONDS
            with self._counting:
                counts, self._counts = self._counts, Counter()
            cache._con.executemany(_ADD, counts.items())

    def _server(self, cache: diskcache.Cache) -> Server:
        """The file's own figures, as a server's are."""
        started = time.perf_counter()
        told = Counter(dict(cache._con.execute("SELECT what, number FROM Tallies")))
        answered_ms = round((time.perf_counter() - started) * 1_000, 2)
        with self._counting:
            told.update(self._counts)
        return Server(
            "Disk",
            version=f"SQLite {sqlite3.sqlite_version}",
            policy="least recently used",
            size_bytes=_size_bytes(cache),
            max_bytes=self._max_bytes,
            evicted=told["evicted"],
            expired=told["expired"],
            hits=told["hits"],
            misses=told["misses"],
            uptime_seconds=max(0, int(time.time()) - told["since"]),
            ping_ms=answered_ms,
        )

    def _opened(self) -> _Opened:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        _check_free(self._file)
        cache = diskcache.Cache(
            self._file.parent,
            timeout=BUSY_TIMEOUT_SECONDS,
            disk=_PlainDisk,
            eviction_policy="least-recently-used",
            size_limit=self._max_bytes,
            cull_limit=0,
        )
        if not cache._con.execute(_HAS_TALLIES).fetchone():
            cache._con.executescript(_MAKE_TALLIES)
        return _Opened(cache, _identity(self._file))


@contextlib.contextmanager
def _full_disk_told(cache: diskcache.Cache) -> Iterator[None]:
    """Raise StoreFull for a full disk, and drop this thread's connection, which may be left in a transaction."""
    try:
        yield
    except sqlite3.Error as error:
        # SQLite may have rolled back by itself; diskcache then fails to, on top of the first error.
        causes = [cause for cause in (error, error.__context__) if cause is not None]
        if sqlite3.SQLITE_FULL not in map(_code, causes):
            raise
        cache.close()
        raise StoreFull("The disk is full.") from error


def _size_bytes(cache: diskcache.Cache) -> int:
    [(size_bytes,)] = cache._con.execute(_SIZE)
    return int(size_bytes)


def _select(cache: diskcache.Cache, names: Sequence[str]) -> dict[str, bytes]:
    """What is stored under these names and not over; empty for what can't be ours."""
    select = _SELECT.format(", ".join("?" * len(names)))
    rows = cache._con.execute(select, (time.time(), *names))
    return {name: cache.disk.fetch(mode, None, value, False) for name, mode, value in rows}


def _touch(cache: diskcache.Cache, names: Iterable[str]) -> None:
    """Note that these were used."""
    now = time.time()
    later = now + LATEST_LONGER_SECONDS
    cache._con.executemany(_TOUCH, [(later if name.endswith(_LATEST) else now, name) for name in names])


def _held(cache: diskcache.Cache, keys: Sequence[Key], token: bytes) -> list[str]:
    """Names of the locks that are held with this token."""
    return [name for name, owner in _select(cache, [*map(_lock, keys)]).items() if owner == token]


def _check_free(file: Path) -> None:
    """Raise soon if a hung process holds the file: diskcache would wait for a minute."""
    with contextlib.closing(
        sqlite3.connect(file, timeout=BUSY_TIMEOUT_SECONDS, isolation_level=None)
    ) as link:
        link.execute("BEGIN IMMEDIATE")
        link.execute("ROLLBACK")


def _identity(file: Path) -> tuple[int, int] | None:
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _code(error: BaseException) -> int:
    """SQLite's primary result code, or 0."""
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


def _name(key: Key) -> str:
    return f"{FORMAT}:{key}"


def _latest(key: Key) -> str:
    return f"{FORMAT}:{key.tag}:{key.digest}{_LATEST}"


def _lock(key: Key) -> str:
    return f"{FORMAT}:{key}:lock"
