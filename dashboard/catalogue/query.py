"""One file of ``queries/`` outside ``views/``: a SELECT, its header checked against its SQL."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import InvalidOperation
from pathlib import Path
from typing import Any

from sqlglot import Token, exp

from dashboard.catalogue import sql
from dashboard.catalogue.parameter import ParameterType, as_type, declared_parameters, has_window
from dashboard.catalogue.source import Source, listed, read_source
from dashboard.catalogue.tuning import tuning
from dashboard.errors import CatalogueError, ParameterError

TTL_CLASSES = ("default", "analytics", "session")


@dataclass(frozen=True, slots=True)
class Query:
    """One SELECT that the dashboard may ask.

    ``sql`` has its parameters numbered (``$1::date``) in the order of ``params``. ``split`` names the date
    column by which the answer for a range is the concatenation of its months' answers; of one that ``is_large``,
    the months of a year are not kept together as well. ``categories`` are columns with few different texts, which
    frames hold as numbers with a dictionary. One that ``is_of_days`` looks at no rows but those from start to end, so
    changes of other days are none of its business. ``settings`` are names and values of PostgreSQL's, for its statement
    alone.
    """

    name: str
    title: str
    path: Path
    text: str
    sql: str
    params: dict[str, ParameterType]
    reads: tuple[str, ...]
    ttl: str
    split: str | None
    categories: tuple[str, ...]
    first_line: int
    is_large: bool = False
    is_of_days: bool = False
    settings: tuple[tuple[str, str], ...] = ()

    @property
    def mark(self) -> str:
        """Its name as a comment."""
        return f"/* {self.name} */"

    @property
    def statement(self) -> str:
        """The SQL with its name, by which it is found among all that PostgreSQL runs.

        At both ends: PostgreSQL 18 counts a statement without the comments before it, and of a long one that runs it
        shows the beginning only.
        """
        return f"{self.mark} {self.sql}\n{self.mark}"

    @property
    def tags(self) -> tuple[str, ...]:
        """What can make its answers outdated: the relations that it reads, and an operator who names it."""
        return (*self.reads, self.name)

    def bind(self, given: Mapping[str, object]) -> tuple[Any, ...]:
        """Values in the order of ``$1, $2, …``; text is read as the parameter's type. Raises ParameterError."""
        if missing := self.params.keys() - given.keys():
            raise ParameterError(f"{self.name} needs {listed(missing)}.")
        if unknown := given.keys() - self.params.keys():
            raise ParameterError(f"{self.name} knows no {listed(unknown)}; it takes {listed(self.params)}.")
        return tuple(self._value(name, given[name]) for name in self.params)

    def _value(self, name: str, value: object) -> object:
        kind = self.params[name]
        try:
            return as_type(kind, value)
        except (ValueError, InvalidOperation) as error:
            raise ParameterError(f"{self.name}: {name} is {value!r}, which is no {kind}.") from error

    def line_at(self, position: int) -> int:
        """The line in the query's file of a character of ``sql``, counted from 0."""
        return self.first_line + self.sql.count("\n", 0, position)


def read_query(path: Path, folder: Path) -> Query:
    """The query in a file, named by its path in the folder. Raises CatalogueError."""
    source = read_source(path)
    params = declared_parameters(source)
    statement, *others = sql.statements(source) or [[]]
    tree = sql.parse(source, statement)
    if others or not sql.is_reading(tree):
        raise source.error("a query file holds one SELECT, which only reads")
    split, is_large = _split(source, params, tree)
    return Query(
        name=path.relative_to(folder).with_suffix("").as_posix(),
        title=source.title,
        path=path,
        text=source.text,
        sql=_numbered(source, statement, params),
        params=params,
        reads=_checked_reads(source, sql.relations(tree)),
        ttl=_ttl(source),
        split=split,
        is_large=is_large,
        categories=_categories(source, tree),
        first_line=source.first_line,
        settings=tuning(source),
    )


def _numbered(source: Source, statement: Sequence[Token], params: Mapping[str, ParameterType]) -> str:
    """The SQL with ``$n::type`` for each ``:name``."""
    numbers = {name: number for number, name in enumerate(params, 1)}
    unused = set(params)
    parts, done = [], 0
    for colon, token in sql.parameters(statement):
        name = sql.text_of(source, [token])
        if name not in numbers:
            raise source.error(f":{name} is not declared; add it to the header -- params:", colon.start)
        unused.discard(name)
        parts += [source.text[done : colon.start], f"${numbers[name]}::{params[name]}"]
        done = token.end + 1
    if unused:
        problem = f"the header declares {listed(unused)}, which the SQL does not use"
        raise CatalogueError(source.path, source.header("params").line, problem)
    return "".join([*parts, source.text[done:]])


def _checked_reads(source: Source, relations: Sequence[str]) -> tuple[str, ...]:
    header = source.header("reads")
    declared = tuple(sorted(header.items))
    found = tuple(name for name in relations if not name.startswith("pg_"))
    if declared != found:
        problem = f"the SQL reads {listed(found)}, but the header says {header.value!r}"
        raise CatalogueError(source.path, header.line, problem)
    return declared


def _ttl(source: Source) -> str:
    header = source.header("ttl", default="default")
    if header.value not in TTL_CLASSES:
        problem = f"ttl is {header.value!r}, not one of {listed(TTL_CLASSES)}"
        raise CatalogueError(source.path, header.line, problem)
    return header.value


def _categories(source: Source, tree: exp.Expr) -> tuple[str, ...]:
    header = source.header("categories")
    if unknown := set(header.items) - set(sql.columns(tree)):
        problem = f"categories are columns of the answer, which has no {listed(unknown)}"
        raise CatalogueError(source.path, header.line, problem)
    return tuple(header.items)


def _split(source: Source, params: Mapping[str, ParameterType], tree: exp.Expr) -> tuple[str | None, bool]:
    """The column, and whether answers are large; the SQL must give a range what its months give one after the other."""
    if "split" not in source.headers:
        return None, False
    header = source.header("split")
    match = re.fullmatch(r"month\((\w+)\)(, large)?", header.value)
    if match is None or not has_window(params):
        problem = (
            "split is written month(COLUMN), perhaps followed by , large, and needs params start and end"
        )
    elif not sql.is_ordered_by(tree, match[1]):
        problem = (
            f"split puts months together in order, so the SQL needs ORDER BY {match[1]} first, ascending"
        )
    elif sql.is_cut_off(tree):
        problem = "split puts whole months together, so the SQL has no LIMIT, OFFSET or FETCH"
    else:
        return match[1], match[2] is not None
    raise CatalogueError(source.path, header.line, problem)
