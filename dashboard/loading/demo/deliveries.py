"""What becomes of each order, and when: approved, handed to the carrier, delivered, or not."""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import polars as pl

from dashboard.loading.demo.brazil import distances_km
from dashboard.loading.demo.draw import Dice, Flags, Floats, Integers, named
from dashboard.loading.demo.payments import PaymentType
from dashboard.loading.demo.season import DAY_SECONDS, Purchases

NEVER = np.iinfo(np.int64).max


class Status(IntEnum):
    """Named as in Olist's files, in small letters."""

    CREATED = 0
    APPROVED = 1
    PROCESSING = 2
    INVOICED = 3
    SHIPPED = 4
    DELIVERED = 5
    UNAVAILABLE = 6
    CANCELED = 7


# Where orders end, in 100,000, in Olist's public data set; a few stay under way for ever.
FATES = {
    Status.DELIVERED: 97_020,
    Status.SHIPPED: 1_113,
    Status.CANCELED: 629,
    Status.UNAVAILABLE: 612,
    Status.INVOICED: 316,
    Status.PROCESSING: 303,
    Status.APPROVED: 7,
}
UNSHIPPED = (Status.APPROVED, Status.PROCESSING, Status.INVOICED, Status.UNAVAILABLE)
CANCELED_UNAPPROVED, CANCELED_UNSHIPPED = 0.25, 0.85  # of the canceled orders
UNLISTED = {Status.UNAVAILABLE: 0.99, Status.CANCELED: 0.26}  # of these orders nobody knows the items

# Medians in days, each with the deviation of its logarithm; fitted to Olist's public data set.
CARD_DAYS, CARD_SIGMA = 0.018, 1.3
BOLETO_DAYS, BOLETO_SIGMA = 1.2, 0.45
HANDLING_DAYS, HANDLING_SIGMA = 1.9, 0.85
NEAR_TRANSIT_DAYS, TRANSIT_DAYS, TRANSIT_DAYS_PER_KM = 4.2, 6.6, 0.0035
TRANSIT_SIGMA = 0.56
NEAR_PROMISE_DAYS, PROMISE_DAYS, PROMISE_DAYS_PER_KM = 18.0, 23.5, 0.0045
PROMISE_SPREAD = 0.4  # promises range from this much less to this much more
# The carriers from January: slower with the rains of February and March and before Christmas.
SLOWNESS = (1.0, 1.2, 1.25, 1.0, 0.95, 0.9, 0.9, 0.85, 0.95, 1.0, 1.3, 1.15)
SHIPPING_LIMIT_DAYS = (3, 7)

# What an approved order is called, by how much of the time until its shipping has passed.
PACKING = {0.15: Status.APPROVED, 0.6: Status.PROCESSING, 1.0: Status.INVOICED}


@dataclass(frozen=True, slots=True)
class Deliveries:
    """The way of a chunk's orders, in seconds since 1970; what has not happened is NEVER."""

    status: Integers
    approved: Integers
    carried: Integers
    delivered: Integers
    promised: Integers  # a midnight
    limits: Integers  # until when the seller has to ship
    listed: Flags  # whether the order's items are known

    def order_rows(self, placed: Purchases, order_ids: pl.Series, customer_ids: pl.Series) -> pl.DataFrame:
        """The rows of ``shop.orders``."""
        return pl.DataFrame(
            {
                "order_id": order_ids,
                "customer_id": customer_ids,
                "order_status": named([each.name.lower() for each in Status], self.status),
                "order_purchase_timestamp": timestamps(placed.seconds),
                "order_approved_at": timestamps(self.approved),
                "order_delivered_carrier_date": timestamps(self.carried),
                "order_delivered_customer_date": timestamps(self.delivered),
                "order_estimated_delivery_date": timestamps(self.promised),
            }
        )


def deliveries(
    dice: Dice, placed: Purchases, main_types: Integers, origins: Integers, states: Integers, end: int
) -> Deliveries:
    """Follow orders from the states ``origins`` to ``states``, up to the moment ``end``."""
    numbers = placed.numbers
    fate = np.array(list(FATES))[dice.choices("fate", numbers, list(FATES.values()))]
    approved, carried, delivered = _way(dice, placed, main_types, origins, states)
    packing = _packing(fate, (end - approved) / (carried - approved))
    limits = approved + dice.integers("shipping limit", numbers, *SHIPPING_LIMIT_DAYS) * DAY_SECONDS
    canceled_at = np.where(fate == Status.CANCELED, dice.shares("canceled", numbers), 1.0)
    approved = _if(canceled_at >= CANCELED_UNAPPROVED, approved, end)
    carried = _if((canceled_at >= CANCELED_UNSHIPPED) & ~np.isin(fate, UNSHIPPED), carried, end)
    delivered = _if(fate == Status.DELIVERED, delivered, end)
    status = _status(fate, approved, carried, delivered, packing)
    listed = dice.shares("listed", numbers) >= _unlisted(status)
    promised = _promised(dice, placed, origins, states)
    return Deliveries(status, approved, carried, delivered, promised, limits, listed)


def timestamps(seconds: Integers) -> pl.Series:
    """Seconds since 1970 as timestamps; null for NEVER."""
    times = pl.from_epoch(pl.Series(np.where(seconds == NEVER, 0, seconds)))
    return times.set(pl.Series(seconds == NEVER), None)


def _way(
    dice: Dice, placed: Purchases, main_types: Integers, origins: Integers, states: Integers
) -> tuple[Integers, Integers, Integers]:
    """When each order would be approved, handed to the carrier and delivered, if nothing stops it."""
    numbers = placed.numbers
    by_card = CARD_DAYS * dice.log_normal("card approval", numbers, CARD_SIGMA)
    by_boleto = BOLETO_DAYS * dice.log_normal("boleto approval", numbers, BOLETO_SIGMA)
    approval = np.where(main_types == PaymentType.BOLETO, by_boleto, by_card)
    handling = HANDLING_DAYS * dice.log_normal("handling", numbers, HANDLING_SIGMA)
    transit = np.where(
        origins == states,
        NEAR_TRANSIT_DAYS,
        TRANSIT_DAYS + TRANSIT_DAYS_PER_KM * distances_km()[origins, states],
    )
    slowed = transit * np.array(SLOWNESS)[placed.months] * dice.log_normal("transit", numbers, TRANSIT_SIGMA)
    approved = placed.seconds + _seconds(approval)
    carried = approved + _seconds(handling)
    return approved, carried, carried + _seconds(slowed)


def _promised(dice: Dice, placed: Purchases, origins: Integers, states: Integers) -> Integers:
    """The midnight by which each order is to be delivered."""
    far = PROMISE_DAYS + PROMISE_DAYS_PER_KM * distances_km()[origins, states]
    usual = np.where(origins == states, NEAR_PROMISE_DAYS, far)
    spread = 1 - PROMISE_SPREAD + 2 * PROMISE_SPREAD * dice.shares("promise", placed.numbers)
    purchase_day = placed.seconds // DAY_SECONDS
    return (purchase_day + (usual * spread).astype(np.int64) + 1) * DAY_SECONDS


def _if(happens: Flags, seconds: Integers, end: int) -> Integers:
    """The times of what happens, and that before ``end``; else NEVER."""
    return np.where(happens & (seconds < end), seconds, NEVER)


def _packing(fate: Integers, elapsed: Floats) -> Integers:
    """What an approved order is called until it is shipped; some are called so for ever."""
    stages = np.array(list(PACKING.values()))[np.searchsorted(list(PACKING)[:-1], elapsed)]
    return np.where(np.isin(fate, UNSHIPPED), fate, stages)


def _status(
    fate: Integers, approved: Integers, carried: Integers, delivered: Integers, packing: Integers
) -> Integers:
    """The first that holds."""
    holds = {
        Status.CANCELED: fate == Status.CANCELED,
        Status.CREATED: approved == NEVER,
        Status.DELIVERED: delivered != NEVER,
        Status.SHIPPED: carried != NEVER,
    }
    return np.select(list(holds.values()), list(holds), packing)


def _unlisted(status: Integers) -> Floats:
    return np.select([status == each for each in UNLISTED], list(UNLISTED.values()), 0.0)


def _seconds(days: Floats) -> Integers:
    """At least one, so that nothing takes no time."""
    return (days * DAY_SECONDS).astype(np.int64) + 1
