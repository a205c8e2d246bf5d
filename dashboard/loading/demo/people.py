"""Who orders: mostly somebody new, sometimes a person who was here before, and a few again and again."""

import numpy as np
import polars as pl

from dashboard.loading.demo.brazil import CUSTOMER_WEIGHTS, addresses
from dashboard.loading.demo.draw import Dice, Flags, Integers

RETURNING = 0.0335  # of the orders; Olist has 99,441 orders of 96,096 people
REGULAR = 0.1  # of the returning orders are those of regulars …
REGULAR_EVERY = 1_500  # … of whom there is one among so many orders


def first_orders(dice: Dice, numbers: Integers) -> Integers:
    """The number of the first order of the person behind each order; it stands for the person."""
    first = numbers.copy()
    pending: Flags = np.ones(len(first), dtype=np.bool_)
    while pending.any():
        pending = (dice.shares("returns", first) < RETURNING) & (first > 0)
        first[pending] = _earlier_orders(dice, first[pending])
    return first


def _earlier_orders(dice: Dice, numbers: Integers) -> Integers:
    """An order that the same person made before; more often a recent one than a long past one."""
    share = dice.shares("how long ago", numbers)
    earlier = numbers - 1 - (numbers * (share * share * share)).astype(np.int64)
    regular = dice.shares("regular", numbers) < REGULAR
    return np.where(regular, earlier - earlier % REGULAR_EVERY, earlier)


def homes(dice: Dice, people: Integers) -> Integers:
    """The city of each person, as its position in ``CITIES``."""
    return dice.choices("home", people, CUSTOMER_WEIGHTS)


def customer_rows(dice: Dice, numbers: Integers, people: Integers, cities: Integers) -> pl.DataFrame:
    """The rows of ``shop.customers``: one an order, and the same address for all of a person's."""
    return pl.DataFrame(
        {
            "customer_id": dice.ids("customer", numbers),
            "customer_unique_id": dice.ids("person", people),
            **addresses(dice, "customer", people, cities),
        }
    )
