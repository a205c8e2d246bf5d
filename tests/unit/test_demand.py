import json
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import IntEnum, StrEnum
from typing import Any

import pytest

from dashboard.cache import key
from dashboard.data import Asked
from dashboard.demand import (
    MOST_CHARACTERS,
    MOST_QUESTIONS_A_DAY,
    Demand,
    restored_params,
    restored_values,
    written_params,
    written_values,
)
from dashboard.errors import DatabaseUnavailable, ParameterError
from dashboard.window import Span, Window

DAILY = "business/daily_sales"
NOON_SECONDS = 1_514_808_000.0  # 2018-01-01 12:00 UTC
DAY_SECONDS = 86_400
WATERMARK = date(2017, 12, 31)
JUNE = Span(date(2017, 6, 1), date(2017, 7, 1))


class Colour(StrEnum):
    RED = "red"


class Size(IntEnum):
    SMALL = 1


class Clock:
    def __init__(self) -> None:
        self.now = NOON_SECONDS

    def __call__(self) -> float:
        return self.now


class Table:
    """What the database does with the rows: those of a key that is there replace it."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str, str], dict[str, Any]] = {}
        self.written = 0
        self.trouble: DatabaseUnavailable | None = None
        self.meanwhile: Callable[[], None] = lambda: None

    @contextmanager
    def quick_writer(self) -> Iterator["Table"]:
        if self.trouble:
            raise self.trouble
        yield self

    def execute(self, _: str, params: Mapping[str, Any]) -> int:
        rows = json.loads(params["rows"])
        keys = [(row["day"], row["process"], row["question"]) for row in rows]
        assert len({*keys}) == len(keys), "PostgreSQL refuses to write a row twice in a statement"
        self.meanwhile()
        self.kept |= dict(zip(keys, rows, strict=True))
        self.written += len(rows)
        return len(rows)

    def reads(self) -> list[int]:
        return [row["reads"] for row in self.kept.values()]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def table() -> Table:
    return Table()


@pytest.fixture
def demand(clock: Clock) -> Demand:
    return Demand("host:1:2", clock)


class TestCounting:
    def test_a_question_is_a_row_that_says_all_that_was_asked(self, demand: Demand, table: Table) -> None:
        for _ in range(3):
            demand.count(Asked(DAILY, JUNE, (("top", 5),)), WATERMARK)
        assert demand.flush(table) == 1
        [row] = table.kept.values()
        assert len(row.pop("question")) == 32
        assert row == {
            "day": "2018-01-01",
            "process": "host:1:2",
            "query": DAILY,
            "params": {"top": 5},
            "days": "[2017-06-01,2017-07-01)",
            "watermark": "2017-12-31",
            "reads": 3,
        }

    def test_another_query_range_parameter_or_watermark_is_another_question(
        self, demand: Demand, table: Table
    ) -> None:
        for read, watermark in (
            (Asked(DAILY, JUNE, ()), WATERMARK),
            (Asked("business/customers", JUNE, ()), WATERMARK),
            (Asked(DAILY, JUNE.shift(1), ()), WATERMARK),
            (Asked(DAILY, None, ()), None),
            (Asked(DAILY, JUNE, (("top", 5),)), WATERMARK),
            (Asked(DAILY, JUNE, (("top", "5"),)), WATERMARK),
            (Asked(DAILY, JUNE, (("top", Decimal("5.5")),)), WATERMARK),
            (Asked(DAILY, JUNE, ()), WATERMARK + timedelta(days=1)),
            (Asked(DAILY, JUNE, ()), None),
        ):
            demand.count(read, watermark)
        demand.flush(table)
        assert table.reads() == [1] * 9

    def test_the_same_in_other_words_is_one_question(self, demand: Demand, table: Table) -> None:
        window = Window(JUNE.start, JUNE.end, WATERMARK)
        demand.count(Asked(DAILY, JUNE, (("a", 1), ("b", Colour.RED))), WATERMARK)
        demand.count(Asked(DAILY, JUNE, (("b", "red"), ("a", Size.SMALL))), WATERMARK)
        demand.count(Asked(DAILY, window, (("a", 1), ("b", "red"))), WATERMARK)
        demand.flush(table)
        assert table.reads() == [3]

    def test_there_are_so_many_a_day_and_no_more(self, demand: Demand, table: Table, clock: Clock) -> None:
        for number in range(MOST_QUESTIONS_A_DAY + 10):
            demand.count(Asked(DAILY, None, (("top", number),)), None)
        demand.count(Asked(DAILY, None, (("top", 0),)), None)
        assert demand.flush(table) == len(table.kept) == MOST_QUESTIONS_A_DAY
        assert table.reads()[0] == 2
        clock.now += DAY_SECONDS
        demand.flush(table)
        demand.count(Asked(DAILY, None, (("top", MOST_QUESTIONS_A_DAY),)), None)
        assert demand.flush(table) == 1

    @pytest.mark.parametrize(
        "value",
        [
            "x" * MOST_CHARACTERS,
            tuple(range(MOST_CHARACTERS)),
            frozenset({1, 2}),
            b"bytes",
            ("x" * 999, "y" * 9),
        ],
    )
    def test_what_takes_much_room_or_has_no_json_is_not_counted(
        self, demand: Demand, table: Table, value: object
    ) -> None:
        demand.count(Asked(DAILY, None, (("value", value),)), None)
        assert demand.flush(table) == 0

    def test_no_read_of_any_thread_is_lost_while_they_are_written(self, demand: Demand, table: Table) -> None:
        threads, reads = 4, 3_000
        are_counted = threading.Event()

        def count(_: int) -> None:
            for n in range(reads):
                demand.count(Asked(DAILY, JUNE.shift(n % 3), ()), WATERMARK)

        def write() -> None:
            while not are_counted.is_set():
                demand.flush(table)

        with ThreadPoolExecutor(threads + 1) as pool:
            writing = pool.submit(write)
            for counting in [pool.submit(count, number) for number in range(threads)]:
                counting.result()
            are_counted.set()
            writing.result()
        demand.flush(table)
        assert sum(table.reads()) == threads * reads


class TestFlush:
    def test_writes_what_came_since_as_the_sum_so_far(self, demand: Demand, table: Table) -> None:
        for reads in (1, 2):
            demand.count(Asked(DAILY, JUNE, ()), WATERMARK)
            assert demand.flush(table) == 1
            assert table.reads() == [reads]
        assert demand.flush(table) == 0

    def test_what_could_not_be_written_is_written_later(self, demand: Demand, table: Table) -> None:
        demand.count(Asked(DAILY, JUNE, ()), WATERMARK)
        table.trouble = DatabaseUnavailable("down")
        with pytest.raises(DatabaseUnavailable):
            demand.flush(table)
        table.trouble = None
        demand.flush(table)
        assert table.reads() == [1]

    def test_reads_that_come_while_it_writes_are_written_next(self, demand: Demand, table: Table) -> None:
        demand.count(Asked(DAILY, JUNE, ()), WATERMARK)
        table.meanwhile = lambda: demand.count(Asked(DAILY, JUNE, ()), WATERMARK)
        demand.flush(table)
        table.meanwhile = lambda: None
        assert table.reads() == [1]
        demand.flush(table)
        assert table.reads() == [2]

    def test_a_new_day_begins_once_the_one_before_is_written(
        self, demand: Demand, table: Table, clock: Clock
    ) -> None:
        demand.count(Asked(DAILY, JUNE, ()), WATERMARK)
        table.trouble = DatabaseUnavailable("down over midnight")
        clock.now += DAY_SECONDS
        with pytest.raises(DatabaseUnavailable):
            demand.flush(table)
        demand.count(Asked(DAILY, JUNE, ()), WATERMARK)
        table.trouble = None
        demand.flush(table)
        demand.count(Asked(DAILY, JUNE, ()), WATERMARK)
        demand.flush(table)
        assert [(row["day"], row["reads"]) for row in table.kept.values()] == [
            ("2018-01-01", 2),
            ("2018-01-02", 1),
        ]


class TestParams:
    @pytest.mark.parametrize(
        "value",
        [
            None,
            True,
            False,
            0,
            -(2**70),
            1.0,
            0.1,
            1e16,
            float("-inf"),
            Decimal("1.50"),
            Decimal("NaN"),
            date(2017, 6, 1),
            datetime(2017, 6, 1, 12, 30, 0, 1),
            datetime(2017, 6, 1, tzinfo=UTC),
            "",
            "São Paulo",
            '{"date": "2017-06-01"}',
            (),
            ("SP", None),
            (date(2017, 6, 1), (Decimal("0.10"), 2)),
        ],
    )
    def test_come_back_as_the_very_values_that_they_were(self, value: object) -> None:
        text = written_params((("value", value),))
        assert text is not None
        restored = restored_params(text)["value"]
        assert repr(restored) == repr(value)
        assert key("tag", restored) == key("tag", value)

    @pytest.mark.parametrize("value", [Colour.RED, Size.SMALL])
    def test_members_of_enumerations_come_back_as_what_the_cache_knows_them_as(self, value: Any) -> None:
        text = written_params((("value", value),))
        assert text is not None
        assert restored_params(text) == {"value": value}
        assert key("tag", restored_params(text)["value"]) == key("tag", value)

    @pytest.mark.parametrize(
        "text",
        [
            "[]",
            "1",
            '{"day": {"date": "soon"}}',
            '{"day": {"era": "now"}}',
            '{"day": {}}',
            '{"day": {"date": 1}}',
            '{"n": {"decimal": "x"}}',
        ],
    )
    def test_of_another_program_can_not_be_read(self, text: str) -> None:
        with pytest.raises(ParameterError, match="another program"):
            restored_params(text)


def test_values_of_a_statement_come_back_as_they_were() -> None:
    values = [date(2017, 11, 24), "a", None, 7, Decimal("1.50"), True, ["x", "y"], [date(2017, 1, 1)], []]
    assert restored_values(written_values(values) or "") == values
    assert written_values(["x" * 2_000]) is None
    assert written_values([object()]) is None
    with pytest.raises(ParameterError):
        restored_values('[{"date": "someday"}]')
