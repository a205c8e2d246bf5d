"""By which columns statements look for rows: their predicates, ranges, joins and orders, read from their text."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

from sqlglot import exp, parse_one
from sqlglot.dialects.postgres import Postgres
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.normalize_identifiers import normalize_identifiers

Place: TypeAlias = tuple[str, str]
"""The name by which a statement calls a relation, empty if it does not say, and that of a column."""

_REMEMBERED = 2_000
_LONGEST_TEXT = 20_000
_PARAMETER = re.compile(r"\$\d+")


@dataclass(frozen=True, slots=True)
class Source:
    """What a statement reads from, under ``alias``. ``table`` is empty for what is no relation; ``schema`` may be."""

    alias: str
    schema: str
    table: str


@dataclass(frozen=True, slots=True)
class Scope:
    """One SELECT, UPDATE or DELETE in a statement, and the number of the one around it.

    ``equalities`` and ``ranges`` compare a column with what is known beforehand; ``joins`` two columns. ``order`` are
    the columns by which the first rows are wanted, if no condition but these decides whether a row is one of them.
    """

    sources: tuple[Source, ...]
    equalities: tuple[Place, ...]
    ranges: tuple[Place, ...]
    joins: tuple[tuple[Place, Place], ...]
    order: tuple[Place, ...]
    outer: int | None


@lru_cache(_REMEMBERED)
def scopes(text: str) -> tuple[Scope, ...]:
    """The parts of a statement, each after the one around it; none if it can't be read, or reads nothing."""
    if len(text) > _LONGEST_TEXT:
        return ()
    try:
        # It takes $1,$2 for the beginning of a quoted text, unless there is a space.
        tree = parse_one(_PARAMETER.sub(r"\g<0> ", text), dialect=Postgres)
        tree = normalize_identifiers(tree, dialect=Postgres)
    except (SqlglotError, RecursionError):
        return ()
    nodes = list(tree.find_all(exp.Select, exp.Update, exp.Delete, bfs=True))
    numbers = {id(node): number for number, node in enumerate(nodes)}
    known = {part.alias for part in tree.find_all(exp.CTE)}
    return tuple(_scope(node, numbers, known) for node in nodes)


def _scope(node: exp.Expr, numbers: dict[int, int], known: set[str]) -> Scope:
    joins = node.args.get("joins") or []
    read = [*_from(node), *(join.this for join in joins)]
    sources = [_source(one, known) for one in read]
    equalities: list[Place] = []
    ranges: list[Place] = []
    pairs: list[tuple[Place, Place]] = []
    order = _order(node)
    for condition in _conditions(node, joins):
        if (pair := _joined(condition)) is not None:
            pairs.append(pair)
        elif (place := _equal(condition)) is not None:
            equalities.append(place)
        elif (place := _between(condition)) is not None:
            ranges.append(place)
        else:
            order = ()
    for join in joins:
        here = _source(join.this, known).alias
        for name in join.args.get("using") or []:
            others = [source.alias for source in sources if source.alias != here]
            pairs += [((here, name.name), (other, name.name)) for other in others]
    outer = _outer(node, numbers)
    return Scope(tuple(sources), tuple(equalities), tuple(ranges), tuple(pairs), order, outer)


def _from(node: exp.Expr) -> Iterator[exp.Expr]:
    if isinstance(node, exp.Update | exp.Delete):
        yield node.this
    if (from_ := node.args.get("from_")) is not None:
        yield from_.this
    yield from node.args.get("using") or ()


def _source(node: exp.Expr, known: set[str]) -> Source:
    if not isinstance(node, exp.Table) or not isinstance(node.this, exp.Identifier):
        return Source(node.alias_or_name, "", "")
    if not node.db and node.name in known:
        return Source(node.alias_or_name, "", "")
    return Source(node.alias_or_name, node.db, node.name)


def _conditions(node: exp.Expr, joins: Sequence[exp.Expr]) -> Iterator[exp.Expr]:
    where = node.args.get("where")
    for found in (where and where.this, *(join.args.get("on") for join in joins)):
        if found is not None:
            yield from _conjuncts(found)


def _conjuncts(node: exp.Expr) -> Iterator[exp.Expr]:
    node = node.unnest()
    if isinstance(node, exp.And):
        yield from _conjuncts(node.left)
        yield from _conjuncts(node.right)
    else:
        yield node


def _order(node: exp.Expr) -> tuple[Place, ...]:
    """What the rows are ordered by, all up or all down, if only the first are wanted."""
    order, is_first = node.args.get("order"), node.args.get("limit") is not None
    if order is None or not is_first or any(node.args.get(name) for name in ("group", "distinct", "having")):
        return ()
    if any(one.find(exp.AggFunc, exp.Window) for one in node.expressions):
        return ()
    by = order.expressions
    # As an index has them, read in either direction: NULL is the greatest.
    ways = {(bool(one.args.get("desc")), bool(one.args.get("nulls_first"))) for one in by}
    places = [_place(_output(node, one.this)) for one in by]
    found = tuple(place for place in places if place)
    is_one_way = ways in ({(False, False)}, {(True, True)})
    return found if is_one_way and len(found) == len(by) else ()


def _output(node: exp.Expr, by: exp.Expr) -> exp.Expr:
    """What a name in ORDER BY stands for, or a number."""
    found: list[exp.Expr] = node.expressions
    if isinstance(by, exp.Literal) and by.is_int:
        found = found[int(by.this) - 1 : int(by.this)]
    else:
        found = [one for one in found if isinstance(by, exp.Column) and not by.table and one.alias == by.name]
    return found[0].unalias() if found else by


def _place(node: exp.Expr | None) -> Place | None:
    """A column, or the first of several that are compared as one: ``(day, order_id) < ($1, $2)``."""
    node = node.unnest() if node is not None else None
    node = node.expressions[0] if isinstance(node, exp.Tuple) and node.expressions else node
    return (node.table, node.name) if isinstance(node, exp.Column) else None


def _is_known(node: exp.Expr | None) -> bool:
    """Whether a value depends on no row that is read."""
    return node is not None and node.find(exp.Column) is None


def _joined(node: exp.Expr) -> tuple[Place, Place] | None:
    if not isinstance(node, exp.EQ):
        return None
    left, right = _place(node.left), _place(node.right)
    return (left, right) if left and right else None


def _equal(node: exp.Expr) -> Place | None:
    if isinstance(node, exp.Or):
        one, other = _equal(node.left.unnest()), _equal(node.right.unnest())
        return one if one == other else None
    if isinstance(node, exp.In):
        is_list = node.args.get("query") is None and all(map(_is_known, node.expressions))
        return _place(node.this) if is_list else None
    return _compared(node) if isinstance(node, exp.EQ) else None


def _between(node: exp.Expr) -> Place | None:
    if isinstance(node, exp.Between):
        return _place(node.this) if _is_known(node.args["low"]) and _is_known(node.args["high"]) else None
    return _compared(node) if isinstance(node, exp.GT | exp.GTE | exp.LT | exp.LTE) else None


def _compared(node: exp.Binary) -> Place | None:
    """The column that is compared with what is known beforehand."""
    for one, other in ((node.left, node.right), (node.right, node.left)):
        if (place := _place(one)) and _is_known(other):
            return place
    return None


def _outer(node: exp.Expr, numbers: dict[int, int]) -> int | None:
    parent = node.parent
    while parent is not None:
        if id(parent) in numbers:
            return numbers[id(parent)]
        parent = parent.parent
    return None
