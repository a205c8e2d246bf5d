"""A short soak with all its troubles, and whether its judge would notice what it looks for."""

from datetime import date
from pathlib import Path

import pytest

from bench.soak import History, run
from bench.soak.claim import Claim, Digest
from dashboard.catalogue import catalogue
from dashboard.data import STALE
from dashboard.database import Database
from dashboard.refresh import refresh_views
from dashboard.window import Span
from tests import shop

SECONDS = 12.0
DAILY, STATES, CUSTOMERS = "business/daily_sales", "business/sales_by_state", "business/customers"
DAYS = Span(date(2024, 1, 5), date(2024, 6, 20))
ORDER = """
WITH customer AS (INSERT INTO shop.customers VALUES ('{day}', 'a person', '01001', 'sao paulo', 'SP')),
placed AS (INSERT INTO shop.orders VALUES ('{day}', '{day}', 'delivered', '{day} 12:00'))
INSERT INTO shop.order_payments VALUES ('{day}', 1, 'boleto', 1, 100)
"""
ORDERS = ORDER.format(day=DAYS.start) + "; " + ORDER.format(day=DAYS.last)
PAY_MORE = "UPDATE shop.order_payments SET payment_value = payment_value + 1"


def test_no_reader_gets_a_wrong_row_or_an_error(database_url: str, tmp_path: Path) -> None:
    shop.fill(database_url, tmp_path / "filling")
    outcome = run(database_url, tmp_path / "soak", seconds=SECONDS, seed="short")
    assert outcome.is_clean, outcome
    assert outcome.states > 3
    assert sum(outcome.troubles.values()) > 3
    assert {"memory", "redis", "database"} <= outcome.sources.keys()


class TestJudge:
    @pytest.fixture
    def history(self, database: Database) -> History:
        """Of three states, the last two with the same rows."""
        history = History()
        views = [view.name for view in catalogue().views]
        for change, invalidated in ((ORDERS, []), (PAY_MORE, []), ("SELECT 'nothing'", views)):
            with database.writer() as writer:
                writer.execute(change)
                refresh_views(writer, reason="test", sources=invalidated)
            history.record(database)
        return history

    def claim(
        self, history: History, query: str = DAILY, *, version_of: int, rows_of: int, source: str = "memory"
    ) -> Claim:
        """That a query's answer is of the version of one state, with the rows of another."""
        version, rows = history.states[version_of], history.states[rows_of]
        sample, span = (1, None) if query == CUSTOMERS else (None, DAYS)
        claim = Claim("a reading", query, sample, span, 0, source, Digest(0, 0))
        return claim._replace(version=version.version(claim), digest=rows.digest(claim))

    @pytest.mark.parametrize("query", [DAILY, STATES, CUSTOMERS])
    def test_rows_of_the_version_are_right_and_others_are_wrong(self, history: History, query: str) -> None:
        right = [self.claim(history, query, version_of=n, rows_of=n) for n in range(3)]
        assert not history.wrong([*right, self.claim(history, query, version_of=2, rows_of=1)])
        assert history.wrong([self.claim(history, query, version_of=0, rows_of=1)])
        assert history.wrong([self.claim(history, query, version_of=1, rows_of=0)])

    def test_stale_rows_have_to_be_those_of_their_version_too(self, history: History) -> None:
        assert history.wrong([self.claim(history, version_of=0, rows_of=1, source=STALE)])

    def test_version_that_never_was_is_wrong(self, history: History) -> None:
        right = self.claim(history, version_of=1, rows_of=1)
        assert history.wrong([right._replace(version=right.version - 1)])

    def test_one_row_too_few_is_wrong(self, history: History) -> None:
        right = self.claim(history, version_of=1, rows_of=1)
        fewer = right._replace(span=Span(DAYS.start, DAYS.last))
        assert history.wrong([right._replace(digest=history.states[1].digest(fewer))])

    def test_answers_of_two_states_are_torn_but_for_the_stale_ones(self, history: History) -> None:
        new = [self.claim(history, query, version_of=1, rows_of=1) for query in (DAILY, STATES)]
        assert not history.torn(new)
        assert history.torn([*new, self.claim(history, CUSTOMERS, version_of=0, rows_of=0)])
        assert history.torn([*new, self.claim(history, version_of=2, rows_of=2)])
        assert not history.torn([*new, self.claim(history, version_of=0, rows_of=0, source=STALE)])
