"""How few members bring how much of the whole."""

from fractions import Fraction

import polars as pl

from dashboard.once import once

MOST = Fraction(4, 5)
"""The share of the whole that is asked for by custom."""


@once
def pareto(members: pl.DataFrame) -> pl.DataFrame:
    """Members by what they bring, the greatest first, and what they and all before them bring; none without any.

    ``members``: member, value (a sum that adds up). Columns: place (Int64, from 1), member, value, share (Float64, of
    the whole), together (as value) and share_together (Float64).
    """
    rows = members.select("member", "value").filter(pl.col("value") > 0)
    rows = rows.sort("value", "member", descending=[True, False])
    whole = pl.col("value").sum().cast(pl.Float64)
    return rows.select(
        pl.int_range(1, pl.len() + 1).alias("place"),
        "member",
        "value",
        (pl.col("value").cast(pl.Float64) / whole).alias("share"),
        pl.col("value").cum_sum().alias("together"),
    ).with_columns(share_together=pl.col("together").cast(pl.Float64) / whole)


@once
def needed(rows: pl.DataFrame, share: Fraction = MOST) -> int:
    """How many of the first members it takes to come to a share of the whole; ``rows`` is ``pareto``."""
    if rows.is_empty():
        return 0
    enough = rows["value"].sum() * share.numerator
    return int((rows["together"] * share.denominator < enough).sum()) + 1
