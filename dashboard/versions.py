"""Which version of the data each relation is at, in the database and as this process knows it."""

import threading
import time
from collections.abc import Iterable

from dashboard.database import Database, Snapshot, Writer
from dashboard.errors import DatabaseUnavailable, StatementTimeout

_READ = "SELECT relation, max(version) AS version FROM dashboard.versions GROUP BY relation"

# A new or rewritten view shows even to older snapshots, which know the versions before it. So readers share
# the table of versions before they take their snapshot, and who rewrites a view waits for them and shuts it.
_SHUT = "LOCK TABLE dashboard.versions IN ACCESS EXCLUSIVE MODE"

# Whoever bumps holds the table until the commit, so numbers become visible in the order in which they were
# drawn: a greater number is a later state, also over several relations. They are microseconds of the clock, so
# that a database restored from a backup does not use again the numbers that it lost, under which caches may
# still hold what was lost with them.
_LOCK = "LOCK TABLE dashboard.versions IN SHARE ROW EXCLUSIVE MODE"
_BUMP = """
WITH drawn AS MATERIALIZED (
    SELECT greatest(
        (extract(epoch FROM clock_timestamp()) * 1000000)::bigint,
        (SELECT max(version) + 1 FROM dashboard.versions)
    ) AS version
)
INSERT INTO dashboard.versions (relation, month, version)
SELECT relation, '-infinity', drawn.version FROM unnest(%(relations)s::text[]) AS relation, drawn
ON CONFLICT (relation, month) DO UPDATE SET version = excluded.version, changed_at = excluded.changed_at
"""


def bump(writer: Writer, relations: Iterable[str]) -> None:
    """Give relations a new version, for all their months. Do it last: other bumps wait for the commit."""
    writer.execute(_LOCK)
    writer.execute(_BUMP, {"relations": sorted(set(relations))})


def shut_out_readers(writer: Writer) -> None:
    """Let no snapshot that knows the versions live until the commit; then rewrite views."""
    writer.execute(_SHUT)


def read_versions(snapshot: Snapshot) -> dict[str, int]:
    """The version of each relation, in the state of the database that the snapshot sees. Call it first."""
    snapshot.share("dashboard.versions")
    return dict(snapshot.frame(_READ).iter_rows())


def version_of(relations: Iterable[str], versions: dict[str, int]) -> int:
    """The version of an answer that reads these relations."""
    return max((versions.get(relation, 0) for relation in relations), default=0)


class KnownVersions:
    """The versions as of a moment ago, so that a cached read needs no round trip to the database."""

    def __init__(self, database: Database, poll_seconds: float) -> None:
        self._database = database
        self._poll_seconds = poll_seconds
        self._polling = threading.Lock()
        self._taking = threading.Lock()
        self._versions: dict[str, int] | None = None
        self._due = 0.0

    def of(self, relations: Iterable[str]) -> int:
        """The version of what these relations hold, at most ``poll_seconds`` behind the database.

        While the database does not answer, the last known versions count. Raises DatabaseError when there
        are none yet.
        """
        if self._is_due():
            self._poll()
        assert self._versions is not None
        return version_of(relations, self._versions)

    def learn(self, versions: dict[str, int]) -> None:
        """Take over versions that were read together with rows, unless newer ones came in the meantime."""
        with self._taking:
            if _newest(versions) > _newest(self._versions or {}):
                self._versions = versions

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
        known = self._versions
        try:
            with self._database.snapshot() as snapshot:
                versions = read_versions(snapshot)
        except (DatabaseUnavailable, StatementTimeout):
            if self._versions is None:
                raise
        else:
            with self._taking:
                if self._versions is known:  # else a reader has learned newer ones
                    self._versions = versions
        self._due = time.monotonic() + self._poll_seconds


def _newest(versions: dict[str, int]) -> int:
    return max(versions.values(), default=0)
