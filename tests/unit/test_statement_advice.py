"""What the operators are told of statements, from facts; real troubles are in tests/integration."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest

from dashboard import advice
from dashboard.advice import Level, Now, Verdict
from dashboard.errors import DatabaseError
from dashboard.notation import Notation
from dashboard.parts import Part
from dashboard.statements import Counted, Period, Statements, Statistics

MOMENT = datetime(2025, 3, 20, 12, tzinfo=UTC)
NOW = Now(MOMENT, Notation("en_US", "BRL"))
COUNTING = Statistics("public.", is_available=True, is_loaded=True, is_tracking=True, taken_at=MOMENT)
NO_ROWS = pl.DataFrame(schema={"spilled_bytes": pl.Int64, "query": pl.String, "calls": pl.Int64})
COUNTED = Counted(NO_ROWS, MOMENT - timedelta(hours=1), MOMENT, (), 0, 0, pl.DataFrame())


def slow(**chosen: Any) -> dict[str, Any]:
    facts = {"slow": 12, "failed": 0, "timed_out": 0, "unavailable": 0, "longest_seconds": 1.5}
    told = {"asker": "page /sales", "wait_seconds": 1.0, "run_seconds": 14.0, "last_at": MOMENT}
    return {"query": "business/x", "error": None} | facts | told | chosen


def told(*rows: dict[str, Any], **chosen: Any) -> list[Verdict]:
    known = (
        Part(pl.DataFrame(list(rows), schema_overrides={"asker": pl.String}))
        if rows
        else Part(pl.DataFrame())
    )
    whole = Statements(MOMENT, Period(24), "", known, known, Part(COUNTING), Part(COUNTED))
    return advice.statements(NOW, replace(whole, **chosen), 1.0)


def test_all_is_well() -> None:
    assert told() == [
        Verdict(Level.GOOD, "No statement took longer than 1 s or failed in the last 24 hours.")
    ]


def test_running_and_waiting_are_told_apart() -> None:
    [running] = told(slow())
    assert running.finding == (
        "business/x was slow 12 times in the last 24 hours (the longest took 1.5 s), mostly for page /sales."
    )
    assert "have its plan measured" in running.advice
    [waiting] = told(slow(wait_seconds=13.0, run_seconds=2.0, asker=""))
    assert "mostly for" not in waiting.finding
    assert "86.7% of that it waited for a place" in waiting.advice
    assert "`DASHBOARD_MAX_STATEMENTS`" in waiting.advice


@pytest.mark.parametrize(
    ("why", "said"),
    [
        ({"timed_out": 3}, "`DASHBOARD_STATEMENT_TIMEOUT_SECONDS`"),
        ({"unavailable": 3}, "`DASHBOARD_MAX_STATEMENTS`"),
        ({"error": "No column x."}, "What was said last: No column x."),
    ],
)
def test_failures_come_first_and_say_why(why: dict[str, Any], said: str) -> None:
    bad, *others = told(slow(query="a"), slow(query="b", slow=0, failed=3, **why))
    assert (bad.level, len(others)) == (Level.BAD, 1)
    assert bad.finding == "b failed 3 times in the last 24 hours, last just now."
    assert said in bad.advice


@pytest.mark.parametrize(
    ("lacks", "said"),
    [
        ({"schema": None, "is_available": False, "is_loaded": False}, "Install the package"),
        ({"is_loaded": False}, "`shared_preload_libraries`, restart PostgreSQL."),
        ({"schema": None, "is_loaded": False}, "and run `CREATE EXTENSION pg_stat_statements`"),
        ({"schema": None}, "Let an administrator run `CREATE EXTENSION pg_stat_statements`"),
        ({"is_tracking": False}, "Set it to `top`"),
    ],
)
def test_what_keeps_postgresql_from_counting(lacks: dict[str, Any], said: str) -> None:
    good, note = told(statistics=Part(replace(COUNTING, **lacks)))
    assert (good.level, note.level) == (Level.GOOD, Level.NOTE)
    assert said in note.advice


def test_spills_evictions_and_hidden_statements() -> None:
    rows = pl.DataFrame(
        {"spilled_bytes": [20_000_000, 80_000_000], "query": [None, "business/x"], "calls": [1, 4]}
    )
    found = told(counted=Part(replace(COUNTED, rows=rows, hidden=3, evictions=2)))
    assert [verdict.level for verdict in found] == [Level.WARNING, Level.NOTE, Level.NOTE]
    assert found[0].finding == (
        "business/x sorted or hashed 80 MB on disk in 4 calls, for want of memory. 1 other did as well."
    )
    assert "header of queries/business/x.sql" in found[0].advice
    assert "`GRANT pg_read_all_stats TO`" in found[1].advice
    assert "2 times" in found[2].finding


def test_what_could_not_be_read_is_no_good_news() -> None:
    [note] = told(slow=Part(None, DatabaseError("No.")))
    assert note == Verdict(Level.NOTE, "Which statements were slow can't be read.", "No.")


def test_counts_that_grow_old_say_why() -> None:
    good, note = told(trouble=DatabaseError("No."))
    assert good.level is Level.GOOD
    assert note.level is Level.NOTE
    assert note.advice == "No."


def test_time_of_the_counts() -> None:
    reset = replace(COUNTED, reset_at=(MOMENT - timedelta(minutes=5),))
    assert advice.counted_line(NOW, COUNTED) == "From 60 min ago to just now."
    assert "set to zero 5 min ago" in advice.counted_line(NOW, reset)
    assert "not written down yet" in advice.counted_line(NOW, replace(COUNTED, since=None, until=None))
