"""The sessions of the database: who runs what for how long, and who waits for whom."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl

from dashboard.database import Snapshot
from dashboard.parts import OWN, asked

SESSIONS = 200
HIDDEN = "<insufficient privilege>"
NOT_SHOWN = "(not shown, since it may hold a secret)"
IDLE_IN_TRANSACTION = ("idle in transaction", "idle in transaction (aborted)")

_SECRET = re.compile(r"passw|secret|token|api_?key|://[^\s/@]+:[^\s/@]+@", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody's connection. ``state``, ``query`` and times are None where they may not be seen.

    ``kind`` is what it is if it is no program's, such as ``autovacuum worker``: told of those that others wait for.
    ``blocked_by`` are the numbers of the sessions that it waits for since ``waits_since``; 0 is a prepared
    transaction, which has no session.
    """

    pid: int
    user_name: str | None
    application_name: str | None
    kind: str | None
    state: str | None
    query: str | None
    transaction_since: datetime | None
    statement_since: datetime | None
    state_since: datetime | None
    waits_since: datetime | None
    blocked_by: tuple[int, ...]

    @property
    def is_idle_in_transaction(self) -> bool:
        return self.state in IDLE_IN_TRANSACTION

    @property
    def is_running(self) -> bool:
        return self.state == "active"


def sessions(snapshot: Snapshot) -> tuple[Session, ...]:
    """Those that run a statement, hold a transaction open or wait; these first. Raises DatabaseError."""
    return tuple(map(_session, asked(snapshot, "ops/sessions", own=OWN, number=SESSIONS).to_dicts()))


def _session(row: dict[str, Any]) -> Session:
    blocked_by = tuple(sorted({int(pid) for pid in (row.pop("blocked_by") or "").split(",") if pid}))
    return Session(**row | {"query": _harmless(row["query"])}, blocked_by=blocked_by)


def _harmless(query: str | None) -> str | None:
    """The text, unless it may hold a secret: of a role, a subscription, in the address of a server."""
    if query is None or query == HIDDEN:
        return None
    return NOT_SHOWN if _SECRET.search(query) else query


def rows(known: tuple[Session, ...]) -> pl.DataFrame:
    """A row a session, with ``waits_for`` (String: the numbers of others)."""
    rows = [
        {
            "pid": one.pid,
            "who": one.user_name,
            "application_name": one.kind or one.application_name,
            "state": one.state,
            "transaction_since": one.transaction_since,
            "statement_since": one.statement_since,
            "waits_for": ", ".join(map(str, one.blocked_by)),
            "query": one.query,
        }
        for one in known
    ]
    moment = pl.Datetime("us", "UTC")
    schema: dict[str, Any] = {
        "who": pl.String,
        "application_name": pl.String,
        "state": pl.String,
        "transaction_since": moment,
        "statement_since": moment,
        "query": pl.String,
    }
    return pl.DataFrame(rows, schema_overrides=schema, infer_schema_length=None)
