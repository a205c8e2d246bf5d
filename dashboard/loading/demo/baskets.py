"""What is in each order: items, their prices and their freight."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from dashboard.loading.demo.assortment import Assortment
from dashboard.loading.demo.brazil import distances_km
from dashboard.loading.demo.draw import Dice, Flags, Integers, starts, within
from dashboard.loading.demo.season import Purchases

# Orders in 10,000 with one item, two, … in Olist's public data set; its largest basket held 21.
ITEM_COUNTS = (9_006, 762, 134, 51, 21, 20, 2, 1, 1, 2)
SAME_PRODUCT = 0.7  # of an order's further items are more of its first
MOST_ITEMS = 16  # numbers of draws between one order's items and the next one's

# In cents; fitted to the medians by state and weight in Olist's public data set.
FREIGHT_BASE, FREIGHT_PER_KM, FREIGHT_PER_G = 1_130, 0.75, 0.12
FREIGHT_SIGMA = 0.18
FREE_FREIGHT = 0.004  # of the items


@dataclass(frozen=True, slots=True)
class Baskets:
    """The items of a chunk's orders, in order; amounts in cents."""

    counts: Integers  # items an order
    products: Integers
    prices: Integers
    freights: Integers

    @property
    def first_products(self) -> Integers:
        """The product that each order's first item is."""
        return self.products[starts(self.counts)]

    @property
    def totals(self) -> Integers:
        """What each order costs, in cents."""
        return np.add.reduceat(self.prices + self.freights, starts(self.counts))


def baskets(dice: Dice, goods: Assortment, placed: Purchases, states: Integers) -> Baskets:
    """Fill the baskets of orders from customers in ``states``."""
    counts = dice.choices("items", placed.numbers, ITEM_COUNTS) + 1
    item = within(counts)
    draws = np.repeat(placed.numbers, counts) * MOST_ITEMS + item
    same = dice.shares("same product", draws) < SAME_PRODUCT
    products = goods.picks(np.repeat(placed.months, counts), np.where(same, draws - item, draws))
    kilometres = distances_km()[goods.origins(products), np.repeat(states, counts)]
    exact = FREIGHT_BASE + FREIGHT_PER_KM * kilometres + FREIGHT_PER_G * goods.weights[products]
    freights = (exact * dice.log_normal("freight", draws, FREIGHT_SIGMA)).astype(np.int64)
    free = dice.shares("free freight", draws) < FREE_FREIGHT
    return Baskets(counts, products, goods.prices[products], np.where(free, 0, freights))


def item_rows(
    dice: Dice, goods: Assortment, filled: Baskets, order_ids: pl.Series, limits: pl.Series, listed: Flags
) -> pl.DataFrame:
    """The rows of ``shop.order_items``; ``limits`` are the orders' shipping limits.

    Orders that are not ``listed`` have none: Olist keeps no items of what became unavailable.
    """
    kept = np.repeat(listed, filled.counts)
    positions = np.repeat(np.arange(len(filled.counts)), filled.counts)[kept]
    products = filled.products[kept]
    return pl.DataFrame(
        {
            "order_id": order_ids[positions],
            "order_item_id": within(filled.counts)[kept] + 1,
            "product_id": dice.ids("product", products),
            "seller_id": dice.ids("seller", goods.sellers[products]),
            "shipping_limit_date": limits[positions],
            "price": filled.prices[kept] / 100,
            "freight_value": filled.freights[kept] / 100,
        }
    )
