"""Troubles of the cache, each made for real, and the verdict on it; the record of reads; what operators do about it."""

import logging
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import psycopg
import pytest
from pydantic import SecretStr

from dashboard import cache_state
from dashboard.advice import Level, Now, Verdict, cache
from dashboard.cache import Value, key
from dashboard.data import DATABASE, Data
from dashboard.database import READER_ROLE, Database
from dashboard.errors import DatabaseUnavailable
from dashboard.notation import Notation
from dashboard.parts import begin, part
from dashboard.settings import Settings
from dashboard.telemetry import RECORDED_ROWS, prune
from dashboard.telemetry.recording import MOST_QUESTIONS_A_MINUTE, Recorded, Recording, Seen
from dashboard.window import Span
from tests import servers
from tests.reads import Admin, Opener, Unconfirmed, down, opening

DAILY, YEAR = "business/daily_sales", Span(date(2017, 1, 1), date(2018, 1, 1))
MARCH = Span(date(2017, 3, 1), date(2017, 4, 1))
RECORDED = "SELECT query, sum(reads)::int, sum(hits)::int FROM dashboard.recorded_reads GROUP BY 1 ORDER BY 1"


@pytest.fixture
def open_data(settings: Settings) -> Iterator[Opener]:
    with opening(settings) as opened:
        yield opened


@pytest.fixture
def data(open_data: Opener, database_url: str) -> Data:
    opened: Data = open_data(database_url)
    return opened


def flush(data: Data) -> None:
    data.statistics.flush(data.database)
    data.statistics.recording.flush(data.database, is_last=True)


def verdicts(data: Data) -> list[Verdict]:
    flush(data)
    state = cache_state.read(data)
    return cache(Now(state.now, Notation("en_US", "BRL")), state)


class TestTroubles:
    def test_a_cold_cache(self, data: Data) -> None:
        for month in range(1, 13):
            data.frame(DAILY, Span(date(2016, month, 1), date(2016, month, 2)))
        for month in range(1, 13):
            data.frame(DAILY, Span(date(2015, month, 1), date(2015, month, 2)))
        [verdict] = verdicts(data)
        assert verdict.level is Level.NOTE
        assert "Hit ratio 0.0% of 24 reads" in verdict.finding
        assert f"the cache is cold ({DAILY})" in verdict.finding

    def test_a_redis_of_one_megabyte_that_makes_no_room(
        self, open_data: Opener, database_url: str, tmp_path: Path
    ) -> None:
        arguments = ("--maxmemory", "1mb", "--maxmemory-policy", "noeviction")
        with servers.single(tmp_path / "valkey", *arguments) as server:
            data = open_data(
                database_url,
                redis_url=SecretStr(f"redis://127.0.0.1:{server.port}"),
                redis_timeout_seconds=5.0,
            )
            *_, store = data.reader.levels.backends
            rows = pl.DataFrame({"text": [f"{number:x}" * 9 for number in range(40_000)]})
            for number in range(4):
                store.set_many({key(DAILY, number): Value(rows, datetime.now(UTC), 3_600.0, 1, 1.0)})
            data.frame(DAILY, MARCH)
            worst, *others = verdicts(data)
            assert worst.level is Level.BAD
            assert "maxmemory-policy is noeviction" in worst.finding
            assert "New answers are refused" in worst.finding
            assert "`CONFIG SET maxmemory-policy allkeys-lru`" in worst.advice
            assert any("had no room for answers" in one.finding for one in others)

            server.stop()
            data.frame(DAILY, YEAR)
            gone = verdicts(data)[0]
            assert (gone.level, gone.finding.split(" (")[0]) == (Level.BAD, "Redis does not answer")
            state = cache_state.read(data)
            assert state.below is not None
            assert state.below.inspection is None
            assert state.traffic.get().all.reads == 2

    def test_most_misses_are_evictions(self, open_data: Opener, database_url: str) -> None:
        data = open_data(database_url, cache="memory", cache_memory_max_bytes=1_000_000)
        [memory] = data.reader.levels.backends
        rows = pl.DataFrame({"number": range(25_000)})
        for number in range(3):
            for month in range(1, 13):
                data.frame(DAILY, Span(date(2016, month, 1), date(2016, month, 2)))
            for other in range(6):
                large = Value(rows, datetime.now(UTC), 3_600.0, 1, 1.0)
                memory.set_many({key("large", number, other): large})
        [verdict] = verdicts(data)
        assert verdict.level is Level.WARNING
        assert f"most misses are evictions, most of {DAILY}" in verdict.finding
        assert (
            "Raise `DASHBOARD_CACHE_MEMORY_MAX_BYTES` (it is 1 MB), or keep less: large takes"
            in verdict.advice
        )

    def test_a_redis_that_is_too_small(self, open_data: Opener, database_url: str, tmp_path: Path) -> None:
        arguments = ("--maxmemory", "4mb", "--maxmemory-policy", "allkeys-lru")
        with servers.single(tmp_path / "valkey", *arguments) as server:
            url = SecretStr(f"redis://127.0.0.1:{server.port}")
            data = open_data(
                database_url, redis_url=url, redis_timeout_seconds=5.0, cache_memory_max_bytes=1_000
            )
            *_, store = data.reader.levels.backends
            rows = pl.DataFrame({"number": range(2_500)})
            for number in range(3):
                for month in range(1, 13):
                    data.frame(DAILY, Span(date(2016, month, 1), date(2016, month, 2)))
                for other in range(400):
                    store.set_many(
                        {key("large", number, other): Value(rows, datetime.now(UTC), 3_600.0, 1, 1.0)}
                    )
            [verdict] = verdicts(data)
            assert "evictions" in verdict.finding
            assert "Raise its `maxmemory` (it is 4.19 MB), or keep less: large takes most" in verdict.advice

    def test_without_its_database_the_levels_are_told(
        self, data: Data, database_url: str, server: str
    ) -> None:
        data.frame(DAILY, MARCH)
        with down(server, database_url):
            state = cache_state.read(data)
            assert state.traffic.error is not None
            assert [one.name for one in state.levels] == ["memory", "disk"]
            assert state.levels[1].inspection is not None
            assert DAILY in [use.tag for use in state.levels[1].inspection.tags]

    def test_without_a_right_one_part_fails_alone(self, data: Data, admin: Admin) -> None:
        data.frame(DAILY, MARCH)
        flush(data)
        admin(f"REVOKE SELECT ON dashboard.recorded_reads FROM {READER_ROLE}")
        state = cache_state.read(data)
        assert "lacks a right" in str(state.what_if.error)
        assert state.traffic.get().all.reads == 1
        assert state.failure is None

    def test_what_all_parts_failed_for_is_one_failure(self, data: Data, database_url: str) -> None:
        with psycopg.connect(database_url) as holder:
            holder.execute("LOCK TABLE dashboard.read_statistics, dashboard.recorded_reads")
            state = cache_state.read(data)
        assert "Somebody holds what this needs" in str(state.failure)

    def test_a_database_that_goes_meanwhile_is_asked_for_no_more_parts(
        self, data: Data, admin: Admin
    ) -> None:
        with data.database.snapshot() as snapshot:
            begin(snapshot)
            admin(
                "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity"
                " WHERE datname = current_database() AND state = 'idle in transaction'"
            )
            with pytest.raises(DatabaseUnavailable):
                part(snapshot, lambda snapshot: snapshot.frame("SELECT 1 AS one"))


class TestTraffic:
    def test_each_query_tells_its_reads_by_outcome(self, data: Data) -> None:
        for _ in range(3):
            data.frame(DAILY, MARCH)
        data.frame(DAILY, MARCH, True)
        data.frame("business/data_span")
        flush(data)
        state = cache_state.read(data, cache_state.SPANS["week"])
        told = state.traffic.get()
        daily, span = told.table().to_dicts()
        assert (daily["query"], daily["reads"], daily["hit_share"]) == (DAILY, 4, 0.5)
        assert (daily["cold"], daily["bypass"], daily["expired"]) == (1, 1, 0)
        assert (span["query"], span["reads"]) == ("business/data_span", 1)
        assert daily["spent_seconds"] > 0
        waits = {(row["query"], row["source"]): row for row in told.waits.to_dicts()}
        assert waits[DAILY, "memory"]["reads"] == 2
        assert waits[DAILY, "memory"]["median_ms"] <= waits[DAILY, "memory"]["p95_ms"]
        course = state.course.get()
        assert dict(course.group_by("outcome").agg(pl.col("reads").sum()).iter_rows()) == {
            "memory": 2,
            "database": 3,
        }

    def test_reads_past_the_cache_are_none_of_those_that_ask_it(self, data: Data) -> None:
        for _ in range(2):
            data.frame(DAILY, MARCH)
        data.statistics.record(DAILY, DATABASE, elapsed_ms=1)
        data.statistics.record(DAILY, DATABASE, elapsed_ms=1, is_coalesced=True)
        flush(data)
        told = cache_state.read(data).traffic.get().all
        assert (told.reads, told.exports, told.asked, told.hit_share) == (4, 1, 3, pytest.approx(1 / 3))


class TestRecord:
    def test_reads_are_recorded_by_question_and_those_of_the_warm_up_count_none(
        self, data: Data, admin: Admin
    ) -> None:
        for _ in range(3):
            data.frame(DAILY, MARCH)
        data.reading(is_asked=False).frame("business/data_span")
        flush(data)
        assert admin(RECORDED) == [("business/daily_sales", 3, 2), ("business/data_span", 0, 0)]
        told = cache_state.read(data).what_if.get()
        assert told is not None
        assert (told.as_set.reads, told.as_set.hits, told.as_set.computed) == (3, 2, 2)

    def test_what_another_program_wrote_in_its_own_way_is_left_out(self, data: Data, admin: Admin) -> None:
        data.frame(DAILY, MARCH)
        data.frame("business/data_span")
        flush(data)
        admin(f"UPDATE dashboard.recorded_reads SET blocks = '\\x05aa' WHERE query = '{DAILY}'")
        told = cache_state.read(data).what_if.get()
        assert told is not None
        assert told.questions == 1

    def test_a_write_whose_commit_was_not_confirmed_counts_once(self, data: Data, admin: Admin) -> None:
        data.frame(DAILY, MARCH)
        recording = data.statistics.recording
        with pytest.raises(Exception, match="broken"):
            recording.flush(Unconfirmed(data.database), is_last=True)  # type: ignore[arg-type]
        assert recording.flush(data.database, is_last=True) == 1
        assert recording.flush(data.database, is_last=True) == 0
        assert admin(RECORDED) == [("business/daily_sales", 1, 0)]

    def test_a_minute_is_written_when_it_is_over_and_holds_so_many_questions(
        self, database: Database
    ) -> None:
        recording = Recording("process")
        for number in range(MOST_QUESTIONS_A_MINUTE + 2):
            question = Recorded(number.to_bytes(6, "big"), DAILY, "default", ())
            seen = Seen(question, 1, is_fresh=False, is_hit=True, database_ms=1.0)
            recording.add(seen, minute=1, at=60.0, reads=1)
        assert recording.left_out == 2
        recording.end(1)
        assert recording.flush(database) == 0
        recording.end(2)
        assert recording.flush(database) == MOST_QUESTIONS_A_MINUTE

    def test_old_ones_and_all_but_the_newest_are_deleted(self, database: Database, admin: Admin) -> None:
        admin(
            "INSERT INTO dashboard.recorded_reads SELECT now() - n * interval '1 second', 'p', '', 1, false, 'q',"
            f" 'default', now(), 1, 1, 1, '' FROM generate_series(1, {RECORDED_ROWS + 10}) AS n"
        )
        prune(database)
        assert admin("SELECT count(*)::int FROM dashboard.recorded_reads") == [(RECORDED_ROWS + 1,)]
        admin("UPDATE dashboard.recorded_reads SET minute = minute - interval '9 days'")
        prune(database)
        assert admin("SELECT count(*)::int FROM dashboard.recorded_reads") == [(0,)]


class TestActions:
    def test_a_query_is_made_invalid_and_warmed(self, data: Data, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.INFO)
        data.reading().extent()
        data.frame(DAILY, MARCH)
        cache_state.invalidate(data, DAILY, "a test")
        done = cache_state.warm(data, "daily_sales_metrics", "a test")
        assert (done.asked, done.computed) == (2, 1)  # the days that there is data for are another question
        assert data.frame(DAILY, MARCH).provenance.source != DATABASE
        assert cache_state.warm(data, "business/customers", "a test").asked == 0
        assert f"cache: {DAILY} was made invalid by a test" in caplog.text
        assert "cache: daily_sales_metrics is to be warmed, as a test asked" in caplog.text
        assert "cache: daily_sales_metrics was warmed by a test: 2 questions" in caplog.text

    def test_what_was_asked_for_in_vain_is_logged_too(
        self, data: Data, database_url: str, server: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        with down(server, database_url), pytest.raises(DatabaseUnavailable):
            cache_state.invalidate(data, DAILY, "a test")
        assert (
            f"cache: {DAILY} could not be made invalid by a test: PostgreSQL does not answer" in caplog.text
        )

    def test_subjects_are_queries_and_what_they_read(self, data: Data) -> None:
        known = cache_state.subjects(data.catalogue, ["weather/forecast", DAILY])
        assert known[DAILY] == "query"
        assert known["daily_sales_metrics"] == "relation"
        assert known["weather/forecast"] == "tag"
        assert not any(name.startswith("ops/") for name in known)
        assert DAILY in cache_state.queries_of(data.catalogue, "daily_sales_metrics")
