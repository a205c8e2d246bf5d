"""Whether people come back, as a heat map."""

from collections.abc import Mapping
from typing import Any

import plotly.graph_objects as go
import polars as pl

from dashboard.charts.heat import heat
from dashboard.notation import Format, Notation
from dashboard.once import once


@once
def cohorts(rows: pl.DataFrame, notation: Notation, *, by_revenue: bool) -> go.Figure:
    """A row a cohort with its people, a column a month; in the cells per cent.

    ``rows`` is ``customers.cohorts``; the shares are those of the people, or of what they paid.
    """
    share, say = ("revenue_share", _said_of_revenue) if by_revenue else ("share", _said_of_people)
    cells = [
        (
            f"{row['cohort']:%b %Y} · {notation.exact(row['people'], Format.COUNT)}",
            str(row["month"]),
            row[share],
            notation.exact(round(100 * row[share], 1), Format.COUNT),
            say(row, notation),
        )
        for row in rows.drop_nulls(share).iter_rows(named=True)
    ]
    schema = {
        "row": pl.String,
        "column": pl.String,
        "value": pl.Float64,
        "text": pl.String,
        "said": pl.String,
    }
    return heat(
        pl.DataFrame(cells, schema, orient="row"), notation, across="% in the months after the first order"
    )


def _said_of_people(row: Mapping[str, Any], notation: Notation) -> str:
    people, returned = (notation.exact(row[name], Format.COUNT) for name in ("people", "returned"))
    return (
        f"Of {people} people whose first order was in {row['cohort']:%b %Y}, {returned} "
        f"({notation.exact(row['share'], Format.SHARE)}) ordered {_later(row['month'])}."
    )


def _said_of_revenue(row: Mapping[str, Any], notation: Notation) -> str:
    return (
        f"People whose first order was in {row['cohort']:%b %Y} paid "
        f"{notation.exact(row['revenue'], Format.MONEY)} {_later(row['month'])}: "
        f"{notation.exact(row['revenue_share'], Format.SHARE)} of what they paid in that first month."
    )


def _later(months: int) -> str:
    return "in the next month" if months == 1 else f"{months} months later"
