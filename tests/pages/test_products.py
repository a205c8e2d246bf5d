"""The page of products: what is chosen, what is drawn, and what is said of it."""

from decimal import Decimal
from typing import Any

import pytest

from tests.pages.conftest import Ask, OpenPage
from tests.pages.test_figures import chart, numbers, plain

pytestmark = pytest.mark.usefixtures("shown")

YEAR = ("2024-03-20", "2025-03-20")
SALES = """
SELECT {by}, sum(price + freight_value)
FROM shop.order_items
JOIN shop.orders USING (order_id)
JOIN shop.products USING (product_id)
LEFT JOIN shop.category_translation USING (product_category_name)
WHERE order_purchase_timestamp >= %s AND order_purchase_timestamp < %s
GROUP BY 1
ORDER BY 2 DESC
"""
CATEGORIES = SALES.format(
    by="initcap(left(product_category_name_english, 1)) || substr(replace(product_category_name_english, '_', ' '), 2)"
)
PRODUCTS = SALES.format(by="product_id")
BARS, CURVE, COURSES = range(3)


def sold(ask: Ask, sql: str) -> list[tuple[str, Decimal]]:
    return [(member or "(no category)", value) for member, value in ask(sql, *YEAR)]


@pytest.mark.parametrize(("kind", "sql"), [("categories", CATEGORIES), ("products", PRODUCTS)])
def test_bars_and_curve_are_what_the_tables_hold(open_page: OpenPage, ask: Ask, kind: str, sql: str) -> None:
    page, truth = open_page("products", range="12m", of=kind), sold(ask, sql)
    values = [value for _, value in truth]
    assert numbers(chart(page, BARS)["data"][1]["x"])[::-1] == pytest.approx(
        [float(one) for one in values[:24]]
    )
    needed = next(n for n in range(len(values)) if 5 * sum(values[:n]) >= 4 * sum(values))
    assert f"{needed:,} of {len(values):,} {kind} make 80% of item sales." in said(page)
    curve = chart(page, CURVE)["data"][0]
    assert (numbers(curve["x"])[-1], numbers(curve["y"])[-1]) == (len(values), pytest.approx(1))
    total = page.dataframe[0].value.iloc[-1]
    assert total["item_sales"] == pytest.approx(float(sum(values)))


def test_products_are_known_by_their_id_and_category(open_page: OpenPage, ask: Ask) -> None:
    page = open_page("products", range="12m", of="products")
    [(best, _), *_] = sold(ask, PRODUCTS)
    assert chart(page, BARS)["layout"]["yaxis"]["ticktext"][-1].startswith(f"{best[:8]}… · ")
    assert page.dataframe[0].value["product"][0] == best


@pytest.mark.parametrize(
    "measure",
    ["item_sales", "units", "average_price", "freight_share", "review_score", "late_share", "orders"],
)
@pytest.mark.parametrize("kind", ["categories", "products"])
def test_every_measure_can_be_shown(open_page: OpenPage, kind: str, measure: str) -> None:
    page = open_page("products", of=kind, measure=measure)
    assert not page.exception
    assert not page.error
    assert len(page.get("plotly_chart")) == 3
    assert list(page.dataframe[0].value.columns[1 if kind == "categories" else 2 :][:3]) == [
        measure,
        f"{measure}_before",
        f"{measure}_change",
    ]


def test_the_two_greatest_categories_are_compared_until_others_are_chosen(
    open_page: OpenPage, ask: Ask
) -> None:
    page = open_page("products", range="12m")
    greatest = [member for member, _ in sold(ask, CATEGORIES)[:2]]
    assert page.multiselect(key="compared_categories").value == greatest
    assert names(page) == greatest
    page.multiselect(key="compared_categories").select("Toys").run()
    assert page.query_params["compared_categories"] == [*greatest, "Toys"]
    assert names(page) == [*greatest, "Toys"]


def test_compared_categories_of_the_address_are_shown_even_if_they_sold_nothing(open_page: OpenPage) -> None:
    page = open_page("products", range="7d", compared_categories="Nonsense")
    assert not page.exception
    assert names(page) == ["Nonsense"]
    assert numbers(chart(page, COURSES)["data"][0]["y"]) == [0] * 7


def test_category_that_is_filtered_by_stands_out_among_all(open_page: OpenPage) -> None:
    page = open_page("products", range="12m", category="Toys")
    bars = chart(page, BARS)
    chosen = [opacity == 1 for opacity in bars["data"][1]["marker"]["opacity"]]
    assert [
        member for member, is_chosen in zip(bars["data"][1]["customdata"], chosen, strict=True) if is_chosen
    ] == ["Toys"]
    assert len(chosen) > 10
    assert numbers(chart(page, CURVE)["data"][0]["x"])[-1] > 10
    assert list(page.dataframe[0].value["category"]) == ["Toys", "Total"]


def said(page: Any) -> list[str]:
    return [plain(caption.value) for caption in page.caption]


def names(page: Any) -> list[str]:
    return [line["name"] for line in chart(page, COURSES)["data"]]
