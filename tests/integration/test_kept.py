"""What explore computes is kept for the next run of a page, in the state of the data that it is of."""

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import date

import pytest

from dashboard import explore
from dashboard.data import Data, Frame, Reading
from dashboard.database import Database
from dashboard.explore import Breakdown, Sort
from dashboard.measures import DAY, REVENUE, STATE
from dashboard.settings import Settings
from dashboard.window import Comparison, Span, Window
from tests.reads import Admin, Opener, administering, opening, order, refresh

FIRST, LAST = date(2018, 1, 1), date(2018, 4, 30)
MARCH = Span(date(2018, 3, 1), date(2018, 4, 1))
WINDOW = Window(MARCH.start, MARCH.end, LAST, None, Comparison.PREVIOUS_PERIOD)
ASKED = Breakdown((REVENUE,), (STATE,))

ANSWERS: dict[str, Callable[[Reading], Frame]] = {
    "totals": lambda reading: explore.totals(reading, MARCH),
    "series": lambda reading: explore.series(reading, WINDOW),
    "ranking": lambda reading: explore.ranking(reading, WINDOW, STATE, REVENUE),
    "breakdown": lambda reading: explore.breakdown(reading, MARCH, ASKED),
    "ranked": lambda reading: explore.ranked(reading, MARCH, None, ASKED, Sort.VALUE, 5).frame,
    "pivot": lambda reading: (
        explore.pivot(reading, MARCH, REVENUE, [STATE], DAY, (), Sort.VALUE, (9, 40)).frame
    ),
    "courses": lambda reading: explore.courses(reading, WINDOW, ASKED, {"state": ["SP"]}),
}


@pytest.fixture
def admin(database_url: str) -> Iterator[Admin]:
    with administering(database_url) as run:
        yield run


@pytest.fixture
def database(database_url: str, settings: Settings, admin: Admin) -> Iterator[Database]:
    """A shop with an order of 10 on the first day of each month, and one on the last day of all."""
    for month in range(1, 5):
        order(admin, date(2018, month, 1), 10)
    order(admin, LAST, 10)
    with closing(Database(database_url, settings)) as database:
        refresh(database)
        yield database


@pytest.fixture
def open_data(settings: Settings) -> Iterator[Opener]:
    with opening(settings) as open_data:
        yield open_data


def revenue(frame: Frame) -> float:
    [name] = [name for name in ("revenue", "value", "total") if name in frame.rows.columns]
    return float(frame.rows[name].max())  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ANSWERS)
def test_answer_is_computed_once_for_each_state_of_its_days(
    database: Database, database_url: str, open_data: Opener, admin: Admin, name: str
) -> None:
    data: Data = open_data(database_url, versions_poll_seconds=1e-6)
    first, again = (ANSWERS[name](data.reading()) for _ in range(2))
    assert again.rows is first.rows or name in {"ranked", "pivot"}
    assert again.rows.equals(first.rows)
    assert again.provenance.source == "memory"
    assert (again.provenance.asked, again.provenance.version) == (
        first.provenance.asked,
        first.provenance.version,
    )
    order(admin, MARCH.start, 5)
    refresh(database)
    assert revenue(ANSWERS[name](data.reading())) == revenue(first) + 5


def test_change_of_other_days_leaves_it_as_it_is(
    database: Database, database_url: str, open_data: Opener, admin: Admin
) -> None:
    data = open_data(database_url, versions_poll_seconds=1e-6)
    first = explore.totals(data.reading(), MARCH)
    order(admin, FIRST, 5)
    refresh(database)
    assert explore.totals(data.reading(), MARCH).rows is first.rows


@pytest.mark.parametrize("tag", ["business/daily_sales", "facts/orders", "order_facts"])
def test_who_invalidates_what_it_is_made_of_has_it_computed_anew(
    database: Database, database_url: str, open_data: Opener, tag: str
) -> None:
    data = open_data(database_url)
    first = explore.totals(data.reading(), MARCH)
    data.invalidate(tag)
    again = explore.totals(data.reading(), MARCH)
    assert again.rows is not first.rows
    assert again.rows.equals(first.rows)


def test_reading_anew_computes_anew(database: Database, database_url: str, open_data: Opener) -> None:
    data = open_data(database_url)
    first = explore.totals(data.reading(), MARCH)
    data.reading().renew(first.provenance.asked)
    assert explore.totals(data.reading(), MARCH).rows is not first.rows


def test_without_a_cache_nothing_is_kept(database: Database, database_url: str, open_data: Opener) -> None:
    data = open_data(database_url, cache="null")
    first, again = (explore.totals(data.reading(), MARCH) for _ in range(2))
    assert again.rows is not first.rows
    assert again.provenance.source == "database"
