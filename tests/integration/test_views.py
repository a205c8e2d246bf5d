"""The views against a shop of odd orders, whose figures were worked out by hand."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal

import polars as pl
import pytest

from dashboard.catalogue import catalogue
from dashboard.database import Database
from dashboard.refresh import refresh_views
from dashboard.settings import Settings

FRIDAY, SATURDAY, YEARS_LATER = date(2017, 11, 24), date(2017, 11, 25), date(2019, 1, 1)

SHOP = """
INSERT INTO shop.customers (customer_id, customer_unique_id, customer_state) VALUES
    ('ana-1', 'ana', 'SP'), ('ana-2', 'ana', 'SP'), ('ana-3', 'ana', 'RJ'),
    ('bia-1', 'bia', NULL), ('caio-1', 'caio', 'RJ'), ('dora-1', 'dora', 'SP'), ('never-ordered', 'eva', 'SP');

INSERT INTO shop.category_translation VALUES ('beleza', 'health_beauty'), ('saude', 'health_beauty');
INSERT INTO shop.products (product_id, product_category_name) VALUES
    ('cream', 'beleza'), ('pill', 'saude'), ('odd', 'pc_gamer'), ('nameless', NULL), ('unsold', 'beleza');

INSERT INTO shop.orders (order_id, customer_id, order_status, order_purchase_timestamp) VALUES
    ('several payments', 'ana-1', 'delivered', '2017-11-24 00:00:00'),
    ('same day again', 'ana-2', 'shipped', '2017-11-24 23:59:59'),
    ('no payment', 'bia-1', 'created', '2017-11-24 12:00:00'),
    ('canceled', 'caio-1', 'canceled', '2017-11-25 00:00:00'),
    ('free of charge', 'ana-3', 'delivered', '2017-11-25 08:00:00'),
    ('no items', 'dora-1', 'unavailable', '2019-01-01 08:00:00');

INSERT INTO shop.order_payments (order_id, payment_sequential, payment_type, payment_installments, payment_value)
VALUES
    ('several payments', 1, 'voucher', 1, 0.10), ('several payments', 2, 'voucher', 1, 0.10),
    ('several payments', 3, 'credit_card', 12, 99.85), ('same day again', 1, 'boleto', 1, 20.00),
    ('canceled', 1, 'credit_card', 1, 1500.00), ('free of charge', 1, 'not_defined', 0, 0.00),
    ('no items', 1, 'boleto', 1, 30.01);

INSERT INTO shop.order_items (order_id, order_item_id, product_id, seller_id, price, freight_value) VALUES
    ('several payments', 1, 'cream', 's', 40.00, 5.00), ('several payments', 2, 'cream', 's', 40.00, 5.00),
    ('several payments', 3, 'pill', 's', 10.00, 0.05), ('same day again', 1, 'odd', 's', 20.00, 0.00),
    ('no payment', 1, 'nameless', 's', 7.77, 1.11), ('canceled', 1, 'cream', 's', 1400.00, 100.00),
    ('free of charge', 1, 'pill', 's', 0.00, 0.00);
"""


PAID = {"much": 100, "little": 10, "nothing": 0}
ORDERS_OF_PEOPLE = """
CREATE TEMPORARY TABLE placed ON COMMIT DROP AS
SELECT person || n AS id, person, timestamp '2018-12-31 12:00' - recency * interval '1 day' AS at,
    (n = 1)::integer * paid AS paid
FROM (VALUES {people}) AS p (person, orders, recency, paid), generate_series(1, orders) AS n;
INSERT INTO shop.customers (customer_id, customer_unique_id) SELECT id, person FROM placed;
INSERT INTO shop.orders (order_id, customer_id, order_status, order_purchase_timestamp)
SELECT id, id, 'delivered', at FROM placed;
INSERT INTO shop.order_payments SELECT id, 1, 'boleto', 1, paid FROM placed;
"""


@pytest.fixture
def refreshed(database: Database) -> Callable[[str], None]:
    """Fill the shop by SQL, and the views after it."""

    def refreshed(sql: str) -> None:
        with database.writer() as writer:
            writer.execute(sql)
            refresh_views(writer, reason="test")

    return refreshed


@pytest.fixture
def shop(database: Database, refreshed: Callable[[str], None]) -> Database:
    """The shop of odd orders."""
    refreshed(SHOP)
    return database


def rows(database: Database, view: str, key: str) -> list[tuple[object, ...]]:
    return frame(database, f"SELECT * FROM dashboard.{view} ORDER BY {key}").rows()


def frame(database: Database, sql: str) -> pl.DataFrame:
    with database.snapshot() as snapshot:
        return snapshot.frame(sql)


def answer(database: Database, name: str, **params: object) -> list[tuple[object, ...]]:
    query = catalogue()[name]
    with database.snapshot() as snapshot:
        return snapshot.frame(query.sql, query.bind(params)).rows()


def money(amount: str) -> Decimal:
    return Decimal(amount)


def test_days_count_all_orders_and_every_payment_once(shop: Database) -> None:
    assert rows(shop, "daily_sales_metrics", "date") == [
        (FRIDAY, 3, 2, money("120.05")),
        (SATURDAY, 2, 2, money("1500.00")),
        (YEARS_LATER, 1, 1, money("30.01")),
    ]


def test_states_include_the_unknown_one(shop: Database) -> None:
    assert rows(shop, "daily_sales_by_state", "date, state") == [
        (FRIDAY, "(unknown)", 1, money("0.00")),
        (FRIDAY, "SP", 2, money("120.05")),
        (SATURDAY, "RJ", 2, money("1500.00")),
        (YEARS_LATER, "SP", 1, money("30.01")),
    ]


def test_categories_of_one_english_name_are_one_and_none_is_lost(shop: Database) -> None:
    assert rows(shop, "daily_sales_by_category", "date, category") == [
        (FRIDAY, "(no category)", 1, money("8.88")),
        (FRIDAY, "Health beauty", 3, money("100.05")),
        (FRIDAY, "Pc gamer", 1, money("20.00")),
        (SATURDAY, "Health beauty", 2, money("1500.00")),
    ]


def test_a_customer_is_a_person_however_many_ids_the_person_has(shop: Database) -> None:
    assert rows(shop, "customer_metrics", "customer_unique_id") == [
        ("ana", FRIDAY, SATURDAY, 3, money("120.05"), money("40.02"), 402, "Lost", None),
        ("bia", FRIDAY, FRIDAY, 1, money("0.00"), money("0.00"), 403, "Lost", None),
        ("caio", SATURDAY, SATURDAY, 1, money("1500.00"), money("1500.00"), 402, "Lost", None),
        ("dora", YEARS_LATER, YEARS_LATER, 1, money("30.01"), money("30.01"), 0, "New", None),
    ]


def test_a_person_is_there_once_a_day(shop: Database) -> None:
    named = (
        "SELECT date, customer_unique_id FROM dashboard.customer_days JOIN dashboard.people USING (person)"
    )
    assert frame(shop, f"{named} ORDER BY date, customer_unique_id").rows() == [
        (FRIDAY, "ana"),
        (FRIDAY, "bia"),
        (SATURDAY, "ana"),
        (SATURDAY, "caio"),
        (YEARS_LATER, "dora"),
    ]


def test_days_and_people_take_four_bytes_each(shop: Database) -> None:
    with shop.snapshot() as snapshot:
        pairs = snapshot.frame(catalogue()["business/customer_days"].sql, (FRIDAY, date(2020, 1, 1)))
    assert pairs.schema == {"date": pl.Date, "person": pl.Int32}
    assert pairs.rows() == sorted(pairs.rows())
    assert len(pairs) == 5


def test_breakdowns_add_up_to_the_total(shop: Database) -> None:
    total = frame(
        shop,
        "SELECT sum(total_orders)::bigint AS n, sum(total_revenue)::numeric(16, 2) AS r "
        "FROM dashboard.daily_sales_metrics",
    ).row(0)
    assert total == (6, money("1650.06"))
    for view, orders, revenue in (
        ("daily_sales_by_state", "total_orders", "total_revenue"),
        ("customer_metrics", "total_orders", "total_spent"),
    ):
        sums = f"SELECT sum({orders})::bigint AS n, sum({revenue})::numeric(16, 2) AS r FROM dashboard.{view}"
        assert frame(shop, sums).row(0) == total
    items = "SELECT sum(price + freight_value)::numeric(16, 2) AS r FROM shop.order_items"
    sold = "SELECT sum(item_sales)::numeric(16, 2) AS r FROM dashboard.daily_sales_by_category"
    assert frame(shop, items).item() == frame(shop, sold).item() == money("1628.93")


def test_segments_change_on_the_day_that_they_say(
    database: Database, refreshed: Callable[[str], None]
) -> None:
    segments = {
        "Champions": [(2, 90, "much"), (9, 0, "much")],
        "Loyal": [(2, 91, "much"), (3, 180, "much"), (2, 0, "little"), (9, 180, "little")],
        "Promising": [(1, 0, "much"), (1, 180, "much")],
        "New": [(1, 0, "little"), (1, 90, "little")],
        "Cooling": [(1, 91, "little"), (1, 180, "little")],
        "At risk": [(2, 181, "little"), (3, 365, "little"), (1, 181, "much"), (1, 365, "much")],
        "Sleeping": [(1, 181, "little"), (1, 365, "little"), (1, 200, "nothing")],
        "Lost": [(1, 366, "much"), (2, 366, "little"), (9, 366, "nothing")],
    }
    people = {
        f"{orders} orders {recency} days ago, {paid}": (orders, recency, paid, segment)
        for segment, cases in segments.items()
        for orders, recency, paid in cases
    }
    # Top spenders would be all who paid little, too, if fewer than one in five had paid much.
    others = {f"other {n}": (1, 400, "little", "Lost") for n in range(10)}
    listed = ", ".join(
        f"('{name}', {orders}, {recency}, {PAID[paid]})"
        for name, (orders, recency, paid, _) in (people | others).items()
    )
    refreshed(ORDERS_OF_PEOPLE.format(people=listed))
    found = frame(
        database, "SELECT customer_unique_id, recency_days, segment FROM dashboard.customer_metrics"
    )
    assert {name: (recency, segment) for name, recency, segment in found.rows()} == {
        name: (recency, segment) for name, (_, recency, _, segment) in (people | others).items()
    }


def test_a_range_has_its_first_day_and_not_its_end(shop: Database) -> None:
    split = [query.name for query in catalogue().queries.values() if query.split]
    assert {"business/daily_sales", "business/customer_days"} <= set(split)
    for name in split:
        assert {row[0] for row in answer(shop, name, start=FRIDAY, end=SATURDAY)} == {FRIDAY}
        assert answer(shop, name, start=FRIDAY, end=FRIDAY) == []


@pytest.mark.parametrize(
    ("start", "end", "people"),
    [
        (FRIDAY, date(2018, 1, 1), 3),
        (SATURDAY, YEARS_LATER, 2),
        (YEARS_LATER, date(2020, 1, 1), 1),
    ],
)
def test_people_are_known_by_one_number_on_all_days(
    shop: Database, start: date, end: date, people: int
) -> None:
    pairs = answer(shop, "business/customer_days", start=start, end=end)
    assert len({person for _, person in pairs}) == people
    assert pairs == sorted(set(pairs))


def test_the_best_customers_come_first(shop: Database) -> None:
    assert [row[0] for row in answer(shop, "business/customers", top=3)] == ["caio", "ana", "dora"]


def test_the_span_of_the_data_is_known_also_when_there_is_none(
    shop: Database, shared_url: str, settings: Settings
) -> None:
    assert answer(shop, "business/data_span") == [(FRIDAY, YEARS_LATER)]
    empty = Database(shared_url, settings)
    assert answer(empty, "business/data_span") == [(None, None)]
    empty.close()
