"""The measures and dimensions that pages speak of: each with its definition, its grain and its format."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from types import MappingProxyType
from typing import Any

import polars as pl

from dashboard.notation import Format, Number

_SECONDS_A_DAY = 86_400


class Facts(StrEnum):
    """What there is one row of. Payments and items hang off an order side by side: nothing joins the two."""

    ORDERS = "orders"
    PAYMENTS = "payments"
    ITEMS = "items"


@dataclass(frozen=True, slots=True, eq=False)
class Component:
    """What measures are made of: a sum of whole numbers, a number of rows, or one of different people.

    ``columns`` are what is added up, by facts, ``""`` where rows are counted; amounts are in cents. What only orders
    have is also known of their payments and items: there, each order counts once for a member. Components of two
    ranges of days add up, but for those that ``are_people``.
    """

    name: str
    columns: Mapping[Facts, str]
    are_people: bool = False

    def is_known_of(self, facts: Facts) -> bool:
        return facts in self.columns or self.columns.keys() == {Facts.ORDERS}


def _component(name: str, are_people: bool = False, **columns: str) -> Component:
    return Component(name, MappingProxyType({Facts(facts): of for facts, of in columns.items()}), are_people)


_REVENUE = _component("revenue", orders="revenue_cents", payments="paid_cents")
_ORDERS = _component("orders", orders="")
_PEOPLE = _component("people", are_people=True, orders="person", payments="person", items="person")
_PAYMENTS = _component("payments", payments="")
_UNITS = _component("units", items="")
_PRICE = _component("price", items="price_cents")
_FREIGHT = _component("freight", items="freight_cents")
_REVIEWS = _component("reviews", orders="reviews")
_STARS = _component("stars", orders="stars")
_DELIVERED = _component("delivered", orders="delivered")
_DELIVERY_SECONDS = _component("delivery_seconds", orders="delivery_seconds")
_LATE = _component("late", orders="late")


@dataclass(frozen=True, slots=True, eq=False)
class Measure:
    """A figure. ``value`` computes it from its components' columns, which have whole numbers.

    ``adds_up`` says whether the members of any dimension come to the total. ``total`` computes it from the rows of
    ``business/daily_sales``, where those have it.
    """

    name: str
    label: str
    definition: str
    format: Format
    components: tuple[Component, ...]
    value: pl.Expr
    adds_up: bool = True
    total: pl.Expr | None = None


def _money(cents: pl.Expr) -> pl.Expr:
    return cents.cast(pl.Decimal(38, 2)) / 100


def _ratio(of: Component, to: Component, unit: float = 1) -> pl.Expr:
    """How many of the one for each of the other; null where there is none of the other."""
    return pl.when(pl.col(to.name) > 0).then(pl.col(of.name) / pl.col(to.name) / unit)


REVENUE = Measure(
    "revenue",
    "Revenue",
    "The sum of all payments for the orders of these days, freight included.",
    Format.MONEY,
    (_REVENUE,),
    _money(pl.col("revenue")),
    total=pl.col("total_revenue").sum(),
)
ORDERS = Measure(
    "orders",
    "Orders",
    "Orders placed on these days, whatever became of them; also those without a payment. An order with several "
    "kinds of payment or categories counts once for each of them.",
    Format.COUNT,
    (_ORDERS,),
    pl.col("orders"),
    total=pl.col("total_orders").sum(),
)
CUSTOMERS = Measure(
    "customers",
    "Customers",
    "Different people who ordered on these days. Somebody who ordered on two days counts once, so the "
    "customers of several days do not add up.",
    Format.COUNT,
    (_PEOPLE,),
    pl.col("people"),
    adds_up=False,
)
AVERAGE_ORDER_VALUE = Measure(
    "average_order_value",
    "Average order value",
    "Revenue divided by orders.",
    Format.MONEY,
    (_REVENUE, _ORDERS),
    _ratio(_REVENUE, _ORDERS, 100),
    adds_up=False,
    total=pl.when(pl.col("total_orders").sum() > 0).then(
        pl.col("total_revenue").sum().cast(pl.Float64) / pl.col("total_orders").sum()
    ),
)
ITEM_SALES = Measure(
    "item_sales",
    "Item sales",
    "Price and freight of the pieces sold. Payments belong to whole orders, so products and categories add up to "
    "item sales, not to revenue.",
    Format.MONEY,
    (_PRICE, _FREIGHT),
    _money(pl.col("price") + pl.col("freight")),
)
UNITS = Measure("units", "Units", "Pieces sold.", Format.COUNT, (_UNITS,), pl.col("units"))
AVERAGE_PRICE = Measure(
    "average_price",
    "Average price",
    "What a piece cost on average, without freight: the prices of all pieces sold, divided by their number.",
    Format.MONEY,
    (_PRICE, _UNITS),
    _ratio(_PRICE, _UNITS, 100),
    adds_up=False,
)
FREIGHT_SHARE = Measure(
    "freight_share",
    "Freight share",
    "Freight as a share of item sales.",
    Format.SHARE,
    (_PRICE, _FREIGHT),
    pl.when(pl.col("price") + pl.col("freight") > 0).then(
        pl.col("freight") / (pl.col("price") + pl.col("freight"))
    ),
    adds_up=False,
)
PAYMENTS = Measure(
    "payments",
    "Payments",
    "Payments made for the orders of these days; an order may have several.",
    Format.COUNT,
    (_PAYMENTS,),
    pl.col("payments"),
)
REVIEW_SCORE = Measure(
    "review_score",
    "Review score",
    "The average of all stars, 1 to 5, that reviews of the orders of these days give.",
    Format.SCORE,
    (_STARS, _REVIEWS),
    _ratio(_STARS, _REVIEWS),
    adds_up=False,
)
DELIVERY_DAYS = Measure(
    "delivery_days",
    "Delivery time",
    "Average days from purchase to delivery, of the orders of these days that were delivered.",
    Format.DAYS,
    (_DELIVERY_SECONDS, _DELIVERED),
    _ratio(_DELIVERY_SECONDS, _DELIVERED, _SECONDS_A_DAY),
    adds_up=False,
)
LATE_SHARE = Measure(
    "late_share",
    "Late deliveries",
    "Share of the delivered orders of these days that came after the day they were promised for.",
    Format.SHARE,
    (_LATE, _DELIVERED),
    _ratio(_LATE, _DELIVERED),
    adds_up=False,
)

MEASURES: dict[str, Measure] = {
    measure.name: measure for measure in (REVENUE, ORDERS, CUSTOMERS, AVERAGE_ORDER_VALUE)
}
"""Those that have a course over days."""

ALL_MEASURES: dict[str, Measure] = MEASURES | {
    measure.name: measure
    for measure in (
        ITEM_SALES,
        UNITS,
        AVERAGE_PRICE,
        FREIGHT_SHARE,
        PAYMENTS,
        REVIEW_SCORE,
        DELIVERY_DAYS,
        LATE_SHARE,
    )
}


@dataclass(frozen=True, slots=True, eq=False)
class Dimension:
    """What figures can be broken down and filtered by.

    ``facts`` have it as a column, or as ``expression`` (polars) and ``sql`` say of their columns. Its members are
    texts unless ``dtype`` says otherwise; ``label_of`` is how people know them, and where there is little room, the
    first ``brief_characters`` of that. ``numbers`` are all that a member may be, if it is one. One that ``has_many``
    has thousands of members.
    """

    name: str
    label: str
    definition: str
    facts: tuple[Facts, ...] = tuple(Facts)
    expression: pl.Expr | None = None
    sql: str = ""
    dtype: pl.DataType = pl.String()  # noqa: RUF009 - immutable
    label_of: Callable[[Any], str] = str
    brief_characters: int | None = None
    numbers: range | None = None
    has_many: bool = False

    def brief_of(self, member: Any) -> str:
        label = self.label_of(member)
        most = self.brief_characters
        return label if most is None or len(label) <= most else f"{label[:most]}…"

    @property
    def column(self) -> pl.Expr:
        return (pl.col(self.name) if self.expression is None else self.expression).alias(self.name)


_DATE = pl.col("date")
# Of days since a Thursday. Polars' own ways to what stands below take two to three times as long.
_NUMBER = _DATE.to_physical()
_MONDAY = (_NUMBER - (_NUMBER + 3) % 7).cast(pl.Date)
_FIRST_OF_MONTH = (_NUMBER - _DATE.dt.day().cast(pl.Int32) + 1).cast(pl.Date)

_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def _words(name: str) -> str:
    return name.replace("_", " ").capitalize()


STATE = Dimension("state", "State", "The state that the customer lives in.")
STATUS = Dimension("status", "Status", "What has become of the order.", label_of=_words)
PAYMENT_TYPE = Dimension(
    "payment_type",
    "Payment type",
    "How it was paid. An order may have several.",
    (Facts.PAYMENTS,),
    label_of=_words,
)
INSTALLMENTS = Dimension(
    "installments",
    "Installments",
    "In how many installments a payment is made.",
    (Facts.PAYMENTS,),
    dtype=pl.Int32(),
)
CATEGORY = Dimension("category", "Category", "The category of the product.", (Facts.ITEMS,))
PRODUCT = Dimension(
    "product", "Product", "The product, by its id.", (Facts.ITEMS,), brief_characters=8, has_many=True
)
HOUR = Dimension(
    "hour",
    "Hour",
    "The hour of the day of the purchase, 0 to 23.",
    dtype=pl.Int16(),
    label_of=lambda hour: f"{hour:02}:00",
    numbers=range(24),
)
WEEKDAY = Dimension(
    "weekday",
    "Weekday",
    "The day of the week of the purchase; 1 is Monday.",
    expression=_DATE.dt.weekday().cast(pl.Int16),
    sql="extract(isodow FROM date)::smallint",
    dtype=pl.Int16(),
    label_of=lambda number: _WEEKDAYS[number - 1],
    numbers=range(1, 8),
)
DAY = Dimension(
    "day",
    "Day",
    "The day of the purchase.",
    expression=_DATE,
    sql="date",
    dtype=pl.Date(),
    label_of=lambda day: f"{day:%a %-d %b %Y}",
)
WEEK = Dimension(
    "week",
    "Week",
    "The Monday of the week of the purchase.",
    expression=_MONDAY,
    sql="date_trunc('week', date::timestamp)::date",
    dtype=pl.Date(),
    label_of=lambda monday: f"Week from {monday:%-d %b %Y}",
)
MONTH = Dimension(
    "month",
    "Month",
    "The first day of the month of the purchase.",
    expression=_FIRST_OF_MONTH,
    sql="date_trunc('month', date::timestamp)::date",
    dtype=pl.Date(),
    label_of=lambda first: f"{first:%b %Y}",
)

# As queries/views/order_facts.sql has them.
_VALUE_EDGES = (0.01, 25, 50, 75, 100, 150, 200, 300, 500, 1_000, 2_000)
_DELIVERY_EDGES_DAYS = (2, 4, 6, 8, 10, 12, 15, 20, 30, 45)


def _steps(name: str, label: str, definition: str, labels: Sequence[str]) -> Dimension:
    """Between which edges something of an order lies; members are the places of ``labels``."""
    return Dimension(
        name,
        label,
        definition,
        dtype=pl.Int16(),
        label_of=lambda place: labels[place],
        numbers=range(len(labels)),
    )


ORDER_VALUE = _steps(
    "order_value",
    "Order value",
    "What was paid for the order, in steps; each begins with its first amount.",
    [
        "nothing",
        *(f"{max(low, 1):,.0f} – {high:,}" for low, high in pairwise(_VALUE_EDGES)),
        f"{_VALUE_EDGES[-1]:,} and more",
    ],
)
DELIVERED_IN = _steps(
    "delivered_in",
    "Delivered in",
    "Days from purchase to delivery, in steps; each begins with its first day.",
    [
        "not delivered",
        f"under {_DELIVERY_EDGES_DAYS[0]} days",
        *(f"{low} – {high} days" for low, high in pairwise(_DELIVERY_EDGES_DAYS)),
        f"{_DELIVERY_EDGES_DAYS[-1]} days and more",
    ],
)

DIMENSIONS: dict[str, Dimension] = {
    dimension.name: dimension
    for dimension in (
        STATE,
        STATUS,
        PAYMENT_TYPE,
        INSTALLMENTS,
        CATEGORY,
        PRODUCT,
        ORDER_VALUE,
        DELIVERED_IN,
        WEEKDAY,
        HOUR,
        DAY,
        WEEK,
        MONTH,
    )
}


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table as people see it; ``format`` is None where it holds a day, a yes or no, or text.

    ``page`` is the one that tells more of each value, which its address takes as ``id``; ``definition`` says what the
    values are.
    """

    name: str
    label: str
    format: Format | None = None
    page: str = ""
    definition: str = ""


def change(now: Number | None, before: Number | None) -> float | None:
    """Relative change; None where there is nothing to compare with."""
    if now is None or not before:
        return None
    return float(now) / float(before) - 1
