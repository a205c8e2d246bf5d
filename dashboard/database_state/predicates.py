"""By which columns statements look for rows: their predicates, ranges, joins and orders, read from their text."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

from sqlglot import exp, parse_one
from sqlglot.dialects.postgres import Postgres
from sqlglot.optimizer.normalize_identifiers import normalize_identifiers

from dashboard.database_state.texts import typed

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
        tree = parse_one(_PARAMETER.sub(r"\g<0> ", typed(text)), dialect=Postgres)
        tree = normalize_identifiers(tree, dialect=Postgres)
        nodes = [
            node
            for node in tree.find_all(exp.Select, exp.Update, exp.Delete, bfs=True)
            if isinstance(node, exp.Select) or isinstance(node.this, exp.Table)  # else it is a part of MERGE
        ]
        numbers = {id(node): number for number, node in enumerate(nodes)}
        known = {part.alias for part in tree.find_all(exp.CTE)}
        return tuple(_scope(node, numbers, known) for node in nodes)
    except Exception:  # whatever people write, and a parser makes of it
        return ()


def _scope(node: exp.Expr, numbers: dict[int, int], known: set[str]) -> Scope:
    joins, where = node.args.get("joins") or [], node.args.get("where")
    sources = [_source(one, known) for one in (*_from(node), *(join.this for join in joins))]
    names = [source.alias for source in sources]
    compared = _Comparisons()
    if where is not None:
        compared.take(where.this)
    there = compared.names()  # what WHERE says something of is not missing, so an outer join is none
    optional: set[str] = set()
    for number, join in enumerate(joins, len(names) - len(joins)):
        before, here, side = names[:number], names[number], join.args.get("side") or ""
        side = "" if side == "LEFT" and here in there else side
        optional |= {*{"LEFT": [here], "RIGHT": before, "FULL": [*before, here]}.get(side, [])}
        only = {"LEFT": [here], "RIGHT": before, "FULL": []}.get(side)
        if (on := join.args.get("on")) is not None:
            compared.take(on, only)
        for name in join.args.get("using") or []:
            for other in before:
                compared.pair((here, name.name), (other, name.name), only)
    order = _order(node)
    if not compared.are_all or (optional and {place[0] for place in order} & {"", *optional}):
        order = ()
    found = {kind: tuple(places) for kind, places in compared.found.items()}
    return Scope(
        tuple(sources), **found, joins=tuple(compared.pairs), order=order, outer=_outer(node, numbers)
    )


class _Comparisons:
    """What conditions compare. ``are_all``: they say nothing else about which rows there are.

    ``only`` are the sources whose rows a condition can leave out, if not all: an outer join keeps the others.
    """

    def __init__(self) -> None:
        self.found: dict[str, list[Place]] = {kind: [] for kind, _ in _KINDS}
        self.pairs: list[tuple[Place, Place]] = []
        self.are_all = True

    def take(self, condition: exp.Expr, only: Sequence[str] | None = None) -> None:
        for one in _conjuncts(condition):
            if (places := _joined(one)) is not None:
                self.pair(*places, only)
            elif told := next(((kind, place) for kind, read in _KINDS if (place := read(one))), None):
                kind, place = told[0], _of(told[1], only)
                if only is None or place[0] in only:
                    self.found[kind].append(place)
            elif only is None:
                self.are_all = False

    def pair(self, one: Place, other: Place, only: Sequence[str] | None) -> None:
        """Of each, rows are found by the other."""
        one, other = _of(one, only), _of(other, only)
        self.pairs += [each for each in ((one, other), (other, one)) if only is None or each[0][0] in only]

    def names(self) -> set[str]:
        return {place[0] for places in self.found.values() for place in places}


def _of(place: Place, only: Sequence[str] | None) -> Place:
    """The same of the one source that it can be of, if it does not say."""
    return (only[0], place[1]) if only and len(only) == 1 and not place[0] else place


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


def _conjuncts(node: exp.Expr) -> Iterator[exp.Expr]:
    node = node.unnest()
    if isinstance(node, exp.And):
        for one in node.flatten():
            yield from _conjuncts(one)
    elif isinstance(node, exp.EQ) and isinstance(node.left, exp.Tuple) and isinstance(node.right, exp.Tuple):
        for one, other in zip(node.left.expressions, node.right.expressions, strict=False):
            yield exp.EQ(this=one, expression=other)
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
        number = int(by.this)
        found = [] if any(one.is_star for one in found[:number]) else found[number - 1 : number]
    else:
        is_name = isinstance(by, exp.Column) and not by.table
        found = [one for one in found if is_name and one.output_name == by.name]
    return found[0].unalias() if found else by


def _place(node: exp.Expr | None) -> Place | None:
    node = node.unnest() if node is not None else None
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
    if not isinstance(node, exp.EQ) or node.find(exp.Any):
        return None
    return _compared(node.left, node.right)


def _listed(node: exp.Expr) -> Place | None:
    if isinstance(node, exp.Or):
        places = {_equal(one) or _listed(one) for one in node.flatten()}
        return places.pop() if len(places) == 1 else None
    if isinstance(node, exp.In):
        is_list = node.args.get("query") is None and all(map(_is_known, node.expressions))
        return _place(node.this) if is_list else None
    return _compared(node.left, node.right) if isinstance(node, exp.EQ) else None


def _between(node: exp.Expr) -> Place | None:
    if isinstance(node, exp.Between):
        return _place(node.this) if _is_known(node.args["low"]) and _is_known(node.args["high"]) else None
    if not isinstance(node, exp.GT | exp.GTE | exp.LT | exp.LTE):
        return None
    return _compared(_first(node.left), _first(node.right))


def _first(node: exp.Expr) -> exp.Expr:
    """Of several that are compared as one, what decides before the others: ``(day, order_id) < ($1, $2)``."""
    return node.expressions[0] if isinstance(node, exp.Tuple) and node.expressions else node


def _compared(left: exp.Expr, right: exp.Expr) -> Place | None:
    """The column that is compared with what is known beforehand."""
    for one, other in ((left, right), (right, left)):
        if (place := _place(one)) and _is_known(other):
            return place
    return None


_KINDS: tuple[tuple[str, Callable[[exp.Expr], Place | None]], ...] = (
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
