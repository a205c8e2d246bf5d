"""A short soak of freshness with all its troubles, and whether its witness would notice what it looks for."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.freshness_soak import run
from bench.freshness_soak.witness import Witness
from dashboard.database import Database
from dashboard.refresh import refresh_pending
from tests import shop

SECONDS, TROUBLES = 20.0, 5

Admin = Callable[..., list[tuple[Any, ...]]]


def test_nothing_is_lost_whatever_is_killed(tmp_path: Path) -> None:
    outcome = run(tmp_path, seconds=SECONDS, seed="short", troubles=TROUBLES)
    assert outcome.problems == []
    assert sum(outcome.counts["trouble"].values()) >= TROUBLES
    assert sum(outcome.counts["change"].values()) > TROUBLES
    assert outcome.counts["seen"]["states"] > 3
    assert outcome.counts["seen"]["claims compared with a state"] > 0


class TestWitness:
    @pytest.fixture
    def witness(self, database_url: str, database: Database, tmp_path: Path) -> Witness:
        """Of a shop whose views show everything."""
        shop.fill(database_url, tmp_path)
        refresh_pending(database, timeout_seconds=60)
        witness = Witness(database)
        assert witness.look() == []
        return witness

    def test_right_views_are_no_problem(self, witness: Witness, admin: Admin, database: Database) -> None:
        admin("UPDATE shop.order_payments SET payment_value = payment_value + 1")
        assert "daily_sales_metrics" in witness.look()
        refresh_pending(database, timeout_seconds=60)
        assert witness.look() == []
        assert witness.problems == []

    def test_lost_change_is_seen(self, witness: Witness, admin: Admin) -> None:
        admin("UPDATE shop.order_payments SET payment_value = payment_value + 1")
        admin("TRUNCATE dashboard.change_log")
        witness.look()
        assert any("rows differ" in problem for problem in witness.problems)

    def test_other_rows_in_the_same_version_are_seen(self, witness: Witness, admin: Admin) -> None:
        admin("UPDATE shop.order_payments SET payment_value = payment_value + 1")
        admin("REFRESH MATERIALIZED VIEW dashboard.daily_sales_metrics")
        witness.look()
        assert any("with other rows" in problem for problem in witness.problems)

    def test_version_that_goes_back_is_seen(self, witness: Witness, admin: Admin) -> None:
        admin("UPDATE dashboard.versions SET version = version - 1")
        witness.look()
        assert any("from version" in problem for problem in witness.problems)
