"""The same breakdown as SQL, for more facts than a process should hold."""

# ruff: noqa: S608 - every name is one of ours, and values are parameters

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from dashboard.catalogue import Query
from dashboard.explore.question import Breakdown, Filter, besides
from dashboard.measures import Component, Dimension, Facts
from dashboard.window import Span

TABLES = {Facts.ORDERS: "order_facts", Facts.PAYMENTS: "payment_facts", Facts.ITEMS: "item_facts"}
_DAYS = "date >= $1::date AND date < $2::date"


def statements(
    facts: Facts,
    components: Sequence[Component],
    dimensions: Sequence[Dimension],
    filters: Sequence[Filter],
) -> list[str]:
    """What together answers as ``grouping.grouped`` does, each with the dimensions and some of the components.

    Parameters: the first day, the day after the last one, and the members of each filter as ``text[]``.
    """
    by = [one.name for one in dimensions]
    own = [one for one in components if facts in one.columns]
    of_orders = [one for one in components if facts not in one.columns]
    rows = f"WITH rows AS (\n    {_rows(facts, dimensions, filters)}\n)"
    found = []
    if own:
        found.append(f"{rows}\n{_grouped(by, [_sum(one, facts) for one in own], 'rows')}")
    if of_orders:
        orders = f"SELECT DISTINCT {', '.join([*by, 'date', 'order_key'])} FROM rows"
        joined = "rows_of JOIN dashboard.order_facts AS o USING (date, order_key)"
        sums = [_sum(one, Facts.ORDERS) for one in of_orders]
        found.append(f"{rows}, rows_of AS (\n    {orders}\n)\n{_grouped(by, sums, joined, 'rows_of.')}")
    return found


def people(filters: Sequence[Filter]) -> str:
    """Who ordered on which day, as ``grouping.people`` tells it."""
    rows = _rows(Facts.ORDERS, (), filters)
    return f"SELECT DISTINCT date, person\nFROM ({rows}) AS rows\nORDER BY date, person"


def _rows(facts: Facts, dimensions: Sequence[Dimension], filters: Sequence[Filter]) -> str:
    """The facts that pass, with a column for each dimension."""
    named = (f", {one.sql} AS {one.name}" for one in dimensions if one.sql)
    return f"SELECT *{''.join(named)} FROM dashboard.{TABLES[facts]} WHERE {condition(facts, filters)}"


def condition(facts: Facts, filters: Sequence[Filter]) -> str:
    """Which facts are of the days and pass the filters; parameters as for ``statements``."""
    numbers = {one: number for number, one in enumerate(filters, 3)}
    passing = [_passes(numbers[one], one) for one in filters if facts in one.dimension.facts]
    for other, theirs in besides(facts, filters).items():
        passed = " AND ".join(_passes(numbers[one], one) for one in theirs)
        passing.append(
            f"(date, order_key) IN (SELECT date, order_key FROM dashboard.{TABLES[other]} WHERE {_DAYS} AND {passed})"
        )
    return " AND ".join([_DAYS, *passing])


def _passes(number: int, one: Filter) -> str:
    return f"({one.dimension.sql or one.dimension.name})::text = ANY (${number}::text[])"


def _grouped(by: Sequence[str], sums: Sequence[str], rows: str, owner: str = "") -> str:
    columns = [f"{owner}{name}" for name in by]
    grouping = f"\nGROUP BY {', '.join(columns)}" if by else ""
    return f"SELECT {', '.join([*columns, *sums])}\nFROM {rows}{grouping}"


def _sum(component: Component, facts: Facts) -> str:
    column = component.columns[facts]
    if component.are_people:
        return f"count(DISTINCT {column}) AS {component.name}"
    return (
        f"coalesce(sum({column}), 0)::bigint AS {component.name}"
        if column
        else f"count(*) AS {component.name}"
    )


def written(asked: Breakdown, span: Span) -> str:
    """What the figures stand on, as SQL that can be run as it is; a statement for each kind of facts."""
    values = [f"'{span.start}'", f"'{span.end}'", *(_literal(one) for one in asked.filters)]
    found = [
        sql
        for facts, components in asked.by_facts().items()
        for sql in statements(facts, components, asked.dimensions, asked.filters)
    ]
    return "\n\n".join(
        re.sub(r"\$(\d+)", lambda place: values[int(place[1]) - 1], sql) + ";" for sql in found
    )


def _literal(one: Filter) -> str:
    members = (str(member).replace("'", "''") for member in one.members)
    return "ARRAY[" + ", ".join(f"'{member}'" for member in members) + "]"


def query(facts: Facts, sql: str, reads: tuple[str, ...], filters: Sequence[Filter]) -> Query:
    """A statement as one of the catalogue's queries, so that it is cached and counted as they are."""
    return Query(
        name=f"explore/{facts}",
        title=f"A breakdown of {facts}.",
        path=Path(__file__),
        text=sql,
        sql=sql,
        params={
            "start": "date",
            "end": "date",
            **{f"in_{number}": "text[]" for number in range(len(filters))},
        },
        reads=reads,
        ttl="analytics",
        split=None,
        first_line=1,
        categories=(),
        is_of_days=True,
    )


def relations(facts: Facts, components: Iterable[Component], filters: Iterable[Filter]) -> tuple[str, ...]:
    """The relations that the statements read."""
    return tuple(sorted(TABLES[one] for one in facts_read(facts, components, filters)))


def facts_read(facts: Facts, components: Iterable[Component], filters: Iterable[Filter]) -> set[Facts]:
    """The facts that are looked at besides those that are grouped, and those."""
    is_joined = any(facts not in one.columns for one in components)
    return {facts, *besides(facts, filters), *([Facts.ORDERS] if is_joined else [])}


def bound(filters: Iterable[Filter]) -> dict[str, object]:
    """The members of filters as values of a statement's parameters."""
    return {f"in_{number}": one.texts for number, one in enumerate(filters)}
