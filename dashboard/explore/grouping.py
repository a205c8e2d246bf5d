"""Facts, grouped in polars."""

from collections.abc import Callable, Sequence

import polars as pl

from dashboard.explore.question import Filter, besides
from dashboard.measures import Component, Dimension, Facts

FactsOf = Callable[[Facts], pl.DataFrame]


def grouped(
    facts_of: FactsOf,
    facts: Facts,
    components: Sequence[Component],
    dimensions: Sequence[Dimension],
    filters: Sequence[Filter],
) -> pl.DataFrame:
    """Components of facts for each combination of members that there is; without dimensions, one row.

    Columns: the dimensions, then the components as Int64.
    """
    rows = _filtered(facts_of, facts, filters).with_columns(one.column for one in dimensions)
    by = [one.name for one in dimensions]
    own = [one for one in components if facts in one.columns and not one.are_people]
    of_orders = [one for one in components if facts not in one.columns]
    people = [one for one in components if one.are_people]
    parts = [_grouped(rows, by, [_sum(one, facts) for one in own])] if own else []
    if of_orders:
        known = facts_of(Facts.ORDERS).lazy().select("order_key", *_columns(of_orders))
        orders = _orders(rows, by).join_asof(known.set_sorted("order_key"), on="order_key", tolerance=0)
        parts.append(_grouped(orders, by, [_sum(one, Facts.ORDERS) for one in of_orders]))
    parts += [
        _grouped(rows.select(*by, one.columns[facts]).unique(), by, [_counted().alias(one.name)])
        for one in people
    ]
    members = (pl.col(one.name).cast(one.dtype) for one in dimensions)
    return joined(pl.collect_all(parts), by).select(*members, *(one.name for one in components))


def people(facts_of: FactsOf, filters: Sequence[Filter]) -> pl.DataFrame:
    """Who ordered on which day: date and person, once each, in this order."""
    rows = _filtered(facts_of, Facts.ORDERS, filters).select("date", "person").unique()
    return rows.sort("date", "person").collect()


def joined(parts: Sequence[pl.DataFrame], by: Sequence[str]) -> pl.DataFrame:
    """Components of the same members, side by side; nothing is zero."""
    first, *others = parts
    for other in others:
        first = first.join(other, on=by, how="full", coalesce=True) if by else first.hstack(other)
    return first.with_columns(pl.all().exclude(by).fill_null(0))


def added_up(
    parts: Sequence[pl.DataFrame], by: Sequence[str], components: Sequence[Component]
) -> pl.DataFrame:
    """Components of the same members over ranges of days that follow one another."""
    sums = pl.col([one.name for one in components]).sum()
    rows = pl.concat(parts)
    return rows.group_by(by).agg(sums) if by else rows.select(sums)


def _filtered(facts_of: FactsOf, facts: Facts, filters: Sequence[Filter]) -> pl.LazyFrame:
    rows = _passing(facts_of(facts), [one for one in filters if facts in one.dimension.facts])
    for other, theirs in besides(facts, filters).items():
        passing = _passing(facts_of(other), theirs).select("order_key")
        rows = rows.join(passing, on="order_key", how="semi", maintain_order="left")
    return rows


def _orders(rows: pl.LazyFrame, by: Sequence[str]) -> pl.LazyFrame:
    """The orders of each member, once, by ``order_key``.

    Facts are in the order of their orders' keys, and most orders have one payment and one item: looking for others
    among the few that have more takes a fifth of the time of ``unique``, and joining what is sorted a third.
    """
    key = pl.col("order_key")
    has_more = (key == key.shift(1)) | (key == key.shift(-1))
    marked = rows.select(*by, "order_key").with_columns(has_more=has_more.fill_null(value=False))
    single, several = (marked.filter(test).drop("has_more") for test in (~pl.col("has_more"), "has_more"))
    return single.merge_sorted(several.unique().sort("order_key"), key="order_key").set_sorted("order_key")


def _passing(rows: pl.DataFrame, filters: Sequence[Filter]) -> pl.LazyFrame:
    tests = [one.dimension.column.is_in([*one.members]) for one in filters]
    return rows.lazy().filter(tests) if tests else rows.lazy()


def _grouped(rows: pl.LazyFrame, by: Sequence[str], sums: Sequence[pl.Expr]) -> pl.LazyFrame:
    return rows.group_by(by).agg(sums) if by else rows.select(sums)


def _sum(component: Component, facts: Facts) -> pl.Expr:
    column = component.columns[facts]
    return (pl.col(column).cast(pl.Int64).sum() if column else _counted()).alias(component.name)


def _counted() -> pl.Expr:
    return pl.len().cast(pl.Int64)


def _columns(components: Sequence[Component]) -> list[str]:
    return list(dict.fromkeys(column for one in components if (column := one.columns[Facts.ORDERS])))
