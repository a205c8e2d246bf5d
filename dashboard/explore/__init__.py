"""Figures of the shop over any window: totals and series of days, breakdowns by any dimension under any filters."""

from dashboard.explore.breakdown import Engine, breakdown, people
from dashboard.explore.contributions import contributions
from dashboard.explore.courses import courses
from dashboard.explore.kept import filtered_as
from dashboard.explore.marks import label_of, marked, members_of
from dashboard.explore.orders import (
    ORDER_COLUMNS,
    OrderPage,
    Place,
    order_page,
    orders,
    orders_of,
    streamed_orders,
)
from dashboard.explore.pareto import MOST, needed, pareto
from dashboard.explore.pivot import TOTAL, Pivot, pivot
from dashboard.explore.question import Breakdown, Filter, Filters, Member, adds_up, filters, is_possible
from dashboard.explore.ranked import Ranked, Sort, comparable, first, ranked, ranked_columns
from dashboard.explore.series import (
    cumulative,
    cumulative_columns,
    over_buckets,
    ranking,
    ranking_columns,
    series,
    series_columns,
    totals,
)
from dashboard.explore.statement import written

__all__ = [
    "MOST",
    "ORDER_COLUMNS",
    "TOTAL",
    "Breakdown",
    "Engine",
    "Filter",
    "Filters",
    "Member",
    "OrderPage",
    "Pivot",
    "Place",
    "Ranked",
    "Sort",
    "adds_up",
    "breakdown",
    "comparable",
    "contributions",
    "courses",
    "cumulative",
    "cumulative_columns",
    "filtered_as",
    "filters",
    "first",
    "is_possible",
    "label_of",
    "marked",
    "members_of",
    "needed",
    "order_page",
    "orders",
    "orders_of",
    "over_buckets",
    "pareto",
    "people",
    "pivot",
    "ranked",
    "ranked_columns",
    "ranking",
    "ranking_columns",
    "series",
    "series_columns",
    "streamed_orders",
    "totals",
    "written",
]
