"""What can be asked of a breakdown, and what an address can say of it."""

import pytest

from dashboard.errors import ParameterError
from dashboard.explore import Breakdown, adds_up, filters, is_possible
from dashboard.measures import (
    CATEGORY,
    CUSTOMERS,
    DAY,
    HOUR,
    ITEM_SALES,
    MONTH,
    ORDER_VALUE,
    ORDERS,
    PAYMENT_TYPE,
    REVENUE,
    STATE,
    STATUS,
    UNITS,
    Dimension,
    Measure,
)


@pytest.mark.parametrize(
    ("measures", "dimensions", "words"),
    [
        ((REVENUE,), (CATEGORY,), "Revenue can't be broken down by category"),
        ((UNITS,), (PAYMENT_TYPE,), "Units can't be broken down by payment type"),
        ((ORDERS,), (CATEGORY, PAYMENT_TYPE), "category and payment type at once"),
        ((ORDERS,), (STATE, STATUS, HOUR, DAY), "at most 3"),
        ((ORDERS,), (STATE, STATE), "State can be asked for once"),
        ((), (STATE,), "needs a measure"),
    ],
)
def test_what_cannot_be_combined_is_said(
    measures: tuple[Measure, ...], dimensions: tuple[Dimension, ...], words: str
) -> None:
    with pytest.raises(ParameterError, match=words):
        Breakdown(measures, dimensions)


def test_error_names_what_can_be_broken_down() -> None:
    with pytest.raises(ParameterError, match=r"What can: .*Item sales"):
        Breakdown((REVENUE,), (CATEGORY,))


@pytest.mark.parametrize(
    ("measure", "dimension", "is_able", "comes_to_total"),
    [
        (REVENUE, STATE, True, True),
        (REVENUE, PAYMENT_TYPE, True, True),
        (REVENUE, CATEGORY, False, False),
        (ITEM_SALES, CATEGORY, True, True),
        (ORDERS, STATE, True, True),
        (ORDERS, PAYMENT_TYPE, True, False),  # an order may have two
        (CUSTOMERS, STATE, True, False),  # and a person may move
        (ORDERS, MONTH, True, True),
    ],
)
def test_what_is_possible_and_what_adds_up(
    measure: Measure, dimension: Dimension, is_able: bool, comes_to_total: bool
) -> None:
    assert is_possible(measure, dimension) == is_able
    if is_able:
        assert adds_up(measure, dimension) == comes_to_total
        asked = Breakdown((measure,), (dimension,))
        assert all(map(asked.comes_to_total, asked.components)) == comes_to_total


def test_filters_are_read_from_an_address() -> None:
    [state, hour] = filters({"state": ["SP", "RJ"], "hour": ["7"]})
    assert (state.dimension, state.members) == (STATE, ("SP", "RJ"))
    assert (hour.dimension, hour.members) == (HOUR, (7,))


@pytest.mark.parametrize(
    ("name", "member"),
    [
        ("planet", "Mars"),
        ("hour", "24"),
        ("hour", "noon"),
        ("weekday", "0"),
        (ORDER_VALUE.name, "99"),
        ("installments", str(2**31)),
        ("day", "2017-02-30"),
        ("state", "S\0P"),
    ],
)
def test_what_an_address_cannot_mean_is_said(name: str, member: str) -> None:
    with pytest.raises(ParameterError):
        filters({name: [member]})
