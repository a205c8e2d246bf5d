from datetime import date, timedelta

from dashboard.data import Asked, Extent
from dashboard.warming import WarmUp, _as_asked_now, _Counted
from dashboard.window import Span

DAILY, STATES, DAYS = "business/daily_sales", "business/sales_by_state", "business/data_span"
TODAY = date(2018, 8, 30)
EXTENT = Extent(date(2016, 9, 4), TODAY)
NOVEMBER = Span(date(2017, 11, 1), date(2017, 12, 1))


def last_week(days_ago: int) -> Span:
    last = TODAY - timedelta(days=days_ago)
    return Span.through(last - timedelta(days=6), last)


def counted(query: str, span: Span | None, days_ago: int, reads: int) -> _Counted:
    return _Counted(Asked(query, span, ()), TODAY - timedelta(days=days_ago) if span else None, reads)


def test_the_most_read_come_first() -> None:
    asked = [counted(DAILY, NOVEMBER, 0, 2), counted(STATES, NOVEMBER, 0, 3), counted(DAYS, None, 0, 9)]
    assert [one.query for one in _as_asked_now(asked, EXTENT)] == [DAYS, STATES, DAILY]


def test_the_last_days_of_several_days_are_one_question_and_their_reads_add_up() -> None:
    asked = [counted(DAILY, last_week(days_ago), days_ago, 2) for days_ago in range(3)]
    asked += [counted(STATES, NOVEMBER, 0, 5)]
    first, second, *others = _as_asked_now(asked, EXTENT)
    assert first == Asked(DAILY, last_week(0), ())
    assert second.query == STATES
    assert {one.span for one in others} == {last_week(1), last_week(2)}


def test_days_that_were_chosen_as_such_are_asked_as_they_were() -> None:
    [only] = _as_asked_now([counted(DAILY, NOVEMBER, 5, 1)], EXTENT)
    assert only.span == NOVEMBER


def test_a_range_that_was_counted_from_no_day_is_asked_as_it_was() -> None:
    asked = _Counted(Asked(DAILY, last_week(1), ()), None, 1)
    assert _as_asked_now([asked], EXTENT) == [asked.asked]


def test_without_orders_all_is_asked_as_it_was() -> None:
    asked = counted(DAILY, last_week(1), 1, 1)
    assert _as_asked_now([asked], None) == [asked.asked]


def test_an_outcome_is_a_sentence() -> None:
    assert str(WarmUp(1_204, 1_000, 200, 4, 7, 1, 1.234)) == (
        "1,204 questions in 1.23 s: 1,000 were cached, 200 computed, 4 failed. 7 left out, 1 forgotten."
    )
