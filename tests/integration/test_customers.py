"""Figures of customers, against counting in plain Python over orders that are made up here."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from math import ceil
from pathlib import Path
from random import Random
from typing import Any

import psycopg
import pytest

from dashboard import customers, explore
from dashboard.customers import People
from dashboard.data import Reading
from dashboard.database import Database
from dashboard.settings import Settings
from dashboard.window import Grain, Span, Window
from tests.reads import Statements, copied, opening, refresh

FIRST, LAST = date(2017, 1, 10), date(2018, 6, 20)
EVER = Span.through(FIRST, LAST)
STATES, KINDS = ("SP", "RJ", "MG"), ("boleto", "voucher")
COLUMNS = ("new", "returning", "new_revenue", "returning_revenue")


@dataclass(frozen=True)
class Order:
    day: date
    person: str
    state: str
    payments: tuple[tuple[str, int], ...]  # kind and cents

    @property
    def cents(self) -> int:
        return sum(cents for _, cents in self.payments)


def made_up() -> list[Order]:
    """Few people who order often and many who do once, some who pay nothing, some several times a day."""
    chance = Random(5)
    found = [order(chance, FIRST, "p0"), order(chance, LAST, "p1")]
    for number in range(150):
        often = chance.choice((1, 1, 1, 1, 2, 3, 9))
        since = chance.randrange(EVER.days)
        for _ in range(often):
            day = FIRST + timedelta(days=chance.choice((since, chance.randrange(since, EVER.days))))
            found.append(order(chance, day, f"p{number}"))
    return found


def order(chance: Random, day: date, person: str) -> Order:
    payments = (
        (chance.choice(KINDS), chance.choice((0, 999, 5_000, chance.randrange(1, 90_000))))
        for _ in range(chance.choice((0, 1, 1, 1, 2)))
    )
    return Order(day, person, chance.choice(STATES), tuple(payments))


ORDERS = made_up()


def fill(url: str, orders: Iterable[Order]) -> None:
    with psycopg.connect(url) as connection, connection.cursor() as cursor:
        for n, one in enumerate(orders):
            cursor.execute(
                "INSERT INTO shop.customers VALUES (%s, %s, '', '', %s)", (f"c{n}", one.person, one.state)
            )
            cursor.execute(
                "INSERT INTO shop.orders VALUES (%s, %s, 'delivered', %s)", (f"o{n}", f"c{n}", one.day)
            )
            cursor.executemany(
                "INSERT INTO shop.order_payments VALUES (%s, %s, %s, 1, %s)",
                [(f"o{n}", k, kind, Decimal(cents) / 100) for k, (kind, cents) in enumerate(one.payments, 1)],
            )


def made(url: str, folder: Path, orders: Iterable[Order]) -> None:
    fill(url, orders)
    with closing(Database(url, Settings(_env_file=None, data_dir=folder))) as database:
        refresh(database)


@pytest.fixture(scope="module")
def shop_url(server: str, _template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with copied(server, _template) as url:
        made(url, tmp_path_factory.mktemp("filled"), ORDERS)
        yield url


@pytest.fixture(scope="module")
def reading(shop_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reading]:
    settings = Settings(_env_file=None, data_dir=tmp_path_factory.mktemp("data"))
    with opening(settings) as open_data:
        yield open_data(shop_url).reading()


def firsts(orders: Iterable[Order] = ORDERS) -> dict[str, date]:
    found: dict[str, date] = {}
    for one in orders:
        found[one.person] = min(one.day, found.get(one.person, one.day))
    return found


def figures(orders: Iterable[Order], span: Span, since: dict[str, date]) -> tuple[int, int, Decimal, Decimal]:
    within = [one for one in orders if span.contains(one.day)]
    new = [one for one in within if one.day == since[one.person]]
    again = [one for one in within if one.day > since[one.person]]
    return (
        len({one.person for one in new}),
        len({one.person for one in again}),
        Decimal(sum(one.cents for one in new)) / 100,
        Decimal(sum(one.cents for one in again)) / 100,
    )


def window(start: date, last: date, grain: Grain | None = None, **chosen: Any) -> Window:
    return Window(start, last + timedelta(days=1), LAST, grain, **chosen)


SPANS = [
    EVER,
    Span.through(LAST, LAST),
    Span.through(date(2017, 6, 1), date(2017, 6, 30)),
    Span.through(date(2018, 1, 15), date(2018, 3, 2)),
    Span.through(date(2016, 1, 1), date(2017, 2, 1)),
    Span.through(date(2018, 6, 1), date(2019, 1, 1)),
    Span.through(date(2001, 1, 1), date(2001, 2, 1)),
]
FILTERS: dict[str, tuple[dict[str, list[str]], Callable[[Order], Order | None]]] = {
    "state": ({"state": ["SP", "MG"]}, lambda one: one if one.state in ("SP", "MG") else None),
    "payment type": ({"payment_type": ["voucher"]}, lambda one: paid_by(one, "voucher")),
    "none": ({}, lambda one: one),
}


def paid_by(one: Order, kind: str) -> Order | None:
    """The order with its payments of a kind only, as revenue by kind of payment counts them."""
    payments = tuple(payment for payment in one.payments if payment[0] == kind)
    return Order(one.day, one.person, one.state, payments) if payments else None


class TestArrivals:
    @pytest.mark.parametrize("span", SPANS, ids=Span.label)
    @pytest.mark.parametrize("filtered", FILTERS)
    def test_who_is_new_is_decided_by_all_orders_ever(
        self, reading: Reading, span: Span, filtered: str
    ) -> None:
        chosen, passing = FILTERS[filtered]
        passed = [one for order in ORDERS if (one := passing(order))]
        [row] = customers.totals(reading, span, explore.filters(chosen)).rows.select(COLUMNS).iter_rows()
        assert row == figures(passed, span, firsts())

    @pytest.mark.parametrize("grain", Grain)
    def test_series_is_that_of_each_bucket_and_its_opposite(self, reading: Reading, grain: Grain) -> None:
        shown = Window.from_query(
            {"range": "2018-01-15..2018-06-20", "compare": "year", "grain": str(grain)}, LAST, FIRST
        )
        rows = customers.series(reading, shown).rows
        for row, (bucket, opposite) in zip(rows.iter_rows(named=True), shown.aligned_buckets(), strict=True):
            assert (row["date"], row["is_complete"]) == (bucket.start, bucket.complete)
            assert tuple(row[name] for name in COLUMNS) == figures(ORDERS, bucket, firsts())
            assert opposite is not None
            before = tuple(row[f"{name}_before"] for name in COLUMNS)
            assert before == figures(ORDERS, opposite, firsts())

    @pytest.mark.parametrize("grain", Grain)
    def test_new_customers_and_both_revenues_add_up(self, reading: Reading, grain: Grain) -> None:
        shown = window(date(2017, 3, 5), date(2018, 5, 9), grain)
        rows, [total] = (
            customers.series(reading, shown).rows,
            customers.totals(reading, shown.span).rows.to_dicts(),
        )
        for name in ("new", "new_revenue", "returning_revenue"):
            assert rows[name].sum() == total[name]
        assert rows["returning"].sum() >= total["returning"]
        [revenue] = explore.totals(reading, shown.span).rows["revenue"]
        assert total["new_revenue"] + total["returning_revenue"] == revenue

    def test_an_older_order_that_comes_in_late_makes_a_new_customer_a_returning_one(
        self, database_url: str, settings: Settings
    ) -> None:
        made(database_url, settings.data_dir.parent, [Order(LAST, "late", "SP", ())])
        last_day = Span.through(LAST, LAST)
        with opening(settings) as open_data:
            data = open_data(database_url, versions_poll_seconds=1e-6)
            assert customers.totals(data.reading(), last_day).rows.row(0)[:2] == (1, 0)
            with psycopg.connect(database_url) as connection:
                connection.execute("INSERT INTO shop.customers VALUES ('c', 'late')")
                connection.execute("INSERT INTO shop.orders VALUES ('o', 'c', 'shipped', %s)", (FIRST,))
            refresh(data.database)
            assert customers.totals(data.reading(), last_day).rows.row(0)[:2] == (0, 1)

    def test_a_known_window_costs_no_statement(self, shop_url: str, settings: Settings) -> None:
        with opening(settings) as open_data, psycopg.connect(shop_url, autocommit=True) as connection:
            data = open_data(shop_url)
            customers.totals(data.reading(), EVER)
            counted = Statements(connection, "facts/spending")
            for span in SPANS:
                customers.totals(data.reading(), span)
                People(data.reading(), LAST).segments()
            assert counted.since().calls == 0


def people_until(day: date) -> dict[str, list[Order]]:
    found = defaultdict(list)
    for one in ORDERS:
        if one.day <= day:
            found[one.person].append(one)
    return found


def quantile(values: Sequence[int], part: float) -> int | None:
    """The least of the values that so great a part of them does not exceed."""
    return sorted(values)[ceil(part * len(values)) - 1] if values else None


def spent(orders: Iterable[Order]) -> int:
    return sum(one.cents for one in orders)


def segment(recency: int, orders: int, *, is_top: bool) -> str:
    if recency > 365:
        return "Lost"
    if recency > 180:
        return "At risk" if orders > 1 or is_top else "Sleeping"
    if orders > 1:
        return "Champions" if recency <= 90 and is_top else "Loyal"
    if is_top:
        return "Promising"
    return "New" if recency <= 90 else "Cooling"


def segments(day: date) -> dict[str, str]:
    people = people_until(day)
    much = quantile([amount for orders in people.values() if (amount := spent(orders))], 0.8)
    return {
        person: segment(
            (day - max(one.day for one in orders)).days,
            len(orders),
            is_top=much is not None and spent(orders) >= much,
        )
        for person, orders in people.items()
    }


ENDS = [LAST, date(2018, 1, 31), date(2017, 7, 4), FIRST]


def passing_until(day: date, filtered: str) -> dict[str, list[Order]]:
    """All orders of the people of whom one passes."""
    passes = FILTERS[filtered][1]
    return {
        person: orders for person, orders in people_until(day).items() if any(passes(one) for one in orders)
    }


def people_at(reading: Reading, day: date, filtered: str) -> People:
    return People(reading, day, explore.filters(FILTERS[filtered][0]))


@pytest.mark.parametrize("day", ENDS)
@pytest.mark.parametrize("filtered", FILTERS)
class TestPeople:
    def test_each_person_is_in_one_segment(self, reading: Reading, day: date, filtered: str) -> None:
        found = people_at(reading, day, filtered).segments().rows
        people, everybody = passing_until(day, filtered), segments(day)
        of = {person: everybody[person] for person in people}
        assert found["member"].to_list() == [one.name for one in customers.SEGMENTS]
        assert found["people"].sum() == len(people)
        assert dict(found.select("member", "people").iter_rows()) == {
            name: Counter(of.values())[name] for name in found["member"]
        }
        for name, revenue, people_share, revenue_share, average in found.select(
            "member", "revenue", "people_share", "revenue_share", "average"
        ).iter_rows():
            cents = [spent(people[person]) for person in people if of[person] == name]
            assert revenue == Decimal(sum(cents)) / 100
            assert people_share == (pytest.approx(len(cents) / len(people)) if people else None)
            whole = sum(spent(orders) for orders in people.values())
            assert revenue_share == (pytest.approx(sum(cents) / whole) if whole else None)
            assert average == (pytest.approx(sum(cents) / len(cents) / 100) if cents else None)

    def test_spending_has_everybody_between_round_amounts(
        self, reading: Reading, day: date, filtered: str
    ) -> None:
        found = people_at(reading, day, filtered).spending().rows
        cents = [spent(orders) for orders in passing_until(day, filtered).values()]
        edges = [edge * 100 for edge in found["from"]]
        assert found["up_to"].to_list() == [*found["from"][1:], None]
        counted = [sum(low <= amount < high for amount in cents) for low, high in pairwise(edges)]
        assert found["people"].to_list() == [*counted, sum(amount >= edges[-1] for amount in cents)]
        assert found["people"].sum() == len(cents)
        assert found["revenue"].sum() == Decimal(sum(cents)) / 100
        assert edges[-1] >= (quantile(cents, 0.95) or 0)
        assert found["people_share"].sum() == pytest.approx(1 if cents else 0)

    def test_typical_amounts_are_what_somebody_paid(self, reading: Reading, day: date, filtered: str) -> None:
        [found] = people_at(reading, day, filtered).typical().rows.to_dicts()
        cents = [spent(orders) for orders in passing_until(day, filtered).values()]
        paid = [amount for orders in people_until(day).values() if (amount := spent(orders))]
        much = quantile(paid, 0.8) if cents else None
        assert found == {
            "people": len(cents),
            "average": pytest.approx(sum(cents) / len(cents) / 100) if cents else None,
            "median": quantile(cents, 0.5) and quantile(cents, 0.5) / 100,
            "ninetieth": quantile(cents, 0.9) and quantile(cents, 0.9) / 100,
            "much": much and much / 100,
        }

    def test_best_customers_are_those_who_paid_most(self, reading: Reading, day: date, filtered: str) -> None:
        found = people_at(reading, day, filtered).best(10).rows
        people, of = passing_until(day, filtered), segments(day)
        assert [Decimal(spent(people[person])) / 100 for person in found["customer_unique_id"]] == (
            found["revenue"].to_list()
        )
        amounts = sorted((spent(orders) for orders in people.values()), reverse=True)[:10]
        assert found["revenue"].to_list() == [Decimal(amount) / 100 for amount in amounts]
        for person, orders, first, last, name in found.select(
            "customer_unique_id", "orders", "first_order", "last_order", "segment"
        ).iter_rows():
            days = [one.day for one in people[person]]
            assert (orders, first, last, name) == (len(days), min(days), max(days), of[person])


def test_the_view_of_customers_has_the_segments_of_the_last_day(reading: Reading) -> None:
    rows = reading.frame("business/customers", top=1_000).rows
    assert dict(rows.select("customer_unique_id", "segment").iter_rows()) == segments(LAST)


def month(day: date, later: int = 0) -> date:
    number = day.year * 12 + day.month - 1 + later
    return date(number // 12, number % 12 + 1, 1)


@pytest.mark.parametrize(
    ("start", "last", "first_cohort", "last_cohort"),
    [
        (date(2018, 6, 1), LAST, date(2017, 5, 1), date(2018, 4, 1)),
        (date(2018, 5, 1), date(2018, 5, 31), date(2017, 5, 1), date(2018, 4, 1)),
        (date(2017, 1, 1), LAST, date(2017, 1, 1), date(2018, 4, 1)),
        (date(2017, 4, 2), date(2017, 5, 30), date(2017, 1, 1), date(2017, 3, 1)),
    ],
)
@pytest.mark.parametrize("filtered", FILTERS)
def test_cohorts_follow_people_from_the_month_of_their_first_order(
    reading: Reading, start: date, last: date, first_cohort: date, last_cohort: date, filtered: str
) -> None:
    rows = customers.cohorts(reading, window(start, last), explore.filters(FILTERS[filtered][0])).rows
    assert (rows["cohort"].min(), rows["cohort"].max()) == (first_cohort, last_cohort)
    people_then = passing_until(last, filtered)
    since = {person: day for person, day in firsts().items() if person in people_then}
    for cohort, people, later, returned, revenue, share, revenue_share in rows.iter_rows():
        members = {person for person, day in since.items() if month(day) == cohort}
        begun = sum(one.cents for one in ORDERS if one.person in members and month(one.day) == cohort)
        again = [one for one in ORDERS if one.person in members and month(one.day) == month(cohort, later)]
        assert people == len(members)
        if month(cohort, later + 1) > last + timedelta(days=1):
            assert (returned, revenue, share, revenue_share) == (None,) * 4
            continue
        assert returned == len({one.person for one in again})
        assert revenue == Decimal(sum(one.cents for one in again)) / 100
        assert share == (returned / people if people else None)
        assert revenue_share == (pytest.approx(float(revenue) * 100 / begun) if begun else None)
    months = {later for (later,) in rows.select("month").iter_rows()}
    assert months == set(range(1, min(12, len(rows["cohort"].unique())) + 1))


class TestEdges:
    BEFORE = window(date(2001, 2, 1), date(2001, 2, 28))

    def test_before_the_first_order_there_is_nobody(self, reading: Reading) -> None:
        people = People.of(reading, self.BEFORE)
        frames = (people.segments(), people.spending(), people.typical(), people.best(5))
        assert [frame.rows.height for frame in frames] == [0, 0, 0, 0]
        assert customers.cohorts(reading, self.BEFORE).rows.is_empty()
        assert customers.series(reading, self.BEFORE).rows.is_empty()

    def test_one_customer_is_a_shop(self, database_url: str, settings: Settings) -> None:
        made(database_url, settings.data_dir.parent, [Order(LAST, "only", "SP", (("boleto", 12_345),))])
        with opening(settings) as open_data:
            reading = open_data(database_url).reading()
            people = People(reading, LAST)
            found = people.segments().rows.filter(people=1)["member"].to_list()
            assert (found, people.best(9).rows["customer_unique_id"].to_list()) == (["Promising"], ["only"])
            assert people.spending().rows["people"].sum() == 1
            assert people.typical().rows.row(0) == (1, 123.45, 123.45, 123.45, 123.45)
            assert customers.cohorts(reading, window(LAST, LAST)).rows.is_empty()

    def test_who_paid_nothing_is_no_top_spender(self, database_url: str, settings: Settings) -> None:
        made(database_url, settings.data_dir.parent, [Order(LAST, f"p{n}", "SP", ()) for n in range(3)])
        with opening(settings) as open_data:
            people = People(open_data(database_url).reading(), LAST)
            assert people.segments().rows.filter(people=3)["member"].to_list() == ["New"]
            assert people.typical().rows["much"].to_list() == [None]
            assert people.segments().rows["revenue_share"].null_count() == 8

    def test_a_shop_without_orders_has_no_customers(self, shared_url: str, settings: Settings) -> None:
        with opening(settings) as open_data:
            reading = open_data(shared_url).reading()
            assert People(reading, LAST).segments().rows.is_empty()
            assert customers.totals(reading, EVER).rows.row(0) == (0, 0, Decimal(0), Decimal(0))
            assert customers.cohorts(reading, window(FIRST, LAST)).rows.is_empty()
