"""The page of slow queries: what was slow, what PostgreSQL counted, and plans; also while parts of it are missing."""

from streamlit.testing.v1 import AppTest

from dashboard import app, statements, telemetry
from dashboard.catalogue import catalogue
from tests.pages.conftest import OpenPage, Show
from tests.pages.test_freshness import STRANGE, titles
from tests.pages.test_pages import let_in
from tests.reads import Admin

CARDS = ["Slow and failed statements", "What PostgreSQL ran", "Plan"]
CUSTOMER = "business/customer"


def said(page: AppTest) -> str:
    parts = [*page.success, *page.info, *page.warning, *page.error, *page.caption]
    return " ".join(part.value for part in parts).replace("\\", "").replace("\u2060", "")


def fail(customer: str) -> None:
    """Somebody asked for a customer, and it took too long."""
    with telemetry.asking("page /customer"):
        log = app.process_data().statistics.statements
        log.record(catalogue()[CUSTOMER], [customer], 1, 200.0, 1_300.0, telemetry.asker(), None)
        log.flush(app.process_data().database)


def test_journey_from_all_is_well_to_the_plan_of_a_slow_query(
    open_page: OpenPage, show: Show, own_shop_url: str, server: str, admin: Admin
) -> None:
    show(own_shop_url)
    page = open_page("slow_queries")
    assert not page.exception
    assert titles(page) == CARDS
    assert "No statement took longer than 1 s or failed in the last 24 hours." in page.success[
        0
    ].value.replace("\\", "")
    assert "None in this time." in said(page)
    assert "The counters were first written down" in said(page)
    assert "`SET enable_nestloop = off`" in said(page)

    fail(STRANGE)
    assert statements.take(app.process_data().database, pause_seconds=0)
    page.run()
    assert not page.exception
    assert f"{CUSTOMER} was slow 1 time" in said(page)
    slow, counted = (table.value for table in page.dataframe)
    assert slow["query"].tolist() == [CUSTOMER]
    assert slow["asker"].tolist() == ["page /customer"]
    assert slow["parameters"].tolist() == [f"customer {STRANGE}"]
    assert len(counted)
    assert not [text for text in counted["statement"] if "daybook ops" in text]

    [(number,)] = admin("SELECT max(statement_id) FROM dashboard.slow_statements")
    page = open_page("slow_queries", plan=f"slow:{number}")
    page.button[-1].click().run()
    assert not page.exception
    assert not page.error
    assert page.code[0].value == catalogue()[CUSTOMER].sql
    assert f"{CUSTOMER} with customer {STRANGE}." in said(page)
    steps = page.dataframe[-1].value
    assert steps["step"][0]
    assert steps["rows"].notna().all()

    admin("DROP EXTENSION pg_stat_statements")
    admin("REVOKE SELECT ON dashboard.slow_statements FROM daybook_reader")
    page = open_page("slow_queries")
    assert not page.exception
    assert titles(page) == CARDS
    assert "`CREATE EXTENSION pg_stat_statements`" in said(page)
    assert "The database user lacks a right" in said(page)

    let_in(server, own_shop_url, False)
    page = open_page("slow_queries")
    assert not page.exception
    assert "PostgreSQL does not answer" in said(page)
    let_in(server, own_shop_url, True)


def test_address_chooses_a_query_and_reads_tell_their_page(
    open_page: OpenPage, show: Show, own_shop_url: str, admin: Admin
) -> None:
    show(own_shop_url, slow_statement_seconds=1e-6)
    assert not open_page("sales").exception
    app.process_data().statistics.statements.flush(app.process_data().database)
    assert admin("SELECT DISTINCT asker FROM dashboard.slow_statements") == [("page /sales",)]

    page = open_page("slow_queries", query="business/daily_sales", period="all", order="calls")
    assert not page.exception
    assert "Only business/daily_sales is shown." in said(page)
    assert set(page.dataframe[0].value["query"]) == {"business/daily_sales"}
    assert set(page.dataframe[1].value["statement"]) <= {"business/daily_sales"}
    page.button[-1].click().run()
    assert not page.error

    page = open_page("slow_queries", query="explore/orders")  # as a tile of Explore links to it
    assert "Only explore/orders is shown." in said(page)
    assert "Choose a row in a table above" in said(page)
    assert not page.error

    for query in (
        {"period": "between", "after": "x"},
        {"plan": "slow:999"},
        {"plan": "<b>", "query": STRANGE},
    ):
        page = open_page("slow_queries", **query)
        assert not page.exception
    assert "The address names no statement" in said(page)
    assert "`SET enable_nestloop = off`" in said(page)
