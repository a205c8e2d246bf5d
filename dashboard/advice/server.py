"""The server as a whole: connections, buffers, transaction ids, replication."""

from collections.abc import Iterator, Sequence

from dashboard.advice.verdict import Level, Now, Verdict, plain
from dashboard.database_state import Replica, Server, Slot, Table
from dashboard.notation import Format

_FULL_SHARE, _NEARLY_FULL_SHARE = 0.95, 0.8
_LEAST_HIT_SHARE, _ENOUGH_BLOCKS = 0.9, 1_000_000
# Transactions: PostgreSQL freezes by itself at freeze_age, and takes no more commands shortly before 2**31.
_OLD_TIMES, _TOO_OLD, _MOMENT = 1.5, 1_000_000_000, 10_000
_LATE_SECONDS, _TOO_LATE_SECONDS, _LATE_BYTES = 30.0, 600.0, 256 << 20
_TOO_MUCH_KEPT_BYTES = 10 << 30


def server(now: Now, server: Server, tables: Sequence[Table] = ()) -> Iterator[Verdict]:
    """What is the matter with the server, of which these are the tables of this database."""
    if server.connections_share >= _NEARLY_FULL_SHARE:
        is_full = server.connections_share >= _FULL_SHARE
        yield Verdict(
            Level.BAD if is_full else Level.WARNING,
            f"{now.counted(server.connections, 'connection')} of {server.max_connections} are taken, of which "
            f"{server.reserved_connections} are kept for administrators.",
            "Put a pool such as PgBouncer between programs and PostgreSQL, let them keep fewer connections, or raise "
            "`max_connections`, which takes a restart.",
        )
    blocks = server.blocks_hit + server.blocks_read
    if blocks >= _ENOUGH_BLOCKS and server.hit_share is not None and server.hit_share < _LEAST_HIT_SHARE:
        yield Verdict(
            Level.NOTE,
            f"Of the blocks that were read, {now.notation.portion(server.hit_share)} were found in PostgreSQL's "
            "memory.",
            "Raise `shared_buffers`, up to a quarter of the machine's memory, or look for statements that read much.",
        )
    yield from _transactions(now, server, tables)
    if server.replay_lag_seconds is not None and server.replay_lag_seconds >= _LATE_SECONDS:
        yield Verdict(
            Level.BAD if server.replay_lag_seconds >= _TOO_LATE_SECONDS else Level.WARNING,
            f"This server is a replica, and shows what was so {now.notation.duration(server.replay_lag_seconds)} "
            "ago.",
            "See whether its connection to the primary and its disk keep up, and whether long reads hold it up "
            "(`max_standby_streaming_delay`).",
        )


def _transactions(now: Now, server: Server, tables: Sequence[Table]) -> Iterator[Verdict]:
    if server.transaction_age < min(_OLD_TIMES * server.freeze_age, _TOO_OLD):
        return
    name = plain(server.oldest_database)
    # If the oldest is one of the tables here, it need not be searched for. They were read a moment apart.
    known = (one for one in tables if (one.transaction_age or 0) + _MOMENT >= server.transaction_age)
    oldest = next(known, None)
    todo = f"`VACUUM (FREEZE) {plain(oldest.relation)};`" if oldest else f"`VACUUM (FREEZE);` in {name}"
    yield Verdict(
        Level.BAD if server.transaction_age >= _TOO_OLD else Level.WARNING,
        f"The oldest transaction in database {name} is {now.counted(server.transaction_age, 'transaction')} old; "
        "PostgreSQL stops taking commands at 2,147 million.",
        f"End old transactions, prepared ones and replication slots that hold it back, then run {todo}.",
    )


def replica(now: Now, one: Replica) -> Verdict | None:
    """That a replica is behind; None if it is not."""
    seconds, size_bytes = one.behind_seconds or 0.0, one.behind_bytes or 0
    if seconds < _LATE_SECONDS and size_bytes < _LATE_BYTES:
        return None
    behind = now.notation.duration(seconds) if seconds else now.notation.exact(size_bytes, Format.BYTES)
    return Verdict(
        Level.BAD if seconds >= _TOO_LATE_SECONDS else Level.WARNING,
        f"The replica {plain(one.application_name or str(one.pid))} is {behind} behind.",
        "See whether its network and its disk keep up, and whether long reads hold it up.",
    )


def slot(now: Now, one: Slot) -> Verdict | None:
    """That much is kept for a replica that is away; None if that is not so."""
    name = plain(one.name)
    drop = f"If it does not come back: `SELECT pg_drop_replication_slot('{name}');`"
    if one.is_lost:
        return Verdict(
            Level.WARNING,
            f"Whoever follows by the replication slot {name} has lost track, and has to begin anew.",
            drop,
        )
    kept_bytes = one.kept_bytes or 0
    if one.is_active or kept_bytes < _LATE_BYTES:
        return None
    return Verdict(
        Level.BAD if kept_bytes >= _TOO_MUCH_KEPT_BYTES else Level.WARNING,
        f"Nobody follows by the replication slot {name}, for which {now.notation.exact(kept_bytes, Format.BYTES)} of "
        "the write-ahead log are kept, and ever more.",
        f"See whether its replica runs, before the disk is full. {drop} `max_slot_wal_keep_size` sets a limit.",
    )


def connections(server: Server) -> str:
    """Whom the connections are for."""
    return f"{server.free_connections} are free; {server.reserved_connections} of all are kept for administrators."


def found_in_memory(now: Now, server: Server) -> str:
    """Of what the share of blocks in memory is."""
    since = f"since {now.ago(server.counted_since)}" if server.counted_since else "since PostgreSQL counts"
    return (
        f"Blocks of this database that were in PostgreSQL's own memory when they were needed, {since}. What it lacks "
        "may still be in that of the operating system."
    )


def transactions(now: Now, server: Server) -> str:
    """How old the oldest transaction id is, and when it is frozen."""
    return (
        f"{now.counted(server.transaction_age, 'transaction')} ago, in {server.oldest_database}; PostgreSQL freezes by "
        f"itself at {now.notation.exact(server.freeze_age, Format.COUNT)}."
    )


def replication(now: Now, server: Server, replicas: Sequence[Replica] | None) -> str:
    """What this server is to others; ``replicas`` are None if they could not be read."""
    if server.is_replica:
        return f"A replica, {now.notation.duration(server.replay_lag_seconds or 0)} behind."
    if replicas is None:
        return "Whether it has replicas could not be read."
    return f"It has {now.counted(len(replicas), 'replica')}." if replicas else "It has no replica."
