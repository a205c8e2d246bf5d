"""Which version of the data each relation and month is at, in the database and as this process knows it."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import date

from dashboard.database import Database, Snapshot, Writer
from dashboard.errors import DatabaseError, DatabaseUnavailable, StatementTimeout
from dashboard.window import Span

_READ = "SELECT relation, nullif(month, '-infinity') AS month, version FROM dashboard.versions"

# A new or rewritten view shows even to older snapshots, which know the versions before it. So readers share
# the table of versions before they take their snapshot, and who rewrites a view waits for them and shuts it.
_SHUT = "LOCK TABLE dashboard.versions IN ACCESS EXCLUSIVE MODE"

# Whoever bumps holds the table until the commit, so numbers become visible in the order in which they were
# drawn: a greater number is a later state, also over several relations. They are microseconds of the clock, so
# that a database restored from a backup does not use again the numbers that it lost, under which caches may
# still hold what was lost with them. Where the clock was set back, the sequence shows what others drew also to a
# transaction whose snapshot is older than their commit, and the table what was restored without the sequence.
_LOCK = "LOCK TABLE dashboard.versions IN SHARE ROW EXCLUSIVE MODE"
_BUMP = """
WITH drawn AS MATERIALIZED (
    SELECT setval('dashboard.version_numbers', greatest(
        (extract(epoch FROM clock_timestamp()) * 1000000)::bigint,
        nextval('dashboard.version_numbers'),
        (SELECT max(version) + 1 FROM dashboard.versions)
    )) AS version
)
INSERT INTO dashboard.versions (relation, month, version)
SELECT relation, coalesce(month, '-infinity'), drawn.version
FROM unnest(%(relations)s::text[], %(months)s::date[]) AS bumped (relation, month), drawn
ON CONFLICT (relation, month) DO UPDATE SET version = excluded.version, changed_at = excluded.changed_at
"""

# Only who bumps notifies: a commit that does waits for every other one in the database that does.
CHANNEL = "daybook_versions"
_NOTIFY = f"NOTIFY {CHANNEL}"


# Ends the name of a version that counts for all names which begin like it.
ANY = "*"

_MEMO = 10_000  # entries


def bump(writer: Writer, relations: Iterable[str]) -> None:
    """Give relations a new version, for all their months. Do it last: other bumps wait for the commit.

    What is cached under a tag is made invalid in the same way: by a bump of the tag, or of ``prefix*``.
    """
    _bump(writer, [(relation, None) for relation in sorted(set(relations))])


def bump_months(writer: Writer, relation: str, months: Iterable[date]) -> None:
    """Give months of a relation, named by their first days, a new version; the others keep theirs. Do it last."""
    _bump(writer, [(relation, month) for month in sorted(set(months))])


def _bump(writer: Writer, bumped: Sequence[tuple[str, date | None]]) -> None:
    if bumped:
        relations, months = zip(*bumped, strict=True)
        writer.execute(_LOCK)
        writer.execute(_BUMP, {"relations": list(relations), "months": list(months)})
        writer.execute(_NOTIFY)


def shut_out_readers(writer: Writer) -> None:
    """Let no snapshot that knows the versions live until the commit; then rewrite views."""
    writer.execute(_SHUT)


def invalidate(database: Database, tag: str) -> None:
    """Never again use what was cached until now under this query, relation or other tag, or ``prefix*``.

    Costs the same for any number of answers. Processes that listen follow at once, others when they next poll.
    """
    with database.writer() as writer:
        bump(writer, [tag])


class Versions:
    """The versions in one state of the data."""

    def __init__(self, rows: Iterable[tuple[str, date | None, int]]) -> None:
        """Rows of ``relation, month, version``; the month is None for all months."""
        self._whole: dict[str, int] = {}
        self._months: dict[str, dict[date, int]] = {}
        for relation, month, version in rows:
            if month is None:
                self._whole[relation] = version
            else:
                self._months.setdefault(relation, {})[month] = version
        self._prefixes = {
            name.removesuffix(ANY): at for name, at in self._whole.items() if name.endswith(ANY)
        }
        months = (max(versions.values()) for versions in self._months.values())
        self.newest = max((*self._whole.values(), *months), default=0)
        self._known: dict[tuple[tuple[str, ...], Span | None], int] = {}

    def of(self, tags: tuple[str, ...], span: Span | None = None) -> int:
        """The version of an answer that depends on these relations and tags; with a span, on its months only.

        It is the greatest of theirs. Versions are drawn in order, so it changes when any of them does.
        """
        known = self._known.get((tags, span))
        if known is None:
            if len(self._known) >= _MEMO:
                self._known.clear()
            known = max((self._of_one(tag, span) for tag in tags), default=0)
            self._known[tags, span] = known
        return known

    def _of_one(self, tag: str, span: Span | None) -> int:
        months = self._months.get(tag, {})
        first = span and span.start.replace(day=1)
        return max(
            self._whole.get(tag, 0),
            *(at for prefix, at in self._prefixes.items() if tag.startswith(prefix)),
            *(at for month, at in months.items() if not (span and first) or first <= month < span.end),
            0,
        )


def read_versions(snapshot: Snapshot) -> Versions:
    """The versions in the state of the database that the snapshot sees. Call it first."""
    snapshot.share("dashboard.versions")
    return Versions(snapshot.frame(_READ).iter_rows())


class KnownVersions:
    """The versions as of a moment ago, so that a cached read needs no round trip to the database."""

    def __init__(self, database: Database, poll_seconds: float) -> None:
        self._database = database
        self._poll_seconds = poll_seconds
        self._polling = threading.Lock()
        self._taking = threading.Lock()
        self._telling = threading.Lock()
        self._told: list[Callable[[], object]] = []
        self._versions: Versions | None = None
        self._due = 0.0
        self._expired = 0  # times

    def current(self) -> Versions:
        """The versions, at most ``poll_seconds`` behind the database.

        While the database does not answer, the last known versions count. Raises DatabaseError when there
        are none yet.
        """
        if self._is_due():
            self._poll()
        assert self._versions is not None
        return self._versions

    def learn(self, versions: Versions) -> None:
        """Take over versions that were read together with rows, unless newer ones came in the meantime."""
        with self._taking:
            before = self._versions
            if before is None or versions.newest > before.newest:
                self._versions = versions
        self._tell(before)

    def expire(self) -> None:
        """Ask the database before the next answer."""
        with self._taking:
            self._expired += 1
            self._due = 0.0

    def renew(self) -> None:
        """Ask the database now, since it may have newer ones; while it does not answer, before the next answer."""
        self.expire()
        with suppress(DatabaseError):
            self.current()

    @contextmanager
    def telling(self, on_newer: Callable[[], object]) -> Iterator[None]:
        """While the block lasts, call this when other versions became known, in the thread that learned them.

        It must not use this object.
        """
        with self._telling:
            self._told.append(on_newer)
        try:
            yield
        finally:
            with self._telling:
                self._told.remove(on_newer)

    def _tell(self, before: Versions | None) -> None:
        now = self._versions
        if now is None or (before and before.newest == now.newest):
            return
        with self._telling:
            for on_newer in self._told:
                on_newer()

    def _is_due(self) -> bool:
        return self._versions is None or time.monotonic() >= self._due

    def _poll(self) -> None:
        # One thread asks. The others go on with what is known, and wait for it only if nothing is.
        if not self._polling.acquire(blocking=self._versions is None):
            return
        try:
            if self._is_due():
                self._ask()
        finally:
            self._polling.release()

    def _ask(self) -> None:
        known, expired = self._versions, self._expired
        versions = None
        try:
            with self._database.snapshot() as snapshot:
                versions = read_versions(snapshot)
        except (DatabaseUnavailable, StatementTimeout):
            if self._versions is None:
                raise
        with self._taking:
            if versions and self._versions is known:  # else a reader has learned newer ones
                self._versions = versions
            if self._expired == expired:  # else what was read may be from before
                self._due = time.monotonic() + self._poll_seconds
        self._tell(known)


@contextmanager
def listening(database: Database, known: KnownVersions) -> Iterator[None]:
    """Let a thread renew what is known as soon as there are new versions, while the block lasts.

    Where there is no connection to listen on, ``known`` notices them when it next polls.
    """
    with database.listening(CHANNEL, known.renew):
        yield
