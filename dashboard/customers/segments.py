"""Segments of customers by how lately, how often and for how much they ordered."""

from dataclasses import dataclass

import polars as pl

RECENT_DAYS, WARM_DAYS, COLD_DAYS = 90, 180, 365
TOP_SHARE = 0.2
"""Who spent as much as this part of all who paid anything is a top spender."""

_DAYS, _OFTEN, _MUCH = pl.col("recency_days"), pl.col("orders") > 1, pl.col("spends_much")


@dataclass(frozen=True, slots=True, eq=False)
class Segment:
    """``test`` is of columns recency_days, orders and spends_much. A person is in the first segment that fits."""

    name: str
    definition: str
    test: pl.Expr


SEGMENTS = (
    Segment(
        "Champions",
        "Two or more orders, the last one within 90 days, and a top spender.",
        _OFTEN & (_DAYS <= RECENT_DAYS) & _MUCH,
    ),
    Segment(
        "Loyal",
        "Two or more orders, the last one within 180 days; no champion.",
        _OFTEN & (_DAYS <= WARM_DAYS),
    ),
    Segment("Promising", "One order, within 180 days, from a top spender.", (_DAYS <= WARM_DAYS) & _MUCH),
    Segment("New", "One order, within 90 days; no top spender.", _DAYS <= RECENT_DAYS),
    Segment("Cooling", "One order, 91 to 180 days ago; no top spender.", _DAYS <= WARM_DAYS),
    Segment(
        "At risk",
        "Two or more orders, or a top spender; the last order 181 to 365 days ago.",
        (_DAYS <= COLD_DAYS) & (_OFTEN | _MUCH),
    ),
    Segment("Sleeping", "One order, 181 to 365 days ago; no top spender.", _DAYS <= COLD_DAYS),
    Segment("Lost", "No order for more than 365 days.", pl.lit(value=True)),
)
NAMES = [segment.name for segment in SEGMENTS]
DEFINITIONS = {segment.name: segment.definition for segment in SEGMENTS}


def much_spent(cents: pl.Expr) -> pl.Expr:
    """What top spenders spent at least: an amount that somebody spent, as PostgreSQL's percentile_disc has it."""
    return cents.filter(cents > 0).quantile(1 - TOP_SHARE, "equiprobable")


def segment_of() -> pl.Expr:
    """The name of the segment, of columns recency_days, orders and spends_much."""
    first, *others = SEGMENTS
    chosen = pl.when(first.test).then(pl.lit(first.name))
    for one in others:
        chosen = chosen.when(one.test).then(pl.lit(one.name))  # type: ignore[assignment]
    return chosen.cast(pl.Enum(NAMES))
