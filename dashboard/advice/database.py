"""Whether the database is well, and what to do where it is not."""

from collections.abc import Iterator

from dashboard.advice.indexes import missing, scanned, superfluous
from dashboard.advice.server import replica, server, slot
from dashboard.advice.sessions import sessions
from dashboard.advice.tables import tables
from dashboard.advice.verdict import NAMED, Level, Now, Verdict, listed, others, plain
from dashboard.database_state import DatabaseState, Server, StatementsUnknown, is_worthwhile

_NAMES = {
    "server": "the server",
    "sessions": "sessions",
    "tables": "tables",
    "indexes": "indexes",
    "growth": "growth",
    "sizes": "the course of sizes",
    "free_shares": "empty room",
    "counted": "the statements of others",
    "missing": "missing indexes",
    "replicas": "replicas",
    "slots": "replication slots",
}
_MAIN = {"server", "sessions", "tables", "indexes"}
_ORDER = (Level.BAD, Level.WARNING, Level.NOTE, Level.GOOD)


def database(now: Now, state: DatabaseState, *, long_seconds: float, unused_days: int) -> list[Verdict]:
    """All that is the matter, the worst first; a good verdict before mere notes.

    What could not be read is told in a note, and nothing is called well then. ``long_seconds`` is
    ``DASHBOARD_LONG_STATEMENT_SECONDS``, ``unused_days`` is ``DASHBOARD_UNUSED_INDEX_DAYS``.
    """
    found = [*_found(now, state, long_seconds, unused_days)]
    found.sort(key=lambda one: _ORDER.index(one.level))
    if any(one.level is not Level.NOTE for one in found) or _MAIN & state.errors().keys():
        return found
    known = now.counted(len(state.tables.get()), "table")
    return [Verdict(Level.GOOD, f"The database is well, by a look at {known}."), *found]


def _found(now: Now, state: DatabaseState, long_seconds: float, unused_days: int) -> Iterator[Verdict]:
    of_server, known = state.server.otherwise(None), state.tables.otherwise(())
    yield from sessions(now, state.sessions.otherwise(()), long_seconds)
    if of_server:
        yield from server(now, of_server, known)
    yield from (verdict for one in state.replicas.otherwise(()) if (verdict := replica(now, one)))
    yield from (verdict for one in state.slots.otherwise(()) if (verdict := slot(now, one)))
    is_vacuumed = of_server is None or of_server.is_autovacuum_on
    is_replica = of_server is not None and of_server.is_replica
    if not is_replica:  # its primary vacuums and analyzes it, and it counts neither
        yield from tables(now, known, state.empty_shares(), is_vacuumed=is_vacuumed)
    yield from missing(now, state.missing.otherwise(()))
    yield from superfluous(now, state.findings(unused_days))
    if state.counted.error:
        yield from scanned(now, known)
    yield from _unseen(state, of_server)


def _unseen(state: DatabaseState, of_server: Server | None) -> Iterator[Verdict]:
    """What is hidden or could not be read, why, and what shows it."""
    by_error: dict[str, list[str]] = {}
    for name, error in state.errors().items():
        if not isinstance(error, StatementsUnknown):
            by_error.setdefault(str(error), []).append(_NAMES[name])
    for why, names in by_error.items():
        yield Verdict(Level.NOTE, f"Not read: {listed(names)}.", plain(why))
    if isinstance(state.counted.error, StatementsUnknown):
        yield Verdict(
            Level.NOTE,
            "Only our own queries are searched for missing indexes, since those of others are not known.",
            str(state.counted.error),
        )
    known = state.tables.otherwise(())
    if of_server and (unseen := [one for one in known if not one.is_readable and is_worthwhile(one)]):
        them = listed([plain(one.relation) for one in unseen[:NAMED]])
        yield Verdict(
            Level.NOTE,
            f"Missing indexes are not looked for on {them}{others(unseen)}, since {plain(of_server.role)} may not read "
            f"{'it' if len(unseen) == 1 else 'them'}, nor know what values there are.",
            f"`GRANT SELECT ON {plain(unseen[0].relation)} TO {plain(of_server.role)};`",
        )
    if of_server and not of_server.sees_all:
        role = plain(of_server.role)
        yield Verdict(
            Level.NOTE,
            f"What other users do is hidden from {role}.",
            f"An administrator can let it be seen: `GRANT pg_monitor TO {role};`",
        )
