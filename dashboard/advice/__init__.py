"""What state something is in and what to do about it: facts in, a verdict out."""

from dashboard.advice.cache import cache
from dashboard.advice.cache_words import (
    cache_biggest,
    cache_level,
    cache_level_state,
    cache_lifetimes,
    cache_replayed,
    cache_seen,
    cache_servers,
)
from dashboard.advice.database import database
from dashboard.advice.indexes import searched, trial
from dashboard.advice.plans import marks, plan, plan_line
from dashboard.advice.server import connections, found_in_memory, replication, transactions
from dashboard.advice.statements import counted_line, slow_help, statements, subject_line
from dashboard.advice.system import process_facts, spread, system
from dashboard.advice.verdict import PATIENCE, Level, Now, Verdict
from dashboard.advice.views import (
    LEVELS,
    OUTCOMES,
    backlog,
    facts,
    freshness,
    job,
    next_refresh,
    report,
    shelf,
)

__all__ = [
    "LEVELS",
    "OUTCOMES",
    "PATIENCE",
    "Level",
    "Now",
    "Verdict",
    "backlog",
    "cache",
    "cache_biggest",
    "cache_level",
    "cache_level_state",
    "cache_lifetimes",
    "cache_replayed",
    "cache_seen",
    "cache_servers",
    "connections",
    "counted_line",
    "database",
    "facts",
    "found_in_memory",
    "freshness",
    "job",
    "marks",
    "next_refresh",
    "plan",
    "plan_line",
    "process_facts",
    "replication",
    "report",
    "searched",
    "shelf",
    "slow_help",
    "spread",
    "statements",
    "subject_line",
    "system",
    "transactions",
    "trial",
]
