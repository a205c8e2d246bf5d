"""Who waits for whom in the database, and who does something, or nothing, for too long."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from dashboard.advice.verdict import Level, Now, Verdict, listed, plain
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
    if len(waiting) > _WAITS:
        told.append(_more(now, waiting[_WAITS:], by_pid))
    return told + [verdict for one in others for verdict in _long(now, one, long_seconds)]


def who(one: Session) -> str:
    """``session 12 (daybook, psql)``."""
    names = ", ".join(plain(name) for name in (one.user_name, one.kind or one.application_name) if name)
    return f"session {one.pid}{f' ({names})' if names else ''}"


def _waits(now: Now, one: Session, by_pid: Mapping[int, Session]) -> Verdict:
    *between, pid = _chain(one, by_pid)
    said = f"{_capital(who(one))} has waited {now.duration_since(_since(now, one))} for "
    if between:
        others = f" with {now.counted(len(between) - 1, 'other')}" if len(between) > 1 else ""
        said += f"{who(by_pid[between[0]])}, which itself waits{others} for "
    return Verdict(
        _level(now, one), f"{said}{_holder(now, pid, by_pid.get(pid))}.", _release(pid, by_pid.get(pid))
    )


def _more(now: Now, waiting: Sequence[Session], by_pid: Mapping[int, Session]) -> Verdict:
    """In a word, those that wait behind the ones that are told of."""
    pids = dict.fromkeys(_chain(one, by_pid)[-1] for one in waiting)
    holders = [_named(pid, by_pid.get(pid)) for pid in [*pids][:_WAITS]]
    if len(pids) > _WAITS:
        holders.append(f"{len(pids) - _WAITS} others")
    wait = "waits" if len(waiting) == 1 else "wait"
    return Verdict(
        _level(now, waiting[0]),
        f"{now.counted(len(waiting), 'more session')} {wait}, in the end for {listed(holders)}.",
    )


def _chain(one: Session, by_pid: Mapping[int, Session]) -> list[int]:
    """The sessions between one that waits and the one that holds up all of them, and that one: it waits for none."""
    pids = [one.blocked_by[0]]
    while (following := by_pid.get(pids[-1])) and following.blocked_by:
        pid = following.blocked_by[0]
        if pid == one.pid or pid in pids:  # a deadlock, which PostgreSQL ends within a second
            break
        pids.append(pid)
    return pids


def _since(now: Now, one: Session) -> datetime:
    return one.waits_since or now.moment


def _level(now: Now, one: Session) -> Level:
    if now.is_overdue(_since(now, one)):
        return Level.BAD
    has_long = (now.moment - _since(now, one)).total_seconds() >= _MOMENT_SECONDS
    return Level.WARNING if has_long else Level.NOTE


def _named(pid: int, one: Session | None) -> str:
    if pid == 0:
        return "a prepared transaction"
    return who(one) if one else f"session {pid}"


def _holder(now: Now, pid: int, blocker: Session | None) -> str:
    """Who holds what somebody waits for, and what that one does."""
    if blocker is None:
        return _named(pid, None)
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
    if blocker and blocker.state and not blocker.is_running:
        do = "commit" if blocker.is_idle_in_transaction else "unlock it"
        return f"Let that program {do}, or end its session: `SELECT pg_terminate_backend({pid});`"
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
