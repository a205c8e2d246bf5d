"""A table of pages, each in its usual state and without what it stands on."""

import psycopg
import pytest
import sqlalchemy as sa
from streamlit.testing.v1 import AppTest

from tests.pages.conftest import OpenPage, Show
from tests.servers import free_port

Query = dict[str, str | list[str]]

PAGES = ("overview", "sales", "explore", "products", "customers")
CARDS = {"overview": 5, "sales": 3, "explore": 4, "products": 4, "customers": 0}
"""How many parts of a page stand or fall by themselves. Customers need all orders ever, and so nothing more later."""


@pytest.mark.usefixtures("shown")
@pytest.mark.parametrize("name", PAGES)
def test_page_draws(open_page: OpenPage, name: str) -> None:
    page = open_page(name)
    assert not page.exception
    assert not page.error
    assert not page.warning
    assert page.subheader[0].value.lower() == name
    assert page.get("plotly_chart")


VIEWS = [
    *((name, {}) for name in PAGES),
    *(("sales", {"view": view}) for view in ("cumulative", "hours", "breakdown", "values", "delivery")),
    *(("explore", {"look": look, "by": "month"}) for look in ("lines", "table")),
    *(("explore", {"look": look, "by": ["state", "status"]}) for look in ("heat", "treemap", "table")),
]


@pytest.mark.usefixtures("shown")
@pytest.mark.parametrize(("name", "query"), VIEWS, ids=str)
def test_every_chart_and_table_can_be_taken_away(open_page: OpenPage, name: str, query: Query) -> None:
    page = open_page(name, **query)
    assert not page.exception
    menus = [one.proto.popover.label for one in page.get("popover")]
    charts, tables = len(page.get("plotly_chart")), len(page.dataframe)
    shown_twice = name == "customers"  # segments are a chart beside their table
    assert sum("Data" in label for label in menus) == charts - shown_twice
    assert sum("Export" in label for label in menus) == tables


@pytest.mark.parametrize("name", PAGES)
def test_page_without_an_order_says_what_to_run(
    open_page: OpenPage, show: Show, database_url: str, name: str
) -> None:
    show(database_url)
    page = open_page(name)
    assert not page.exception
    assert "python -m dashboard load demo" in page.info[0].value
    assert len(page.main) == 2  # the title and the advice


@pytest.mark.usefixtures("shown")
@pytest.mark.parametrize("name", PAGES)
def test_page_of_days_without_data_says_which_days_there_are(open_page: OpenPage, name: str) -> None:
    page = open_page(name, range="2001-02")
    assert not page.exception
    assert "1–28 Feb 2001" in page.caption[0].value
    assert not page.get("plotly_chart")
    assert {info.value for info in page.info} == {
        "No orders on these days. The data covers 1 Mar 2023 – 19 Mar 2025."
    }


@pytest.mark.parametrize("name", PAGES)
def test_page_on_a_database_that_never_answered_says_what_to_do(
    open_page: OpenPage, show: Show, name: str
) -> None:
    show(f"postgresql://nobody@127.0.0.1:{free_port()}/none")
    page = open_page(name)
    assert not page.exception
    assert "PostgreSQL does not answer" in page.error[0].value
    assert "Check that it runs" in page.error[0].value
    assert len(page.main) == 2  # the title and the advice


@pytest.mark.parametrize("name", PAGES)
def test_parts_of_a_page_fail_alone_while_the_database_is_away(
    open_page: OpenPage, show: Show, own_shop_url: str, server: str, name: str
) -> None:
    show(own_shop_url)
    before = open_page(name)

    let_in(server, own_shop_url, False)
    cached = open_page(name)
    assert not cached.exception
    assert not cached.error
    assert figures(cached) == figures(before)

    asked = open_page(name, range="90d")
    assert not asked.exception
    assert "20 Dec 2024 – 19 Mar 2025" in asked.caption[0].value
    assert len(asked.error) == CARDS[name]
    assert all("PostgreSQL does not answer" in error.value for error in asked.error)
    assert all("Check that it runs" in error.value for error in asked.error)

    let_in(server, own_shop_url, True)
    again = asked.run()
    assert not again.error
    assert len(again.get("plotly_chart")) == len(before.get("plotly_chart"))


@pytest.mark.parametrize("name", PAGES)
def test_page_draws_after_its_connections_were_cut(
    open_page: OpenPage, show: Show, own_shop_url: str, server: str, name: str
) -> None:
    show(own_shop_url, cache="null")
    open_page(name)
    cut(server, own_shop_url)
    page = open_page(name)
    assert not page.exception
    assert not page.error


@pytest.mark.parametrize("name", PAGES)
def test_page_draws_while_redis_is_away(open_page: OpenPage, show: Show, shop_url: str, name: str) -> None:
    show(shop_url, REDIS_URL=f"redis://127.0.0.1:{free_port()}/0")
    page = open_page(name)
    assert not page.exception
    assert not page.error
    assert page.get("plotly_chart")


def figures(page: AppTest) -> list[str]:
    return [metric.value for metric in page.metric] + [chart.proto.spec for chart in page.get("plotly_chart")]


def let_in(server: str, url: str, may_connect: bool) -> None:
    """Open a database to connections, or close it and cut those that there are."""
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE {sa.make_url(url).database} ALLOW_CONNECTIONS {may_connect}")
    if not may_connect:
        cut(server, url)


def cut(server: str, url: str) -> None:
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s",
            (sa.make_url(url).database,),
        )


def test_read_anew_asks_the_database_whatever_the_cache_has(
    open_page: OpenPage, show: Show, own_shop_url: str
) -> None:
    show(own_shop_url)
    page = open_page("overview")
    before = figures(page)
    with psycopg.connect(own_shop_url, autocommit=True) as connection:
        connection.execute("UPDATE shop.order_payments SET payment_value = payment_value + 1000")
        connection.execute("REFRESH MATERIALIZED VIEW dashboard.daily_sales_metrics")  # tells nobody
    assert figures(page.run()) == before
    page.button(key="renew tiles").click().run()
    assert not page.exception
    assert figures(page) != before
    assert "computed just now" in page.caption[1].value
