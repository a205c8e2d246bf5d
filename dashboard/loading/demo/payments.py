"""How orders are paid for: by card, boleto or voucher, in one or several parts that make the exact total."""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import polars as pl

from dashboard.loading.demo.draw import Dice, Integers, named, starts, within


class PaymentType(IntEnum):
    """Named as in Olist's files, in small letters."""

    CREDIT_CARD = 0
    BOLETO = 1
    VOUCHER = 2
    DEBIT_CARD = 3


# Orders in 1,000 by how they are mainly paid, from Olist's public data set.
MAIN_TYPES = (756, 197, 32, 15)
# Orders in 10,000 that are paid in one, two, … parts. All parts but the first are vouchers.
PART_COUNTS = (9_620, 301, 39, 16, 10, 7, 4, 2, 1)
MOST_PARTS = 16  # numbers of draws between one order's parts and the next one's

# Card payments by number of installments, from 1 to 24, below each amount in cents: the dearer, the more.
INSTALLMENTS = {
    8_000: (55, 19, 13, 7, 4, 1.2, 0.3, 0.3, 0.1, 0.2),
    20_000: (30, 18, 16, 11, 8, 5, 2, 6, 0.9, 3),
    10**12: (19, 10, 11, 9, 8, 8, 3, 9, 1.5, 20, 0.1, 0.7, 0, 0.1, 0.4, *(0, 0, 0.2, 0, 0.1, 0, 0, 0, 0.1)),
}


@dataclass(frozen=True, slots=True)
class Payments:
    """The payments of a chunk's orders, in order; the amounts of one order add up to its total."""

    main_types: Integers  # a PaymentType an order
    counts: Integers  # payments an order
    types: Integers
    installments: Integers
    cents: Integers


def payments(dice: Dice, numbers: Integers, totals: Integers) -> Payments:
    """Pay for orders that cost ``totals`` cents."""
    main_types = dice.choices("payment type", numbers, MAIN_TYPES)
    counts = dice.choices("payment parts", numbers, PART_COUNTS) + 1
    # Nobody adds a voucher to a boleto or debit card: such orders are paid in one part.
    whole = (main_types == PaymentType.BOLETO) | (main_types == PaymentType.DEBIT_CARD)
    counts = np.where(whole, 1, counts)
    firsts, part = starts(counts), within(counts)
    draws = np.repeat(numbers, counts) * MOST_PARTS + part
    # A voucher pays less than an equal part, so something is left for the first payment.
    vouchers = (np.repeat(totals // counts, counts) * dice.shares("voucher", draws)).astype(np.int64)
    vouchers[firsts] = 0
    cents = vouchers.copy()
    cents[firsts] = totals - np.add.reduceat(vouchers, firsts)
    types = np.where(part == 0, np.repeat(main_types, counts), PaymentType.VOUCHER)
    return Payments(main_types, counts, types, _installments(dice, draws, types, cents), cents)


def payment_rows(paid: Payments, order_ids: pl.Series, unpaid: Integers) -> pl.DataFrame:
    """The rows of ``shop.order_payments``; the orders at the positions ``unpaid`` have none."""
    positions = np.repeat(np.arange(len(paid.counts)), paid.counts)
    kept = ~np.isin(positions, unpaid)
    return pl.DataFrame(
        {
            "order_id": order_ids[positions],
            "payment_sequential": within(paid.counts) + 1,
            "payment_type": named([each.name.lower() for each in PaymentType], paid.types),
            "payment_installments": paid.installments,
            "payment_value": paid.cents / 100,
        }
    ).filter(kept)


def _installments(dice: Dice, draws: Integers, types: Integers, cents: Integers) -> Integers:
    chosen = [dice.choices("installments", draws, weights) + 1 for weights in INSTALLMENTS.values()]
    dearness = np.searchsorted(list(INSTALLMENTS)[:-1], cents, side="right")
    return np.where(types == PaymentType.CREDIT_CARD, np.choose(dearness, chosen), 1)
