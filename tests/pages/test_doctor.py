"""The doctor says in a terminal what the pages of the operators say."""

import re

import pytest
from streamlit.testing.v1 import AppTest

from dashboard import app, ui
from dashboard.advice import Level, Verdict
from dashboard.doctor import CHECKS, Patient, examine
from tests.pages.conftest import OpenPage, Show
from tests.reads import Admin

PAGES = {
    "cache": "Cache",
    "freshness": "Freshness",
    "slow_queries": "Slow queries",
    "database": "Indexes, tables and sessions",
    "system": "System",
}
KINDS = {"success": Level.GOOD, "info": Level.NOTE, "warning": Level.WARNING, "error": Level.BAD}
TROUBLE = (
    "INSERT INTO dashboard.slow_statements (process, number, finished_at, query, param_names, rows, wait_ms, "
    "run_ms, asker, outcome) VALUES ('p', 1, now(), 'business/customers', '{}', 1, 5, 9000, 'page /', 'answered')",
    "CREATE INDEX again ON shop.orders (customer_id, order_status, order_purchase_timestamp)",
    "UPDATE dashboard.view_states SET refreshed_at = NULL",
)


@pytest.fixture
def ill_url(own_shop_url: str, admin: Admin) -> str:
    """URL of a shop that has something for each page to tell."""
    for statement in TROUBLE:
        admin(statement)
    return own_shop_url


def without_figures(text: str) -> str:
    """Those of moments, which go on."""
    return re.sub(r"[\d.,]*\d", "#", text)


def shown(page: AppTest) -> list[tuple[Level, str]]:
    return sorted(
        (level, without_figures(one.value))
        for kind, level in KINDS.items()
        for one in page.get(kind)
        if one.value.startswith("**")
    )


def said(verdicts: list[Verdict]) -> list[tuple[Level, str]]:
    return sorted(
        (one.level, without_figures(f"**{ui.spoken(one.finding)}** {ui.spoken(one.advice)}".strip()))
        for one in verdicts
    )


@pytest.mark.parametrize("name", PAGES)
def test_it_says_what_the_page_says(name: str, ill_url: str, open_page: OpenPage, show: Show) -> None:
    show(ill_url)
    page = open_page(name)
    assert not page.exception
    data = app.process_data()
    [(_, verdicts)] = examine(
        Patient(data.settings, data.database), [check for check in CHECKS if check[0] == PAGES[name]]
    )
    assert verdicts
    assert shown(page) == said(verdicts)
