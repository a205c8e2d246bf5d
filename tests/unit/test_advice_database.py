"""What operators are told of the database: the worst first, and how bad it is."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dashboard import advice
from dashboard.advice import Level, Now, Verdict
from dashboard.advice.server import replica, replication, server, slot
from dashboard.advice.sessions import sessions
from dashboard.advice.tables import tables
from dashboard.database_state import (
    Candidate,
    DatabaseState,
    Part,
    Replica,
    Server,
    Session,
    Slot,
    Statement,
    Trial,
)
from dashboard.database_state.columns import Column
from dashboard.database_state.wishes import Wish
from dashboard.errors import DatabaseError, MissingRights
from dashboard.notation import Notation
from tests.unit.test_database_state import table

MOMENT = datetime(2025, 3, 20, 12, tzinfo=UTC)
NOTATION = Notation("en_US", "BRL")
NOW = Now(MOMENT, NOTATION)


def session(
    pid: int, *blocked_by: int, waits: float | None = None, since: float = 90, **chosen: Any
) -> Session:
    began = MOMENT - timedelta(seconds=since)
    facts = {
        "user_name": "shop",
        "application_name": "till",
        "kind": None,
        "state": "active",
        "query": "SELECT 1",
        "transaction_since": began,
        "statement_since": began,
        "state_since": began,
        "waits_since": None if waits is None else MOMENT - timedelta(seconds=waits),
    }
    return Session(pid=pid, blocked_by=blocked_by, **facts | chosen)


def of_server(**chosen: Any) -> Server:
    facts = {
        "version": "18.6",
        "role": "daybook_reader",
        "sees_all": True,
        "is_replica": False,
        "replay_lag_seconds": None,
        "max_connections": 100,
        "reserved_connections": 3,
        "connections": 12,
        "blocks_hit": 990_000,
        "blocks_read": 10_000,
        "counted_since": None,
        "size_bytes": 1,
        "transaction_age": 50_000_000,
        "freeze_age": 200_000_000,
        "oldest_database": "shop",
        "is_autovacuum_on": True,
    }
    return Server(**facts | chosen)


def state(**chosen: Any) -> DatabaseState:
    parts: dict[str, Any] = {
        "server": of_server(),
        "sessions": (),
        "tables": (table(),),
        "indexes": (),
        "growth": {},
        "sizes": (),
        "free_shares": None,
        "counted": (),
        "missing": (),
        "replicas": (),
        "slots": (),
    }
    told = {name: it if isinstance(it, Part) else Part(it) for name, it in (parts | chosen).items()}
    return DatabaseState(MOMENT, **told)


def told(**chosen: Any) -> list[Verdict]:
    return advice.database(NOW, state(**chosen), long_seconds=60, unused_days=14)


class TestSessions:
    @pytest.mark.parametrize(
        ("waits", "level"), [(0.1, Level.NOTE), (5, Level.WARNING), (61, Level.BAD), (None, Level.NOTE)]
    )
    def test_waiting_is_worse_the_longer_it_lasts(self, waits: float | None, level: Level) -> None:
        [verdict] = sessions(NOW, [session(1, 2, waits=waits), session(2)], 60)
        assert verdict.level is level
        assert "Session 1 (shop, till) has waited" in verdict.finding
        assert "for session 2 (shop, till), which runs a statement for 90 s." in verdict.finding
        assert "pg_cancel_backend(2)" in verdict.advice

    def test_holder_may_be_idle_or_wait_itself_or_be_unknown_or_prepared(self) -> None:
        idle = session(4, state="idle in transaction")
        known = [session(1, 2), session(2, 4), session(3, 0), idle, session(5, 6, user_name=None)]
        first, second, third, last = sessions(NOW, known, 60)
        assert "which itself waits for session 4" in first.finding
        assert "pg_terminate_backend(4)" in second.advice
        assert "a prepared transaction" in third.finding
        assert last.finding == "Session 5 (till) has waited 0 ms for session 6."

    def test_all_in_a_chain_are_told_of_the_one_that_holds_them_up(self) -> None:
        held = session(9, kind="autovacuum worker", application_name=None, user_name=None)
        queue = [session(pid, pid + 1, waits=9 - pid) for pid in range(1, 9)]
        *told, more = sessions(NOW, [*queue, held], 60)
        assert len(told) == 5
        assert (
            "for session 2 (shop, till), which itself waits with 6 others for session 9 (" in told[0].finding
        )
        assert all("which runs a statement for 90 s." in one.finding for one in told)
        assert all("pg_cancel_backend(9)" in one.advice for one in told)
        assert more.finding == "3 more sessions wait, in the end for session 9 (autovacuum worker)."

    def test_of_a_deadlock_each_is_told_to_wait_for_another(self) -> None:
        first, _ = sessions(NOW, [session(1, 2), session(2, 1)], 60)
        assert "Session 1 (shop, till) has waited 0 ms for session 2" in first.finding

    def test_long_ones_are_told_from_the_limit_on(self) -> None:
        known = [session(1, since=59), session(2, since=61), session(3, since=61, state="idle")]
        [verdict] = sessions(
            NOW, [*known, session(4, state=None, statement_since=None, state_since=None)], 60
        )
        assert "Session 2 (shop, till) has been running a statement for 61 s." in verdict.finding


@pytest.mark.parametrize(
    ("chosen", "words", "level"),
    [
        ({"connections": 78}, "78 connections of 100 are taken", Level.WARNING),
        ({"connections": 93}, "93 connections of 100 are taken", Level.BAD),
        ({"blocks_read": 900_000}, "52.4% were found", Level.NOTE),
        ({"transaction_age": 300_000_000}, "300,000,000 transactions old", Level.WARNING),
        ({"transaction_age": 1_000_000_000}, "in database shop", Level.BAD),
        ({"transaction_age": 1_000_000_000, "freeze_age": 1_500_000_000}, "in database shop", Level.BAD),
        ({"is_replica": True, "replay_lag_seconds": 31.0}, "31 s ago", Level.WARNING),
        ({"is_replica": True, "replay_lag_seconds": 601.0}, "10 min ago", Level.BAD),
    ],
)
def test_server_is_told_of_what_runs_out(chosen: dict[str, Any], words: str, level: Level) -> None:
    assert not list(server(NOW, of_server()))
    [verdict] = server(NOW, of_server(**chosen))
    assert (words in verdict.finding, verdict.level) == (True, level)


def test_oldest_table_is_named_if_it_is_the_oldest_of_all() -> None:
    old = of_server(transaction_age=300_000_000)
    tables = (table(), table("shop.old", transaction_age=300_000_000))
    [verdict] = server(NOW, old, tables)
    assert verdict.advice.endswith("then run `VACUUM (FREEZE) shop.old;`.")
    [verdict] = server(NOW, old, tables[:1])
    assert verdict.advice.endswith("then run `VACUUM (FREEZE);` in shop.")


def test_replica_that_is_behind() -> None:
    near = Replica(7, "standby", None, "streaming", "async", 1_000, 0.1)
    assert replica(NOW, near) is None
    assert replication(NOW, of_server(), [near]) == "It has 1 replica."
    assert (
        replication(NOW, of_server(is_replica=True, replay_lag_seconds=2.0), []) == "A replica, 2 s behind."
    )
    far = replica(NOW, Replica(7, None, None, None, None, 300_000_000, None))
    assert far
    assert far.finding == "The replica 7 is 300 MB behind."


@pytest.mark.parametrize(
    ("chosen", "level"),
    [
        ({"kept_bytes": 16 << 20}, None),
        ({"kept_bytes": 1 << 30}, Level.WARNING),
        ({"kept_bytes": 1 << 34}, Level.BAD),
        ({"kept_bytes": 1 << 34, "is_active": True}, None),
        ({"kept_bytes": None}, None),
        ({"is_lost": True}, Level.WARNING),
    ],
)
def test_slot_that_nobody_follows_is_told_by_what_is_kept_for_it(
    chosen: dict[str, Any], level: Level | None
) -> None:
    facts: dict[str, Any] = {"name": "standby", "is_active": False, "is_lost": False, "kept_bytes": None}
    verdict = slot(NOW, Slot(**facts | chosen))
    assert (verdict and verdict.level) == level
    assert verdict is None or "pg_drop_replication_slot('standby')" in verdict.advice


def test_tables_are_told_by_how_they_are_left_alone() -> None:
    assert not list(tables(NOW, [table()], {}, is_vacuumed=True))
    due = {"inserted_rows": 30_000, "vacuumed_at": None}
    [note] = tables(NOW, [table(**due)], {}, is_vacuumed=True)
    assert (note.level, "within minutes" in note.advice) == (Level.NOTE, True)
    [warning] = tables(NOW, [table(**due, is_autovacuumed=False)], {}, is_vacuumed=True)
    assert (warning.level, "RESET" in warning.advice) == (Level.WARNING, True)
    off, stale = tables(NOW, [table(modified_rows=30_000)], {}, is_vacuumed=False)
    assert off.level is Level.BAD
    assert "stale" in stale.finding
    [dead] = tables(NOW, [table(f"shop.t{n}", dead_rows=50_000) for n in range(5)], {}, is_vacuumed=True)
    assert "shop.t2 (33.3%) and 2 more." in dead.finding


class TestDatabase:
    def test_is_well(self) -> None:
        [verdict] = told()
        assert (verdict.level, verdict.finding) == (
            Level.GOOD,
            "The database is well, by a look at 1 table.",
        )

    def test_of_a_replica_it_is_not_told_that_its_tables_were_never_analyzed(self) -> None:
        stale = (table(analyzed_at=None),)
        assert len(told(tables=stale)) == 2
        replica = of_server(is_replica=True, replay_lag_seconds=0.0)
        assert [one.level for one in told(tables=stale, server=replica)] == [Level.GOOD]

    def test_worst_comes_first(self) -> None:
        verdicts = told(
            server=of_server(sees_all=False, is_autovacuum_on=False), tables=(table(dead_rows=50_000),)
        )
        assert [one.level for one in verdicts] == [Level.BAD, Level.WARNING, Level.NOTE]

    def test_nothing_is_said_of_what_could_not_be_read_but_why(self) -> None:
        error = MissingRights("no")
        unread = dict.fromkeys(
            ("server", "sessions", "tables", "indexes", "missing", "counted", "replicas"), Part(None, error)
        )
        names = (
            "the server, sessions, tables, indexes, the statements of others, missing indexes and replicas"
        )
        assert told(**unread) == [Verdict(Level.NOTE, f"Not read: {names}.", "no")]
        assert replication(NOW, of_server(), None) == "Whether it has replicas could not be read."

    @pytest.mark.parametrize(("part", "is_well"), [("sessions", False), ("server", False), ("growth", True)])
    def test_is_not_called_well_while_that_is_not_known(self, part: str, is_well: bool) -> None:
        *_, note = verdicts = told(**{part: Part(None, DatabaseError("held"))})
        assert (note.finding.startswith("Not read: "), note.advice) == (True, "held")
        assert (len(verdicts) == 2) is is_well

    def test_tables_whose_values_are_hidden_are_told(self) -> None:
        [_, note] = told(tables=(table(is_readable=False), table("shop.small", is_readable=False, rows=9)))
        assert "not looked for on shop.orders, since daybook_reader may not read it" in note.finding
        assert note.advice == "`GRANT SELECT ON shop.orders TO daybook_reader;`"

    def test_counters_alone_speak_where_statements_are_unknown(self) -> None:
        large = table("shop.large", seq_scans=7, seq_rows=700_000)
        _, note, _ = told(counted=Part(None, DatabaseError("no")), tables=(large,))
        assert "1 large table is read in full more often than by an index: shop.large." in note.finding


PERSON = (Column("person", "person", 5_000.0, 4, has_order=True),)


class TestTrial:
    CANDIDATE = Candidate(
        Wish(table(), PERSON, None, is_join=False, known=PERSON),
        statements=(Statement("SELECT", 3, 42.0, "business/x"), Statement("DELETE")),
        index_bytes=2_000_000,
        inserts_a_day=None,
        number_of_indexes=3,
    )

    @pytest.mark.parametrize(
        ("after_ms", "is_used", "level", "words"),
        [
            (0.03, True, Level.GOOD, "It is worth making, and would take about 1.5 MB."),
            (7.0, True, Level.NOTE, "it gains too little"),
            (12.0, False, Level.NOTE, "PostgreSQL does not use it"),
        ],
    )
    def test_says_whether_it_is_worth_it(
        self, after_ms: float, is_used: bool, level: Level, words: str
    ) -> None:
        trial = Trial(50_000, 12.0, after_ms, 900.0, 8.3, is_used=is_used, index_bytes=1_500_000)
        verdict = advice.trial(NOW, self.CANDIDATE, trial)
        assert (verdict.level, words in verdict.advice) == (level, True)
        assert "took 12 ms without" in verdict.finding

    def test_of_no_rows_says_so(self) -> None:
        assert "no rows" in advice.trial(NOW, self.CANDIDATE, None).finding

    def test_what_it_costs_is_told(self) -> None:
        facts = advice.searched(NOW, self.CANDIDATE)
        assert facts["Asked by"] == "business/x and others' statements; 3 calls, 42 ms in all"
        assert facts["Would take"] == "about 2 MB"
        assert "as in the 3 indexes" in facts["Would cost writers"]
