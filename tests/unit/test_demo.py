"""The demo shop is the same for the same seed, and believable."""

from datetime import date, datetime, time, timedelta
from hashlib import blake2b
from itertools import pairwise

import polars as pl
import pytest

from dashboard.loading.demo.brazil import CITIES, STATES
from dashboard.loading.demo.categories import CATEGORIES
from dashboard.loading.demo.draw import allotted
from dashboard.loading.demo.history import Tables, demo_shop
from dashboard.loading.demo.season import black_friday
from dashboard.loading.tables import TABLES

ORDERS = 30_000
LAST_DAY = date(2025, 3, 19)
NOW = datetime.combine(LAST_DAY + timedelta(days=1), time())


def generated(orders: int, seed: int = 1, chunk_orders: int = 10_000) -> Tables:
    chunks: dict[str, list[pl.DataFrame]] = {}
    for tables in demo_shop(orders, seed, LAST_DAY).tables(chunk_orders):
        for name, frame in tables.items():
            chunks.setdefault(name, []).append(frame)
    return {name: pl.concat(frames) for name, frames in chunks.items()}


def digest(tables: Tables) -> str:
    rows = (frame.write_csv(float_precision=2) for _, frame in sorted(tables.items()))
    return blake2b("".join(rows).encode(), digest_size=8).hexdigest()


@pytest.fixture(scope="module")
def shop() -> Tables:
    return generated(ORDERS)


@pytest.fixture(scope="module")
def delivered(shop: Tables) -> pl.DataFrame:
    late = pl.col("order_delivered_customer_date") > pl.col("order_estimated_delivery_date")
    return shop["orders"].filter(order_status="delivered").with_columns(late=late)


def share(frame: pl.DataFrame, **values: str) -> float:
    return frame.filter(**values).height / frame.height


def by_day(shop: Tables) -> pl.DataFrame:
    days = shop["orders"].select(day=pl.col("order_purchase_timestamp").dt.date())
    return days.group_by("day").len().sort("day")


def test_same_seed_makes_the_same_rows_on_every_machine() -> None:
    assert digest(generated(1_000)) == "dd7b666c04fad2f8"


def test_another_seed_makes_other_rows() -> None:
    one, other = generated(500, seed=1), generated(500, seed=2)
    assert all(one[name].equals(other[name]) is (name == "category_translation") for name in one)


def test_rows_do_not_depend_on_the_size_of_the_chunks() -> None:
    assert digest(generated(3_000, chunk_orders=100)) == digest(generated(3_000, chunk_orders=1_000_000))


@pytest.mark.parametrize("orders", [1, 2, 770, 12_345])
def test_exactly_so_many_orders_are_made_and_the_last_day_has_one(orders: int) -> None:
    made = generated(orders)["orders"]
    assert made.height == made["order_id"].n_unique() == made["customer_id"].n_unique() == orders
    assert made["order_purchase_timestamp"].dt.date().max() == LAST_DAY


def test_tables_and_columns_are_those_of_the_shop(shop: Tables) -> None:
    assert {name: set(frame.columns) for name, frame in shop.items()} == {
        table.name: set(table.column_names) for table in TABLES
    }


def test_keys_are_unique_and_references_exist(shop: Tables) -> None:
    for table in TABLES:
        assert shop[table.name].select(table.key).is_duplicated().sum() == 0
        for column, parent in (*table.references, *_seller_reference(table.name)):
            assert shop[table.name].join(shop[parent], on=column, how="anti").is_empty()


def _seller_reference(table: str) -> tuple[tuple[str, str], ...]:
    return (("seller_id", "sellers"),) if table == "order_items" else ()


def test_the_shop_is_some_25_months_old_and_grows(shop: Tables) -> None:
    days = by_day(shop)
    assert days["day"].min() == date(2023, 3, 1)
    assert days["day"].max() == LAST_DAY
    assert days.tail(90)["len"].sum() > 3 * days.head(90)["len"].sum()


def test_nothing_has_happened_after_the_last_day(shop: Tables) -> None:
    happened = shop["orders"].select("^order_(purchase|approved|delivered).*$")
    assert all(latest < NOW for latest in happened.max().row(0))
    assert shop["order_reviews"]["review_answer_timestamp"].max() < NOW


@pytest.mark.parametrize(
    "day",
    [date(2017, 11, 24), date(2018, 11, 23), date(2019, 11, 29), date(2024, 11, 29), date(2025, 11, 28)],
)
def test_black_friday_follows_the_fourth_thursday(day: date) -> None:
    assert black_friday(day.year) == day


def test_black_friday_is_by_far_the_busiest_day(shop: Tables) -> None:
    november = by_day(shop).filter(pl.col("day").is_between(date(2024, 11, 1), date(2024, 11, 30)))
    busiest = november.sort("len").tail(1)
    assert busiest["day"].item() == date(2024, 11, 29)
    assert busiest["len"].item() > 3 * november["len"].median()


def test_weekends_and_nights_are_quiet(shop: Tables) -> None:
    purchased = shop["orders"]["order_purchase_timestamp"]
    weekdays = dict(purchased.dt.weekday().value_counts().iter_rows())
    assert weekdays[1] > 1.2 * weekdays[6]
    assert (purchased.dt.hour() == 16).sum() > 15 * (purchased.dt.hour() == 4).sum()


@pytest.mark.parametrize(("state", "expected"), [("SP", 0.42), ("RJ", 0.129), ("MG", 0.117), ("RS", 0.055)])
def test_states_have_their_real_share_of_the_customers(shop: Tables, state: str, expected: float) -> None:
    assert share(shop["customers"], customer_state=state) == pytest.approx(expected, abs=0.01)


def test_all_states_buy_and_sellers_sit_mostly_in_sao_paulo(shop: Tables) -> None:
    assert set(shop["customers"]["customer_state"]) == {state.code for state in STATES}
    assert share(shop["sellers"], seller_state="SP") == pytest.approx(0.6, abs=0.05)


def test_every_state_has_its_cities_within_their_zip_codes(shop: Tables) -> None:
    assert {city.state for city in CITIES} == {state.code for state in STATES}
    assert all(city.name.isascii() and city.name.islower() for city in CITIES)
    prefixes = shop["customers"]["customer_zip_code_prefix"]
    assert prefixes.str.contains(r"^\d{5}$").all()
    assert prefixes.str.starts_with("0").any()


def test_70_categories_have_different_prices(shop: Tables) -> None:
    products = shop["products"]
    assert shop["category_translation"].height == len(CATEGORIES) == 70
    assert products["product_category_name"].n_unique() == 71  # and some products without
    sold = shop["order_items"].join(products, on="product_id")
    median = dict(sold.group_by("product_category_name").agg(pl.col("price").median()).iter_rows())
    assert median["pcs"] > 5 * median["relogios_presentes"] > 10 * median["eletronicos"]


def test_christmas_supplies_sell_before_christmas(shop: Tables) -> None:
    sold = shop["order_items"].join(shop["products"], on="product_id").join(shop["orders"], on="order_id")
    months = sold.filter(product_category_name="artigos_de_natal")["order_purchase_timestamp"].dt.month()
    assert months.is_in([10, 11, 12]).mean() > 0.6


def test_some_customers_return_and_a_few_often(shop: Tables) -> None:
    orders = shop["customers"].group_by("customer_unique_id").len()["len"]
    assert (orders > 1).mean() == pytest.approx(0.03, abs=0.006)
    assert 0 < (orders >= 5).sum() < 0.001 * len(orders)


def test_a_person_keeps_their_address(shop: Tables) -> None:
    address = ("customer_zip_code_prefix", "customer_city", "customer_state")
    people = shop["customers"].select("customer_unique_id", *address).unique()
    assert people["customer_unique_id"].is_unique().all()


def test_payments_add_up_to_items_and_freight_to_the_cent(shop: Tables) -> None:
    cents = (pl.col("price") * 100).round() + (pl.col("freight_value") * 100).round()
    cost = shop["order_items"].group_by("order_id").agg(cents.sum().alias("cost"))
    paid = shop["order_payments"].group_by("order_id").agg((pl.col("payment_value") * 100).round().sum())
    assert cost.join(paid, on="order_id").filter(pl.col("cost") != pl.col("payment_value")).is_empty()
    assert (shop["order_payments"]["payment_value"] >= 0).all()


def test_one_order_in_a_hundred_thousand_has_no_payment() -> None:
    made = generated(60_000)
    assert made["orders"].join(made["order_payments"], on="order_id", how="anti").height == 1


def test_payments_have_their_real_kinds(shop: Tables) -> None:
    payments = shop["order_payments"]
    kinds = {kind: share(payments, payment_type=kind) for kind in ("credit_card", "boleto", "debit_card")}
    assert kinds == pytest.approx({"credit_card": 0.74, "boleto": 0.19, "debit_card": 0.015}, abs=0.02)
    assert (payments.group_by("order_id").len()["len"] > 1).mean() == pytest.approx(0.03, abs=0.005)
    by_card = payments.filter(payment_type="credit_card")["payment_installments"]
    assert by_card.min() == 1
    assert by_card.max() >= 10
    assert payments.filter(pl.col("payment_type") != "credit_card")["payment_installments"].max() == 1


def test_far_and_heavy_parcels_cost_more_freight(shop: Tables) -> None:
    sent = (
        shop["order_items"]
        .join(shop["orders"], on="order_id")
        .join(shop["customers"], on="customer_id")
        .join(shop["products"], on="product_id")
    )
    near, far = (sent.filter(customer_state=state)["freight_value"].median() for state in ("SP", "AM"))
    heavy = sent.filter(pl.col("product_weight_g") > 10_000)["freight_value"].median()
    assert far > 1.5 * near
    assert heavy > 1.5 * near


def test_late_deliveries_have_worse_reviews(shop: Tables, delivered: pl.DataFrame) -> None:
    assert delivered["late"].mean() == pytest.approx(0.08, abs=0.015)
    reviewed = delivered.join(shop["order_reviews"], on="order_id")
    scores = dict(reviewed.group_by("late").agg(pl.col("review_score").mean()).iter_rows())
    assert scores[False] > 4.1
    assert scores[True] < 2.8


def test_some_reviews_have_comments_with_line_breaks_and_quotes(shop: Tables) -> None:
    comments = shop["order_reviews"]["review_comment_message"]
    assert comments.is_not_null().mean() == pytest.approx(0.41, abs=0.03)
    assert comments.str.contains("\n").any()
    assert comments.str.contains('"').any()


def test_times_of_an_order_follow_each_other(shop: Tables) -> None:
    steps = shop["orders"].select("^order_(purchase|approved|delivered).*$").columns
    for earlier, later in pairwise(steps):
        assert (shop["orders"][earlier] <= shop["orders"][later]).all()
    assert (shop["orders"]["order_estimated_delivery_date"].dt.time() == time()).all()


def test_status_says_how_far_an_order_has_come(shop: Tables) -> None:
    reached = {
        "created": 1,
        **dict.fromkeys(("approved", "processing", "invoiced", "unavailable"), 2),
        "shipped": 3,
        "delivered": 4,
    }
    steps = shop["orders"].select("^order_(purchase|approved|delivered).*$").columns
    orders = shop["orders"].with_columns(steps=pl.sum_horizontal(pl.col(steps).is_not_null()))
    for status, count in reached.items():
        assert set(orders.filter(order_status=status)["steps"]) == {count}
    assert set(orders["order_status"]) == {*reached, "canceled"}


def test_most_recent_orders_are_open_and_old_ones_are_done(shop: Tables) -> None:
    orders = shop["orders"]
    recent = orders.filter(pl.col("order_purchase_timestamp") > NOW - timedelta(days=2))
    old = orders.filter(pl.col("order_purchase_timestamp") < NOW - timedelta(days=120))
    assert share(recent, order_status="delivered") < 0.1
    assert share(old, order_status="delivered") == pytest.approx(0.97, abs=0.01)


def test_orders_without_items_are_unavailable_or_canceled(shop: Tables) -> None:
    bare = shop["orders"].join(shop["order_items"], on="order_id", how="anti")
    assert set(bare["order_status"]) == {"unavailable", "canceled"}
    assert bare.height / ORDERS == pytest.approx(0.008, abs=0.003)


def test_largest_remainders_get_what_is_left() -> None:
    assert allotted(10, [1, 1, 1]) == [4, 3, 3]
    assert allotted(7, [0.5, 0.3, 0.2]) == [4, 2, 1]
    assert allotted(0, [1, 2]) == [0, 0]
