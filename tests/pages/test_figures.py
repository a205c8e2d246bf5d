"""What the pages say, against SQL on the shop's own tables."""

import base64
import json
import re
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from tests.pages.conftest import Ask, OpenPage
from tests.shop import LAST_DAY

pytestmark = pytest.mark.usefixtures("shown")

TOTALS = """
SELECT coalesce(sum(paid), 0), count(*), count(DISTINCT customer_unique_id)
FROM shop.orders JOIN shop.customers USING (customer_id)
LEFT JOIN (SELECT order_id, sum(payment_value) AS paid FROM shop.order_payments GROUP BY order_id) AS payments
USING (order_id)
WHERE order_purchase_timestamp >= %s AND order_purchase_timestamp < %s
"""
STATES = """
SELECT customer_state, sum(payment_value)
FROM shop.orders JOIN shop.customers USING (customer_id) JOIN shop.order_payments USING (order_id)
WHERE order_purchase_timestamp >= %s AND order_purchase_timestamp < %s
GROUP BY customer_state ORDER BY 2 DESC, 1
"""
CATEGORIES = """
SELECT initcap(left(name, 1)) || replace(substr(name, 2), '_', ' '), sum(price + freight_value)
FROM shop.orders JOIN shop.order_items USING (order_id) JOIN shop.products USING (product_id)
LEFT JOIN shop.category_translation USING (product_category_name),
    coalesce(product_category_name_english, product_category_name, '(no category)') AS name
WHERE order_purchase_timestamp >= %s AND order_purchase_timestamp < %s
GROUP BY 1 ORDER BY 2 DESC, 1
"""

PAID_BY = """
SELECT payment_type, sum(payment_value) FROM shop.orders JOIN shop.order_payments USING (order_id)
WHERE order_purchase_timestamp >= %s AND order_purchase_timestamp < %s
GROUP BY payment_type ORDER BY 2 DESC, 1
"""
HOURS = """
SELECT extract(isodow FROM order_purchase_timestamp)::int, extract(hour FROM order_purchase_timestamp)::int, count(*)
FROM shop.orders WHERE order_purchase_timestamp >= %s AND order_purchase_timestamp < %s GROUP BY 1, 2
"""
VALUES = """
SELECT CASE WHEN paid >= 50 AND paid < 75 THEN 3 ELSE 0 END, count(*) FROM shop.orders
LEFT JOIN (SELECT order_id, sum(payment_value) AS paid FROM shop.order_payments GROUP BY order_id) AS payments
USING (order_id)
WHERE order_purchase_timestamp >= %s AND order_purchase_timestamp < %s GROUP BY 1
"""
STATUSES = """
SELECT order_status, count(*) FROM shop.orders JOIN shop.customers USING (customer_id)
WHERE order_purchase_timestamp >= %s AND order_purchase_timestamp < %s AND {condition} GROUP BY 1
"""
DRIVERS = [(1, STATES), (2, CATEGORIES), (3, PAID_BY)]

# The address, the first and last day that it means, and those that it compares with.
WINDOWS: list[tuple[dict[str, str], tuple[str, str], tuple[str, str] | None, str]] = [
    ({}, ("2025-02-20", "2025-03-19"), ("2025-01-23", "2025-02-19"),
     "**20 Feb – 19 Mar 2025** compared with **23 Jan – 19 Feb 2025**"),
    ({"range": "mtd"}, ("2025-03-01", "2025-03-19"), ("2025-02-01", "2025-02-19"),
     "**1–19 Mar 2025** compared with **1–19 Feb 2025**"),
    ({"range": "2025-02", "compare": "year"}, ("2025-02-01", "2025-02-28"), ("2024-02-01", "2024-02-29"),
     "**1–28 Feb 2025** compared with **1–29 Feb 2024** (29 days against 28)"),
    ({"range": "2024-11-25..2024-12-01", "compare": "weekday"}, ("2024-11-25", "2024-12-01"),
     ("2023-11-27", "2023-12-03"),
     "**25 Nov – 1 Dec 2024** compared with **27 Nov – 3 Dec 2023**"),
    ({"range": "2025-01-01..2025-01-10", "compare": "2024-12-20..2024-12-31"}, ("2025-01-01", "2025-01-10"),
     ("2024-12-20", "2024-12-31"),
     "**1–10 Jan 2025** compared with **20–31 Dec 2024** (12 days against 10)"),
    ({"range": "all", "compare": "none"}, ("2023-03-01", "2025-03-19"), None, "**1 Mar 2023 – 19 Mar 2025**"),
]  # fmt: skip


@pytest.mark.parametrize(("query", "days", "compared", "label"), WINDOWS)
def test_tiles_and_label_say_what_the_tables_hold(
    open_page: OpenPage,
    ask: Ask,
    query: dict[str, str],
    days: tuple[str, str],
    compared: tuple[str, str] | None,
    label: str,
) -> None:
    page = open_page("overview", **query)
    assert page.caption[0].value == f"{label} · complete data through 19 Mar 2025"
    now, before = totals(ask, days), totals(ask, compared) if compared else None
    for tile, name in zip(page.metric, now, strict=True):
        written = f"R${now[name]:,.2f}" if isinstance(now[name], Decimal) else f"{now[name]:,}"
        assert plain(tile.help).endswith(f"Exactly {written}.")
        assert tile.delta == (f"{now[name] / before[name] - 1:+.1%}" if before else "")


def test_headline_leaves_out_cents_of_large_amounts(open_page: OpenPage, ask: Ask) -> None:
    page = open_page("overview")
    now = totals(ask, ("2025-02-20", "2025-03-19"))
    assert [plain(tile.value) for tile in page.metric] == [
        f"R${now['revenue']:,.0f}",
        f"{now['orders']:,}",
        f"{now['customers']:,}",
        f"R${now['average order value']:,.2f}",
    ]


@pytest.mark.parametrize(
    ("query", "days"),
    [({"range": "2001-02"}, "1–28 Feb 2001"), ({"range": "2023-03"}, "1–31 Mar 2023")],
)
def test_change_from_nothing_is_said_and_not_computed(
    open_page: OpenPage, query: dict[str, str], days: str
) -> None:
    page = open_page("overview", **query)
    assert days in page.caption[0].value
    assert {tile.delta for tile in page.metric} == {"nothing to compare with"}


@pytest.mark.parametrize(("place", "sql"), DRIVERS)
def test_drivers_come_to_the_difference_and_the_greatest_are_named(
    open_page: OpenPage, ask: Ask, place: int, sql: str
) -> None:
    figure = chart(open_page("overview", range="2025-02"), place)
    now, before = (
        dict(ask(sql, *days)) for days in (("2025-02-01", "2025-03-01"), ("2025-01-01", "2025-02-01"))
    )
    found = {member: now.get(member, 0) - before.get(member, 0) for member in now.keys() | before.keys()}
    named = sorted(found, key=lambda member: (-abs(found[member]), member))[:8]
    named.sort(key=lambda member: -found[member])
    rest = sum(found.values()) - sum(found[member] for member in named)
    others = len(found) - len(named)
    labels = [*named, *([f"{others} others"] if others else [])]
    assert [label.replace("_", " ").lower() for label in labels] == [
        label.lower() for label in reversed(figure["layout"]["yaxis"]["ticktext"])
    ]
    drawn = numbers(figure["data"][0]["x"])[::-1]
    assert drawn == pytest.approx([float(found[member]) for member in named] + [float(rest)] * bool(others))
    assert sum(drawn) == pytest.approx(float(sum(now.values()) - sum(before.values())))


@pytest.mark.parametrize(("place", "sql"), DRIVERS)
def test_rankings_hold_the_greatest_members(open_page: OpenPage, ask: Ask, place: int, sql: str) -> None:
    figure = chart(open_page("overview", range="2025-02", compare="none"), place)
    truth = ask(sql, "2025-02-01", "2025-03-01")[:8]
    assert numbers(figure["data"][1]["x"])[::-1] == pytest.approx([float(value) for _, value in truth])


def test_breakdown_says_the_rest_and_what_was_before(open_page: OpenPage, ask: Ask) -> None:
    page = open_page("sales", range="2025-02", view="breakdown", of="category")
    truth, before = (
        ask(CATEGORIES, "2025-02-01", "2025-03-01"),
        dict(ask(CATEGORIES, "2025-01-01", "2025-02-01")),
    )
    figure = chart(page, 0)
    assert figure["layout"]["yaxis"]["ticktext"] == [member for member, _ in reversed(truth[:15])]
    assert numbers(figure["data"][0]["x"]) == pytest.approx(
        [float(before.get(member, 0)) for member, _ in truth[14::-1]]
    )
    rest = sum(value for _, value in truth[15:])
    [said] = [plain(caption.value) for caption in page.caption if "other" in caption.value]
    assert f"{len(truth) - 15} come to R${rest:,.2f}, " in said


def test_hours_hold_the_orders_of_each_weekday_and_hour(open_page: OpenPage, ask: Ask) -> None:
    figure = chart(open_page("sales", range="2024-11", view="hours", measure="orders"), 0)
    truth = np.zeros((7, 24))
    for weekday, hour, orders in ask(HOURS, "2024-11-01", "2024-12-01"):
        truth[weekday - 1, hour] = orders
    cells = figure["data"][0]["z"]
    drawn = np.frombuffer(base64.b64decode(cells["bdata"]), cells["dtype"]).reshape(7, -1)
    assert np.nan_to_num(drawn) == pytest.approx(truth[:, truth.any(axis=0)])


def test_order_values_count_each_order_once(open_page: OpenPage, ask: Ask) -> None:
    figure = chart(open_page("sales", range="2024-11", view="values", compare="none"), 0)
    truth = dict(ask(VALUES, "2024-11-01", "2024-12-01"))
    labels = figure["layout"]["xaxis"]["ticktext"]
    drawn = dict(zip(labels, numbers(figure["data"][1]["y"]), strict=True))
    assert drawn["50 – 75"] == truth.get(3, 0)
    assert sum(drawn.values()) == sum(truth.values())


@pytest.mark.parametrize(
    ("only", "condition"),
    [
        ({}, "true"),
        ({"state": "SP"}, "customer_state = 'SP'"),
        (
            {"payment_type": "boleto"},
            "order_id IN (SELECT order_id FROM shop.order_payments WHERE payment_type = 'boleto')",
        ),
    ],
)
def test_explored_orders_are_those_of_the_tables_under_every_filter(
    open_page: OpenPage, ask: Ask, only: dict[str, str], condition: str
) -> None:
    page = open_page("explore", range="2024-11", compare="none", by="status", measure="orders", **only)
    truth = dict(ask(STATUSES.format(condition=condition), "2024-11-01", "2024-12-01"))
    [tile] = page.metric
    assert plain(tile.help).endswith(f"Exactly {sum(truth.values()):,}.")
    table = page.dataframe[0].value
    assert dict(zip(table["status"].str.lower(), table["orders"], strict=True)) == {
        **truth,
        "total": sum(truth.values()),
    }


@pytest.mark.parametrize("measure", ["revenue", "orders", "customers", "average_order_value"])
def test_timeline_and_table_hold_each_day_and_its_opposite(
    open_page: OpenPage, ask: Ask, measure: str
) -> None:
    page = open_page("sales", range="7d", compare="weekday", measure=measure)
    week = [LAST_DAY - timedelta(days=back) for back in range(6, -1, -1)]
    name = measure.replace("_", " ")
    now = [totals(ask, (day, day))[name] for day in week]
    then = [totals(ask, (day - timedelta(days=364),) * 2)[name] for day in week]
    before, current = chart(page, 0)["data"]
    assert numbers(current["y"]) == pytest.approx([float(value) for value in now])
    assert numbers(before["y"]) == pytest.approx([float(value) for value in then], nan_ok=True)
    table = page.dataframe[0].value
    assert [day.date() for day in table["date"]] == week
    assert [day.date() for day in table["date_before"]] == [day - timedelta(days=364) for day in week]
    assert list(table[measure]) == pytest.approx([float(value) for value in now])
    assert list(table["orders"]) == [totals(ask, (day, day))["orders"] for day in week]


def test_weeks_and_months_add_up_to_the_days_and_the_unfinished_ones_are_dashed(
    open_page: OpenPage, ask: Ask
) -> None:
    truth = float(totals(ask, ("2025-01-01", "2025-03-19"))["revenue"])
    for grain, first_parts in (
        ("day", ["solid"]),
        ("week", ["dot", "solid", "dot"]),
        ("month", ["solid", "dot"]),
    ):
        page = open_page("sales", range="2025-01-01..2025-03-19", compare="none", grain=grain)
        assert sum(page.dataframe[0].value["revenue"]) == pytest.approx(truth)
        assert [trace["line"]["dash"] for trace in chart(page, 0)["data"]] == first_parts


def totals(ask: Ask, days: tuple[Any, Any]) -> dict[str, Any]:
    """The measures by name, over a first and a last day."""
    first, last = (day if isinstance(day, date) else date.fromisoformat(day) for day in days)
    [(revenue, orders, customers)] = ask(TOTALS, first, last + timedelta(days=1))
    average = round(revenue / orders, 10) if orders else None
    return {
        "revenue": revenue,
        "orders": orders,
        "customers": customers,
        "average order value": average if average is not None else Decimal("NaN"),
    }


def chart(page: AppTest, place: int) -> dict[str, Any]:
    figure: dict[str, Any] = json.loads(page.get("plotly_chart")[place].proto.spec)
    return figure


def numbers(values: Any) -> list[float]:
    """A trace's numbers, which Plotly writes as bytes in base64."""
    if isinstance(values, dict):
        return [float(n) for n in np.frombuffer(base64.b64decode(values["bdata"]), values["dtype"])]
    return [float("nan") if value is None else float(value) for value in values]


def plain(text: str) -> str:
    """Without the signs that keep Markdown from reading it."""
    return re.sub(r"\\(.)", r"\1", text)
