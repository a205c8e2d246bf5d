"""By which columns statements look for rows: their predicates, ranges, joins and orders, read from their text."""

import re
from collections.abc import Callable, Iterator, Sequence
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

    ``equalities``, ``lists`` and ``ranges`` compare a column with what is known: a value, several, or bounds.
    ``joins`` compare two columns. By ``order`` the first rows are wanted, unless other conditions say which they are.
    """

    sources: tuple[Source, ...]
    equalities: tuple[Place, ...]
    lists: tuple[Place, ...]
    ranges: tuple[Place, ...]
    joins: tuple[tuple[Place, Place], ...]
    order: tuple[Place, ...]
    outer: int | None

    @property
    def values(self) -> tuple[Place, ...]:
        """What is compared with a value or several."""
        return (*self.equalities, *self.lists)


@lru_cache(_REMEMBERED)
def scopes(text: str) -> tuple[Scope, ...]:
    """The parts of a statement, each after the one around it; none if it can't be read, or reads nothing."""
    if len(text) > _LONGEST_TEXT:
        return ()
    try:
        # It takes $1,$2 for the beginning of a quoted text, unless there is a space.
        tree = parse_one(_PARAMETER.sub(r"\g<0> ", text), dialect=Postgres)
        tree = normalize_identifiers(tree, dialect=Postgres)
        nodes = list(tree.find_all(exp.Select, exp.Update, exp.Delete, bfs=True))
        numbers = {id(node): number for number, node in enumerate(nodes)}
        known = {part.alias for part in tree.find_all(exp.CTE)}
        return tuple(_scope(node, numbers, known) for node in nodes)
    except (SqlglotError, RecursionError):
        return ()


def _scope(node: exp.Expr, numbers: dict[int, int], known: set[str]) -> Scope:
    joins = node.args.get("joins") or []
    read = [*_from(node), *(join.this for join in joins)]
    sources = [_source(one, known) for one in read]
    found: dict[str, list[Place]] = {kind: [] for kind, _ in _COMPARISONS}
    pairs: list[tuple[Place, Place]] = []
    optional = _optional(joins, [source.alias for source in sources])
    order = tuple(place for place in _order(node) if not optional or place[0] not in {"", *optional})
    for condition, only in _conditions(node, joins):
        kind, place = next(
            ((kind, place) for kind, compared in _COMPARISONS if (place := compared(condition))), ("", None)
        )
        if (pair := _joined(condition)) is not None:
            pairs.append(pair)
        elif place and (only is None or place[0] == only):
            found[kind].append(place)
        elif only is None:
            order = ()
    for join in joins:
        here = _source(join.this, known).alias
        for name in join.args.get("using") or []:
            others = [source.alias for source in sources if source.alias != here]
            pairs += [((here, name.name), (other, name.name)) for other in others]
    told = {kind: tuple(places) for kind, places in found.items()}
    return Scope(tuple(sources), **told, joins=tuple(pairs), order=order, outer=_outer(node, numbers))


def _optional(joins: Sequence[exp.Expr], names: Sequence[str]) -> set[str]:
    """The sources of which a row may be missing in what an outer join makes."""
    optional: set[str] = set()
    for number, join in enumerate(joins, len(names) - len(joins)):
        side = join.args.get("side")
        optional |= {*names[number : number + 1]} if side in ("LEFT", "FULL") else set()
        optional |= {*names[:number]} if side in ("RIGHT", "FULL") else set()
    return optional


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


def _conditions(node: exp.Expr, joins: Sequence[exp.Expr]) -> Iterator[tuple[exp.Expr, str | None]]:
    """What rows have to fulfil, or those of one source only: an outer join keeps the others all the same."""
    if (where := node.args.get("where")) is not None:
        yield from ((one, None) for one in _conjuncts(where.this))
    for join in joins:
        side, on = join.args.get("side"), join.args.get("on")
        only = None if not side else join.this.alias_or_name if side == "LEFT" else ""
        yield from ((one, only) for one in (_conjuncts(on) if on is not None else ()))


def _conjuncts(node: exp.Expr) -> Iterator[exp.Expr]:
    node = node.unnest()
    if isinstance(node, exp.And):
        for one in node.flatten():
            yield from _conjuncts(one)
    else:
        yield node


def _order(node: exp.Expr) -> tuple[Place, ...]:
    """What the rows are ordered by, all up or all down, if only the first are wanted."""
    order, limit = node.args.get("order"), node.args.get("limit")
    is_first = isinstance(limit, exp.Fetch) or (
        limit and isinstance(limit.expression, exp.Literal | exp.Parameter)
    )
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
        is_name = isinstance(by, exp.Column) and not by.table
        found = [one for one in found if is_name and one.output_name == by.name]
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
    return _compared(node) if isinstance(node, exp.EQ) and node.find(exp.Any) is None else None


def _listed(node: exp.Expr) -> Place | None:
    if isinstance(node, exp.Or):
        places = {_equal(one) or _listed(one) for one in node.flatten()}
        return places.pop() if len(places) == 1 else None
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


_COMPARISONS: tuple[tuple[str, Callable[[exp.Expr], Place | None]], ...] = (
    ("equalities", _equal),
    ("lists", _listed),
    ("ranges", _between),
)


def _outer(node: exp.Expr, numbers: dict[int, int]) -> int | None:
    parent = node.parent
    while parent is not None:
        if id(parent) in numbers:
            return numbers[id(parent)]
        parent = parent.parent
    return None
