"""Changes to the shop, each with a refresh of what it touches in the same transaction."""

import itertools
import random
import time
from collections import Counter
from datetime import timedelta

from bench.soak.claim import FIRST_DAY, LAST_DAY
from bench.soak.history import History
from dashboard.catalogue import catalogue
from dashboard.database import Database, Writer
from dashboard.refresh import refresh_views
from dashboard.versions import ANY, invalidate

PAUSE_SECONDS = 0.3

_INSERT = """
WITH new AS (
    SELECT 'soak ' || %(batch)s || '/' || n AS id, n FROM generate_series(1, %(count)s) AS n
), customers AS (
    INSERT INTO shop.customers (customer_id, customer_unique_id, customer_state)
    SELECT id, 'person ' || (n * %(batch)s) %% 500, (ARRAY['SP', 'RJ', 'MG'])[1 + n %% 3] FROM new
)
INSERT INTO shop.orders (order_id, customer_id, order_status, order_purchase_timestamp)
SELECT id, id, 'delivered', %(day)s::date + interval '12 hours' FROM new
"""
_INSERT_ITEMS = """
INSERT INTO shop.order_items (order_id, order_item_id, product_id, seller_id, price, freight_value)
SELECT order_id, 1, (SELECT min(product_id) FROM shop.products), 'soak', 10, 1
FROM shop.orders WHERE order_id LIKE 'soak ' || %(batch)s || '/%%'
"""
_INSERT_PAYMENTS = """
INSERT INTO shop.order_payments (order_id, payment_sequential, payment_type, payment_installments, payment_value)
SELECT order_id, 1, 'boleto', 1, 11 FROM shop.orders WHERE order_id LIKE 'soak ' || %(batch)s || '/%%'
"""
_PAY_MORE = """
UPDATE shop.order_payments SET payment_value = payment_value + %(count)s
WHERE order_id IN (SELECT order_id FROM shop.orders WHERE purchase_date = %(day)s)
"""
_MOVE = """
UPDATE shop.orders SET order_purchase_timestamp = %(other)s::date + interval '1 hour'
WHERE purchase_date = %(day)s
"""
_OF_DAY = "WHERE order_id IN (SELECT order_id FROM shop.orders WHERE purchase_date = %(day)s)"
_DELETE = (
    *(f"DELETE FROM shop.{table} {_OF_DAY}" for table in ("order_reviews", "order_items", "order_payments")),
    "DELETE FROM shop.orders WHERE purchase_date = %(day)s",
)
KINDS = ((_INSERT, _INSERT_ITEMS, _INSERT_PAYMENTS), (_PAY_MORE,), (_MOVE,), _DELETE)
WEIGHTS = (5, 2, 1, 2)  # so that the shop does not run empty

_UNDONE_SHARE, _INVALIDATED_SHARE = 0.1, 0.1  # of the changes
_ALL_SHARE = 0.5  # of the refreshes are of all views


class _Undone(Exception):
    """A transaction that is not to be."""


class Changes:
    """Random changes, one after another; ``counts`` says how many there were of each kind."""

    def __init__(self, database: Database, history: History, draw: random.Random) -> None:
        self._database, self._history, self._draw = database, history, draw
        self._batches = itertools.count(1)
        self.counts: Counter[str] = Counter()

    def make(self, until: float) -> None:
        """Change the shop until ``time.monotonic()`` says so, and record each state."""
        while time.monotonic() < until:
            self.counts[self._one()] += 1
            self._history.record(self._database)
            time.sleep(self._draw.uniform(0, PAUSE_SECONDS))

    def _one(self) -> str:
        fate = self._draw.random()
        if fate < _INVALIDATED_SHARE:
            invalidate(self._database, self._tag())
            return "invalidated"
        try:
            with self._database.writer() as writer:
                self._change(writer)
                if fate > 1 - _UNDONE_SHARE:
                    raise _Undone
        except _Undone:
            return "undone"
        return "refreshed"

    def _tag(self) -> str:
        """Of a query, a relation, or of many."""
        queries = catalogue().queries.values()
        tags = sorted({tag for query in queries for tag in query.tags})
        return self._draw.choice([*tags, f"business/{ANY}", ANY])

    def _change(self, writer: Writer) -> None:
        draw = self._draw
        for kind in draw.choices(KINDS, WEIGHTS, k=draw.randint(1, 3)):
            days = (LAST_DAY - FIRST_DAY).days
            day, other = (FIRST_DAY + timedelta(draw.randint(-20, days + 20)) for _ in range(2))
            batch, count = next(self._batches), draw.randint(1, 12)
            for statement in kind:
                writer.execute(statement, {"day": day, "other": other, "batch": batch, "count": count})
        views = catalogue().views
        chosen = views if draw.random() < _ALL_SHARE else draw.sample(views, draw.randint(1, 2))
        refresh_views(writer, reason="soak", views=chosen, sources=["orders", "order_payments"])
