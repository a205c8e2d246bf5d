"""Who waits for whom in the database, and who does something, or nothing, for too long."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from dashboard.advice.verdict import Level, Now, Verdict, plain
from dashboard.database_state import Session

_WAITS = 5
_MOMENT_SECONDS = 5.0  # for which one may wait for another


def sessions(now: Now, known: Sequence[Session], long_seconds: float) -> list[Verdict]:
    """Those who wait come first. From ``long_seconds`` on, a statement or an idle transaction is long."""
    by_pid = {one.pid: one for one in known}
    waiting = [one for one in known if one.blocked_by]
    blocking = {pid for one in waiting for pid in one.blocked_by}
    others = [one for one in known if one.pid not in blocking and not one.blocked_by]
    told = [_waits(now, one, by_pid) for one in waiting[:_WAITS]]
    return told + [verdict for one in others for verdict in _long(now, one, long_seconds)]


def who(one: Session) -> str:
    """``session 12 (daybook, psql)``."""
    names = ", ".join(plain(name) for name in (one.user_name, one.application_name) if name)
    return f"session {one.pid}{f' ({names})' if names else ''}"


def _waits(now: Now, one: Session, by_pid: Mapping[int, Session]) -> Verdict:
    level = Level.NOTE
    since = one.waits_since or now.moment
    if now.is_overdue(since):
        level = Level.BAD
    elif (now.moment - since).total_seconds() >= _MOMENT_SECONDS:
        level = Level.WARNING
    pid = one.blocked_by[0]
    blocker = by_pid.get(pid)
    return Verdict(
        level,
        f"{_capital(who(one))} has waited {now.duration_since(since)} for {_holder(now, pid, blocker)}.",
        _release(pid, blocker),
    )


def _holder(now: Now, pid: int, blocker: Session | None) -> str:
    """Who holds what somebody waits for, and what that one does."""
    if pid == 0:
        return "a prepared transaction"
    if blocker is None:
        return f"session {pid}"
    if blocker.blocked_by:
        return f"{who(blocker)}, which itself waits for session {blocker.blocked_by[0]}"
    if blocker.is_idle_in_transaction:
        return f"{who(blocker)}, which is idle in a transaction{_for(now, blocker.state_since)}"
    if blocker.is_running:
        return f"{who(blocker)}, which runs a statement{_for(now, blocker.statement_since)}"
    return who(blocker)


def _for(now: Now, moment: datetime | None) -> str:
    return f" for {now.duration_since(moment)}" if moment else ""


def _release(pid: int, blocker: Session | None) -> str:
    if pid == 0:
        return "Look for it in pg_prepared_xacts, and commit it or roll it back."
    if blocker and blocker.is_idle_in_transaction:
        return f"Let that program commit, or end its session: `SELECT pg_terminate_backend({pid});`"
    return f"Let it end, or stop its statement: `SELECT pg_cancel_backend({pid});`"


def _long(now: Now, one: Session, long_seconds: float) -> Iterator[Verdict]:
    since = one.statement_since if one.is_running else one.state_since
    if since is None or (now.moment - since).total_seconds() < long_seconds:
        return
    if one.is_running:
        yield Verdict(
            Level.WARNING,
            f"{_capital(who(one))} has been running a statement for {now.duration_since(since)}.",
            f"If nobody needs its answer, stop it: `SELECT pg_cancel_backend({one.pid});`",
        )
    elif one.is_idle_in_transaction:
        yield Verdict(
            Level.WARNING,
            f"{_capital(who(one))} has been idle in a transaction for {now.duration_since(since)}. It keeps its "
            "locks, and VACUUM can't remove what it might still read.",
            f"Let that program commit, or end its session: `SELECT pg_terminate_backend({one.pid});` With "
            "`idle_in_transaction_session_timeout`, PostgreSQL does that by itself.",
        )


def _capital(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}"
