"""Reads through a cursor: frame by frame, in one state of the data."""

import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import date

import polars as pl
import pytest

from dashboard import explore
from dashboard.data import Data
from dashboard.database import Cancellation, Database
from dashboard.errors import DatabaseError, StatementCancelled
from dashboard.settings import Settings
from dashboard.statements.explaining import made
from dashboard.telemetry import asking
from dashboard.window import Span
from tests.reads import Admin, administering, opening, order, refresh, wait_until

NUMBERS = "SELECT n::integer AS n FROM generate_series($1::integer, $2::integer) AS n"
COUNTED = """
SELECT source, sum(reads)::int, sum(spent_ms), sum(elapsed_ms) FROM dashboard.read_statistics
WHERE query = 'explore/orders_behind' GROUP BY 1
"""
JANUARY = Span(date(2018, 1, 1), date(2018, 2, 1))


@pytest.fixture
def admin(database_url: str) -> Iterator[Admin]:
    with administering(database_url) as run:
        yield run


@pytest.mark.parametrize(
    ("last", "sizes"), [(0, [0]), (3, [3]), (10, [10]), (11, [10, 1]), (30, [10, 10, 10])]
)
def test_rows_come_in_frames_of_a_size(database: Database, last: int, sizes: list[int]) -> None:
    with database.snapshot() as snapshot:
        frames = [*snapshot.frames(NUMBERS, (1, last), rows=10)]
    assert [len(frame) for frame in frames] == sizes
    assert pl.concat(frames).equals(pl.DataFrame({"n": range(1, last + 1)}, schema={"n": pl.Int32}))


def test_frames_have_the_types_of_whole_answers(database: Database) -> None:
    sql = "SELECT 1.50::numeric(12, 2) AS amount, date '2018-01-01' AS day, 'x' AS name, NULL::integer AS nothing"
    with database.snapshot() as snapshot:
        [frame] = snapshot.frames(sql)
        assert frame.equals(snapshot.frame(sql))
        assert frame.schema == snapshot.frame(sql).schema


def test_a_statement_that_fails_says_why(database: Database) -> None:
    with pytest.raises(DatabaseError, match="division by zero"), database.snapshot() as snapshot:
        next(snapshot.frames("SELECT 1 / 0 AS n"))


def test_frames_can_be_left_and_others_read_after_them(database: Database) -> None:
    with database.snapshot() as snapshot:
        for _ in range(2):
            frames = snapshot.frames(NUMBERS, (1, 100), rows=10)
            next(frames)
            frames.close()  # type: ignore[attr-defined] # it is a generator
        assert snapshot.frame("SELECT 1 AS n").item() == 1


def test_giving_up_stops_the_next_frame(database: Database, admin: Admin) -> None:
    cancellation = Cancellation()

    def read() -> None:
        slow = "SELECT n, pg_sleep(0.2)::text AS slept FROM generate_series(1, 1000) AS n /* mine */"
        with database.long_snapshot(cancellation) as snapshot:
            for _ in snapshot.frames(slow, rows=1):
                cancellation.cancel()

    with pytest.raises(StatementCancelled):
        read()
    running = "SELECT FROM pg_stat_activity WHERE query LIKE '%/* mine */' AND state = 'active'"
    wait_until(lambda: not admin(running), "nothing runs any more")


def test_an_export_takes_no_place_of_readers(database_url: str, settings: Settings) -> None:
    narrow = Database(database_url, settings.model_copy(update={"max_statements": 1, "max_exports": 1}))
    with (
        narrow.long_snapshot(Cancellation()),
        narrow.snapshot(Cancellation()) as snapshot,
    ):
        assert snapshot.frame("SELECT 1 AS n").item() == 1
    narrow.close()


class TestStreamedOrders:
    @pytest.fixture
    def data(self, database_url: str, database: Database, admin: Admin, settings: Settings) -> Iterator[Data]:
        for day in (1, 2, 3):
            order(admin, date(2018, 1, day), 10 * day)
        refresh(database)
        with opening(settings) as opened:
            yield opened(database_url)

    def test_are_of_one_state_of_the_data_whatever_happens_meanwhile(
        self, data: Data, database: Database, admin: Admin
    ) -> None:
        with explore.streamed_orders(data, JANUARY, (), Cancellation()) as stream:
            admin("DELETE FROM shop.order_payments")
            admin("DELETE FROM shop.orders WHERE order_id = 'o0'")
            refresh(database)
            rows = pl.concat(stream.frames)
        assert stream.rows == len(rows) == 3
        assert rows["revenue"].sum() == 60
        with explore.streamed_orders(data, JANUARY, (), Cancellation()) as later:
            assert later.rows == 2
        assert later.provenance.version > stream.provenance.version
        assert later.provenance.data_through == date(2018, 1, 3)

    def test_are_counted_as_one_read_of_the_database_without_what_their_reader_did_meanwhile(
        self, data: Data, database: Database, admin: Admin
    ) -> None:
        with explore.streamed_orders(data, JANUARY, (), Cancellation()) as stream:
            for _ in stream.frames:
                time.sleep(1)
        data.statistics.flush(database)
        [(source, reads, spent_ms, elapsed_ms)] = admin(COUNTED)
        assert (source, reads) == ("database", 1)
        assert 0 < spent_ms < elapsed_ms - 1_000

    def test_count_as_failed_if_the_database_failed_and_not_if_their_reader_went(
        self, data: Data, database: Database, admin: Admin
    ) -> None:
        with (
            suppress(StatementCancelled),
            explore.streamed_orders(data, JANUARY, (), cancellation := Cancellation()) as stream,
        ):
            next(stream.frames)
            cancellation.cancel()
        with pytest.raises(OSError, match="full"), explore.streamed_orders(data, JANUARY, (), Cancellation()):
            raise OSError("the disk is full")
        data.statistics.flush(database)
        assert admin(COUNTED) == []
        admin("DROP TABLE dashboard.item_facts CASCADE")
        with (
            pytest.raises(DatabaseError),
            explore.streamed_orders(data, JANUARY, (), Cancellation()) as stream,
        ):
            next(stream.frames)
        data.statistics.flush(database)
        assert [row[:2] for row in admin(COUNTED)] == [("error", 1)]

    def test_are_known_by_their_query_where_postgresql_counts_them(self, data: Data, admin: Admin) -> None:
        with explore.streamed_orders(data, JANUARY, (), Cancellation()) as stream:
            assert [*stream.frames]
        [(text,)] = admin(
            "SELECT query FROM pg_stat_statements WHERE query ~ '^FETCH .*orders_behind' LIMIT 1"
        )
        assert made(str(text)) == "explore/orders_behind"

    def test_slow_ones_are_written_down_without_what_their_reader_did_meanwhile(
        self, data: Data, database: Database, admin: Admin, database_url: str, settings: Settings
    ) -> None:
        written = "SELECT asker, outcome, rows, run_ms FROM dashboard.slow_statements ORDER BY statement_id"
        with opening(settings) as opened:
            data = opened(database_url, slow_statement_seconds=1e-6)
            with asking("GET /export/orders.{kind}"):
                with explore.streamed_orders(data, JANUARY, (), Cancellation()) as stream:
                    for _ in stream.frames:
                        time.sleep(1)
                with (
                    suppress(StatementCancelled),
                    explore.streamed_orders(data, JANUARY, (), cancellation := Cancellation()) as stream,
                ):
                    next(stream.frames)
                    cancellation.cancel()
            data.statistics.statements.flush(database)
        [answered, given_up] = [row for row in admin(written) if row[0]]
        assert answered[:3] == ("GET /export/orders.{kind}", "answered", 3)
        assert given_up[:3] == ("GET /export/orders.{kind}", "given up", 3)
        assert 0 < answered[3] < 1_000
