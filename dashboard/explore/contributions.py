"""What made the difference between a window and the days that it is compared with."""

import polars as pl

from dashboard.once import once


@once
def contributions(members: pl.DataFrame, top: int) -> pl.DataFrame:
    """The members that contributed most to the difference, and last the others together; they come to all of it.

    ``members`` is ``ranking`` of a measure that adds up. Columns: member (String, null for the others), value,
    value_before, difference (as the measure), members (UInt32, how many the row stands for).
    """
    rows = members.with_columns(difference=pl.col("value") - pl.col("value_before"))
    rows = rows.sort(pl.col("difference").abs(), "member", descending=[True, False])
    named = rows.head(top).with_columns(members=pl.lit(1, pl.UInt32))
    rest = rows.slice(top).select(
        member=pl.lit(None, pl.String),
        **{name: pl.col(name).sum() for name in ("value", "value_before", "difference")},
        members=pl.len(),
    )
    return pl.concat([named.sort("difference", descending=True), rest.filter(pl.col("members") > 0)])
