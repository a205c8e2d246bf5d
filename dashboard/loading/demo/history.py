"""The past of the demo shop: all its rows, a chunk at a time."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl

from dashboard.loading.demo.assortment import Assortment, assortment, translation_rows
from dashboard.loading.demo.baskets import baskets, item_rows
from dashboard.loading.demo.brazil import CITY_STATES
from dashboard.loading.demo.deliveries import deliveries, timestamps
from dashboard.loading.demo.draw import Dice
from dashboard.loading.demo.payments import payment_rows, payments
from dashboard.loading.demo.people import customer_rows, first_orders, homes
from dashboard.loading.demo.reviews import review_rows
from dashboard.loading.demo.season import Season, season

UNPAID_ONE_IN = 100_000  # Olist's 99,441 orders hold one without a payment

Tables = dict[str, pl.DataFrame]


@dataclass(frozen=True, slots=True)
class DemoShop:
    """A shop with a past. Its rows depend on seed, number of orders and last day, not on the chunks."""

    dice: Dice
    season: Season
    goods: Assortment

    def tables(self, chunk_orders: int) -> Iterator[Tables]:
        """All tables: first what is sold, then what was ordered, by spans of whole days.

        A span has about ``chunk_orders`` orders, or one day's. No row comes before one that it refers to.
        """
        yield {
            "category_translation": translation_rows(),
            "products": self.goods.product_rows(),
            "sellers": self.goods.seller_rows(),
        }
        for first, end in self.season.spans(chunk_orders):
            yield self._span(first, end)

    def _span(self, first_day: int, end_day: int) -> Tables:
        dice, end = self.dice, self.season.end_seconds
        placed = self.season.purchases(dice, first_day, end_day)
        people = first_orders(dice, placed.numbers)
        cities = homes(dice, people)
        states = CITY_STATES[cities]
        filled = baskets(dice, self.goods, placed, states)
        paid = payments(dice, placed.numbers, filled.totals)
        origins = self.goods.origins(filled.first_products)
        sent = deliveries(dice, placed, paid.main_types, origins, states, end)
        customers = customer_rows(dice, placed.numbers, people, cities)
        ids = dice.ids("order", placed.numbers)
        unpaid = np.flatnonzero(placed.numbers % UNPAID_ONE_IN == UNPAID_ONE_IN // 2)
        return {
            "customers": customers,
            "orders": sent.order_rows(placed, ids, customers["customer_id"]),
            "order_items": item_rows(dice, self.goods, filled, ids, timestamps(sent.limits), sent.listed),
            "order_payments": payment_rows(paid, ids, unpaid),
            "order_reviews": review_rows(dice, placed.numbers, sent, ids, end),
        }


def demo_shop(orders: int, seed: int, last_day: date) -> DemoShop:
    """A shop that had ``orders`` orders until ``last_day``."""
    dice = Dice(seed)
    return DemoShop(dice, season(orders, last_day, dice), assortment(dice, orders))
