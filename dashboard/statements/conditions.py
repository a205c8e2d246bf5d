"""What the conditions in a plan are about. Pure."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from sqlglot import exp, parse_one
from sqlglot.dialects.postgres import Postgres
from sqlglot.errors import SqlglotError

_COMPARISONS = (exp.EQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Like, exp.ILike, exp.In)
# What EXPLAIN writes for the value of a subquery is no SQL.
_OF_SUBQUERY = re.compile(r"\((?:hashed )?(?:SubPlan|InitPlan) \d+\)(?:\.col\d+)?|\$\d+")


class Wrapped(NamedTuple):
    """A column, as SQL writes its name, and what a condition compares instead of it: ``lower() of it``."""

    column: str
    what: str
    is_cast_to_text: bool


def wrapped(text: str) -> list[Wrapped]:
    """The columns that a condition compares with something known only within an expression, each once."""
    try:
        tree = parse_one(_OF_SUBQUERY.sub("NULL", text), dialect=Postgres)
    except (SqlglotError, RecursionError):
        return []
    return list(dict.fromkeys(one for node in tree.find_all(*_COMPARISONS) for one in _wrapped(node)))


def _wrapped(node: exp.Expr) -> Iterator[Wrapped]:
    sides = [node.this, node.expression] if isinstance(node, exp.Binary) else [node.this]
    for side in sides:
        compared = side.unnest()
        columns = {column.this.sql(Postgres) for column in compared.find_all(exp.Column)}
        are_known = not any(other.find(exp.Column) for other in node.iter_expressions() if other is not side)
        if len(columns) == 1 and are_known and not isinstance(compared, exp.Column):
            is_plain = isinstance(compared, exp.Cast) and isinstance(compared.this.unnest(), exp.Column)
            yield Wrapped(columns.pop(), _what(compared), is_plain and compared.is_type("text"))


def _what(side: exp.Expr) -> str:
    if isinstance(side, exp.Cast):
        return f"a cast to {side.to.sql(Postgres).lower()} of it"
    if isinstance(side, exp.Func):
        return f"{side.sql(Postgres).partition('(')[0].lower()}() of it"
    return "what is computed from it"
