"""The measures and dimensions that pages speak of: each with its definition, its grain and its format."""

from dataclasses import dataclass

import polars as pl

from dashboard.notation import Format, Number


@dataclass(frozen=True, slots=True)
class Measure:
    """A figure that can be shown over time.

    ``total`` computes it from the rows of ``business/daily_sales``. It is None for a figure that can't be
    had from the days: it is then counted from the people of each day.
    """

    name: str
    label: str
    definition: str
    format: Format
    total: pl.Expr | None


REVENUE = Measure(
    "revenue",
    "Revenue",
    "The sum of all payments for the orders of these days, freight included.",
    Format.MONEY,
    pl.col("total_revenue").sum(),
)
ORDERS = Measure(
    "orders",
    "Orders",
    "Orders placed on these days, whatever became of them; also those without a payment.",
    Format.COUNT,
    pl.col("total_orders").sum(),
)
CUSTOMERS = Measure(
    "customers",
    "Customers",
    "Different people who ordered on these days. Somebody who ordered on two days counts once, so the "
    "customers of several days do not add up.",
    Format.COUNT,
    None,
)
AVERAGE_ORDER_VALUE = Measure(
    "average_order_value",
    "Average order value",
    "Revenue divided by orders.",
    Format.MONEY,
    pl.when(pl.col("total_orders").sum() > 0).then(
        pl.col("total_revenue").sum().cast(pl.Float64) / pl.col("total_orders").sum()
    ),
)

MEASURES: dict[str, Measure] = {
    measure.name: measure for measure in (REVENUE, ORDERS, CUSTOMERS, AVERAGE_ORDER_VALUE)
}


@dataclass(frozen=True, slots=True)
class Dimension:
    """A column to break an additive figure down by; ``value`` is the figure's column in ``query``."""

    name: str
    label: str
    query: str
    value: str
    value_label: str
    definition: str
    format: Format


STATE = Dimension(
    "state",
    "States",
    "business/sales_by_state",
    "total_revenue",
    "Revenue",
    "Revenue by the state that the customer lives in. The states add up to all revenue.",
    Format.MONEY,
)
CATEGORY = Dimension(
    "category",
    "Categories",
    "business/sales_by_category",
    "item_sales",
    "Item sales",
    "Price and freight of the items sold. Payments belong to whole orders, so categories add up to item "
    "sales, not to revenue.",
    Format.MONEY,
)


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table as people see it; ``format`` is None where it holds a day or a yes or no."""

    name: str
    label: str
    format: Format | None = None


def change(now: Number | None, before: Number | None) -> float | None:
    """Relative change; None where there is nothing to compare with."""
    if now is None or not before:
        return None
    return float(now) / float(before) - 1
