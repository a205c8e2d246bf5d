"""Writers of the shop, several at a time: none of them knows of views."""

import itertools
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from datetime import date, timedelta

from bench.soak.changes import KINDS, WEIGHTS
from bench.soak.claim import FIRST_DAY, LAST_DAY
from dashboard.catalogue import catalogue
from dashboard.database import Database, Writer
from dashboard.errors import DatabaseError, DatabaseUnavailable
from dashboard.refresh import refresh_views

PAUSE_SECONDS = 0.3  # between two transactions, at most
HESITATION_SECONDS = 0.4  # within one, at most
CHANGED_MONTHS = (2, 5, 6, 9, 10, 11)  # the days of others stay as they are

_HESITATING_SHARE, _UNDONE_SHARE, _FILLING_SHARE = 0.3, 0.1, 0.5

# Only one who replaces a table waits for the other writers: else they could wait for each other.
_BESIDE_OTHERS = "SELECT pg_advisory_xact_lock_shared(hashtext('the shop'))"
_ALONE = "SELECT pg_advisory_xact_lock(hashtext('the shop'))"

_MOVE_HOUSE = """
UPDATE shop.customers SET customer_state = (ARRAY['SP', 'RJ', 'MG', 'AM'])[1 + (%(count)s + length(customer_id)) %% 4]
WHERE customer_id IN (SELECT customer_id FROM shop.orders WHERE purchase_date = %(day)s)
"""
_RENAME = """
UPDATE shop.category_translation SET product_category_name_english = 'renamed ' || %(count)s
WHERE product_category_name = (SELECT min(product_category_name) FROM shop.category_translation)
"""
_REPLACE_PAYMENTS = (
    "CREATE TEMPORARY TABLE kept ON COMMIT DROP AS SELECT * FROM shop.order_payments",
    "TRUNCATE shop.order_payments",
    """
    INSERT INTO shop.order_payments
    SELECT kept.* FROM kept JOIN shop.orders USING (order_id) WHERE purchase_date <> %(day)s
    """,
)
_KEEP_TRANSLATION = "CREATE TABLE IF NOT EXISTS public.translation AS SELECT * FROM shop.category_translation"
_EMPTY_TRANSLATION = "TRUNCATE shop.category_translation"
_FILL_TRANSLATION = "INSERT INTO shop.category_translation SELECT * FROM public.translation"


class _Undone(Exception):
    """A transaction that is not to be."""


class Author:
    """Changes the orders of some days, which no other author does; ``counts`` says how often, and how it ended."""

    def __init__(self, database: Database, number: int, authors: int, draw: random.Random) -> None:
        self._database, self._draw = database, draw
        self._batches = itertools.count(1 + number, authors)
        self._days = [day for n, day in enumerate(_days()) if n % authors == number]
        self._is_librarian = number == 0  # who alone changes what is of no day
        self.counts: Counter[str] = Counter()
        self.problems: list[str] = []

    def write(self, stop: threading.Event) -> None:
        """Change the shop until told to stop."""
        changes: list[tuple[Callable[[], None], float]] = [(self._order, 8.0)]
        if self._is_librarian:
            changes += [(self._rename, 1.0), (self._replace_payments, 0.5), (self._replace_translation, 0.5)]
        kinds, weights = zip(*changes, strict=True)
        while not stop.wait(self._draw.uniform(0, PAUSE_SECONDS)):
            [change] = self._draw.choices(kinds, weights)
            self.counts[self._ending(change)] += 1

    def _ending(self, change: Callable[[], None]) -> str:
        try:
            change()
        except _Undone:
            return "undone"
        except DatabaseUnavailable:
            return "lost"
        except DatabaseError as error:
            self.problems.append(f"{change.__name__}: {error!r}")
            return "failed"
        return change.__name__.strip("_").replace("_", " ")

    def _order(self) -> None:
        with self._database.writer() as writer:
            writer.execute(_BESIDE_OTHERS)
            for kind in self._draw.choices(
                (*KINDS, (_MOVE_HOUSE,)), (*WEIGHTS, 1), k=self._draw.randint(1, 3)
            ):
                self._run(writer, *kind)
                if self._draw.random() < _HESITATING_SHARE:
                    time.sleep(self._draw.uniform(0, HESITATION_SECONDS))
            if self._draw.random() < _UNDONE_SHARE:
                raise _Undone

    def _rename(self) -> None:
        with self._database.writer() as writer:
            self._run(writer, _RENAME)

    def _replace_payments(self) -> None:
        """In one transaction, which may fill views as well, as a load does."""
        with self._database.writer() as writer:
            writer.execute(_ALONE)
            self._run(writer, *_REPLACE_PAYMENTS)
            if self._draw.random() < _FILLING_SHARE:
                views = catalogue().views
                chosen = views if self._draw.random() < 0.5 else self._draw.sample(views, 2)
                refresh_views(writer, reason="load", views=chosen)

    def _replace_translation(self) -> None:
        """In two transactions, so that a refresh may find an empty table."""
        with self._database.writer() as writer:
            writer.execute(_KEEP_TRANSLATION)
        with self._database.writer() as writer:
            writer.execute(_EMPTY_TRANSLATION)
        time.sleep(self._draw.uniform(0, HESITATION_SECONDS))
        with self._database.writer() as writer:
            writer.execute(_EMPTY_TRANSLATION)
            writer.execute(_FILL_TRANSLATION)

    def _run(self, writer: Writer, *statements: str) -> None:
        day, other = self._draw.choice(self._days), self._draw.choice(self._days)
        values = {
            "day": day,
            "other": other,
            "batch": next(self._batches),
            "count": self._draw.randint(1, 12),
        }
        for statement in statements:
            writer.execute(statement, values)


def _days() -> list[date]:
    """The days whose orders change."""
    days = (FIRST_DAY + timedelta(n) for n in range((LAST_DAY - FIRST_DAY).days + 1))
    return [day for day in days if day.month in CHANGED_MONTHS]
