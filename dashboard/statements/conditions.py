"""What the conditions in a plan are about. Pure."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from sqlglot import exp, parse_one
from sqlglot.dialects.postgres import Postgres
from sqlglot.errors import SqlglotError

_RANGES = (exp.GT, exp.GTE, exp.LT, exp.LTE)
_COMPARISONS = (exp.EQ, *_RANGES, exp.Like, exp.ILike, exp.In)
# What EXPLAIN writes for the value of a subquery is no SQL.
_OF_SUBQUERY = re.compile(r"\((?:hashed )?(?:SubPlan|InitPlan) \d+\)(?:\.col\d+)?|\$\d+")


class Wrapped(NamedTuple):
    """A column, as SQL writes its name, and what a condition compares instead of it: ``lower() of it``."""

    column: str
    what: str
    is_cast_to_text: bool


def wrapped(text: str) -> list[Wrapped]:
    """The columns that a condition compares with something known only within an expression, each once."""
    if (tree := _tree(text)) is None:
        return []
    return list(dict.fromkeys(one for node in tree.find_all(*_COMPARISONS) for one in _wrapped(node)))


def compared(text: str) -> list[str]:
    """The columns that all rows have to pass by themselves, each once: those compared for equality, then for a range.

    In this order, an index finds the range within what is equal.
    """
    if (tree := _tree(text)) is None:
        return []
    whole = tree.unnest()
    conditions = [one.unnest() for one in whole.flatten()] if isinstance(whole, exp.And) else [whole]
    equal = [name for one in conditions if _is_equality(one) for name in _sides(one)]
    ranged = [name for one in conditions if isinstance(one, _RANGES) for name in _sides(one)]
    return list(dict.fromkeys(equal + ranged))


def _tree(text: str) -> exp.Expr | None:
    try:
        return parse_one(_OF_SUBQUERY.sub("NULL", text), dialect=Postgres)
    except (SqlglotError, RecursionError):
        return None


def _is_equality(node: exp.Expr) -> bool:
    is_null = isinstance(node, exp.Is) and isinstance(node.expression, exp.Null)
    return (is_null or isinstance(node, exp.EQ | exp.In)) and not node.args.get("negate")


def _sides(node: exp.Expr) -> Iterator[str]:
    """The column that is compared with something known; one that is compared as text stands for itself."""
    if len(list(node.find_all(exp.Column))) != 1:
        return
    for side in (node.this, node.expression):
        one = side.unnest() if side else None
        if isinstance(one, exp.Cast) and one.is_type("text"):
            one = one.this.unnest()
        if isinstance(one, exp.Column):
            yield one.this.sql(Postgres)


def _wrapped(node: exp.Expr) -> Iterator[Wrapped]:
    sides = [node.this, node.expression] if isinstance(node, exp.Binary) else [node.this]
    for side in sides:
        inside = side.unnest()
        columns = {column.this.sql(Postgres) for column in inside.find_all(exp.Column)}
        are_known = not any(other.find(exp.Column) for other in node.iter_expressions() if other is not side)
        if len(columns) == 1 and are_known and not isinstance(inside, exp.Column):
            is_plain = isinstance(inside, exp.Cast) and isinstance(inside.this.unnest(), exp.Column)
            yield Wrapped(columns.pop(), _what(inside), is_plain and inside.is_type("text"))


def _what(side: exp.Expr) -> str:
    if isinstance(side, exp.Cast):
        return f"a cast to {side.to.sql(Postgres).lower()} of it"
    if isinstance(side, exp.Func):
        return f"{side.sql(Postgres).partition('(')[0].lower()}() of it"
    return "what is computed from it"
