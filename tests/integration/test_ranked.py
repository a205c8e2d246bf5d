"""The first members, the others and the total, against breakdowns of the same real orders."""

from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from dashboard import explore
from dashboard.data import Data, Reading, opened
from dashboard.explore import TOTAL, Breakdown, Sort
from dashboard.measures import (
    ALL_MEASURES,
    CUSTOMERS,
    DAY,
    HOUR,
    MONTH,
    ORDERS,
    PAYMENT_TYPE,
    REVENUE,
    STATE,
    STATUS,
    WEEK,
    WEEKDAY,
    Dimension,
    Measure,
)
from dashboard.settings import Settings
from dashboard.window import Span

NOW, BEFORE = Span(date(2018, 1, 1), date(2018, 4, 1)), Span(date(2017, 10, 1), date(2018, 1, 1))
TOP = 5


@pytest.fixture(scope="module")
def data(olist_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Data]:
    folder: Path = tmp_path_factory.mktemp("ranked")
    with opened(Settings(_env_file=None, database_url=olist_url, data_dir=folder)) as data:
        yield data


@pytest.fixture
def reading(data: Data) -> Reading:
    return data.reading()


def ranked(
    reading: Reading, measures: Sequence[Measure], dimension: Dimension, sort: Sort = Sort.VALUE
) -> explore.Ranked:
    return explore.ranked(reading, NOW, BEFORE, Breakdown(tuple(measures), (dimension,)), sort, TOP)


@pytest.mark.parametrize("dimension", [STATE, STATUS, WEEKDAY])
def test_named_and_others_come_to_the_total(reading: Reading, dimension: Dimension) -> None:
    found = ranked(reading, (REVENUE, ORDERS), dimension)
    for name in ("revenue", "orders", "revenue_before", "orders_before"):
        [total], [rest] = found.total[name], found.rest[name]
        assert found.named[name].sum() + rest == total
    everything = explore.breakdown(reading, NOW, Breakdown((REVENUE, ORDERS)))
    assert found.total.select("revenue", "orders").rows() == everything.rows.rows()


def test_what_does_not_add_up_is_left_blank_for_the_others_and_exact_in_total(reading: Reading) -> None:
    found = ranked(reading, (CUSTOMERS, ORDERS), PAYMENT_TYPE, Sort.NAME)
    assert found.rest.select("customers", "orders").row(0) == (None, None)
    [(customers, orders)] = explore.breakdown(reading, NOW, Breakdown((CUSTOMERS, ORDERS))).rows.rows()
    assert found.total.select("customers", "orders").rows() == [(customers, orders)]
    assert orders < found.members["orders"].sum()  # some orders have payments of two types


@pytest.mark.parametrize("sort", Sort)
def test_order_is_the_one_that_was_asked_for(reading: Reading, sort: Sort) -> None:
    rows = ranked(reading, (REVENUE,), STATE, sort).members.with_columns(
        pl.col("revenue", "revenue_before").cast(pl.Float64)
    )
    keys = {
        Sort.VALUE: -rows["revenue"],
        Sort.CHANGE: -(rows["revenue"] - rows["revenue_before"]).abs(),
        Sort.RELATIVE: -(rows["revenue"] / rows["revenue_before"] - 1).abs(),
        Sort.NAME: rows["state"],
    }[sort]
    known = keys.filter(rows["revenue_before"] > 0) if sort is Sort.RELATIVE else keys
    assert known.is_sorted()


def test_contributions_come_to_the_difference(reading: Reading) -> None:
    members = ranked(reading, (REVENUE,), STATE).members.select(
        member="state", value="revenue", value_before="revenue_before"
    )
    found = explore.contributions(members, TOP)
    assert found["members"].sum() == len(members)
    assert found["difference"].sum() == members["value"].sum() - members["value_before"].sum()
    assert found["difference"].head(TOP).is_sorted(descending=True)
    assert len(found) == TOP + 1


@pytest.mark.parametrize("measure", ALL_MEASURES.values(), ids=ALL_MEASURES)
def test_cells_and_totals_of_a_pivot_are_those_of_breakdowns(reading: Reading, measure: Measure) -> None:
    found = explore.pivot(reading, NOW, measure, [STATE], WEEKDAY, (), Sort.VALUE, (TOP, 7))
    by = {
        key: figure
        for *key, figure in explore.breakdown(reading, NOW, Breakdown((measure,), (STATE, WEEKDAY)))
        .rows.with_columns(pl.concat_list(pl.col("state"), pl.col("weekday").cast(pl.String)).alias("key"))
        .select(pl.col("key").list.join(" "), measure.name)
        .iter_rows()
        for key in [key[0]]
    }
    for row in found.rows.iter_rows(named=True):
        for place, weekday in enumerate(found.columns):
            assert row[str(place)] == by.get(f"{row['state']} {weekday}")
    states = dict(explore.breakdown(reading, NOW, Breakdown((measure,), (STATE,))).rows.iter_rows())
    assert {row["state"]: row[TOTAL] for row in found.rows.iter_rows(named=True)}.items() <= states.items()
    days = dict(explore.breakdown(reading, NOW, Breakdown((measure,), (WEEKDAY,))).rows.iter_rows())
    assert [found.totals[str(place)][0] for place in range(7)] == [days[day] for day in found.columns]
    [everything] = explore.breakdown(reading, NOW, Breakdown((measure,))).rows[measure.name]
    assert found.totals[TOTAL][0] == everything


def test_times_stand_in_their_order_and_what_is_left_out_is_counted(reading: Reading) -> None:
    found = explore.pivot(reading, NOW, ORDERS, [STATE], HOUR, (), Sort.VALUE, (TOP, 10))
    assert list(found.columns) == sorted(found.columns)
    assert (found.more_columns, len(found.columns)) == (24 - 10, 10)
    assert found.more_rows > 0
    assert found.cells.columns == ["row", "column", "value"]
    assert len(found.cells) == TOP * 10


@pytest.mark.parametrize("dimension", [DAY, WEEK, MONTH])
def test_days_are_not_compared_with_days_that_have_another_name(
    reading: Reading, dimension: Dimension
) -> None:
    found = ranked(reading, (REVENUE,), dimension)
    assert found.members["revenue_before"].null_count() == len(found.members) > 0
    shown = [column.name for column in explore.ranked_columns([dimension], [REVENUE], BEFORE)]
    assert shown == [dimension.name, "revenue"]
