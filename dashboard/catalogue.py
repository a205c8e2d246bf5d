"""The catalogue: every file in ``queries/``, its header checked against its SQL."""

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from functools import cache
from graphlib import CycleError, TopologicalSorter
from itertools import takewhile
from pathlib import Path
from typing import Any, Literal, get_args

from pglast import ast, parse_sql
from pglast.enums import ObjectType
from pglast.parser import ParseError, scan
from pglast.visitors import referenced_relations

from dashboard.errors import CatalogueError, ParameterError, UnknownQuery
from dashboard.settings import ROOT

FOLDER = ROOT / "queries"
TTL_CLASSES = ("default", "analytics", "session")
HEADERS = ("reads", "params", "split", "ttl")

ParameterType = Literal["date", "text", "integer", "numeric", "boolean", "text[]", "date[]"]
PARAMETER_TYPES: tuple[ParameterType, ...] = get_args(ParameterType)
WINDOW_PARAMETERS = ("start", "end")

# The scanner's names for what an operand ends with. A colon after one is an array's slice, ``days[a:b]``;
# no SQL has a parameter there.
_OPERAND_ENDS = ("IDENT", "ICONST", "FCONST", "SCONST", "PARAM", "ASCII_41", "ASCII_93")


@dataclass(frozen=True, slots=True)
class Query:
    """One SELECT that the dashboard may ask.

    ``sql`` has its parameters numbered (``$1::date``) in the order of ``params``. ``split`` names the date
    column by which the answer for a range is the concatenation of its months' answers.
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
    first_line: int

    def bind(self, given: Mapping[str, object]) -> tuple[Any, ...]:
        """Values in the order of ``$1, $2, …``; text is read as the parameter's type. Raises ParameterError."""
        if missing := self.params.keys() - given.keys():
            raise ParameterError(f"{self.name} needs {_listed(missing)}.")
        if unknown := given.keys() - self.params.keys():
            raise ParameterError(f"{self.name} knows no {_listed(unknown)}; it takes {_listed(self.params)}.")
        return tuple(self._value(name, given[name]) for name in self.params)

    def _value(self, name: str, value: object) -> object:
        kind = self.params[name]
        try:
            return _as_type(kind, value)
        except (ValueError, InvalidOperation) as error:
            raise ParameterError(f"{self.name}: {name} is {value!r}, which is no {kind}.") from error

    def line_at(self, position: int) -> int:
        """The line in the query's file of a character of ``sql``, counted from 0."""
        return self.first_line + self.sql.count("\n", 0, position)


@dataclass(frozen=True, slots=True)
class View:
    """One materialized view in the schema ``dashboard``: the statements that make it and its indexes."""

    name: str
    title: str
    path: Path
    statements: tuple[str, ...]
    reads: tuple[str, ...]

    @property
    def definition(self) -> str:
        """A fingerprint of the statements, by which a changed definition is noticed."""
        return hashlib.sha256("\n;\n".join(self.statements).encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All queries by name, and all views in an order in which they can be built."""

    queries: dict[str, Query]
    views: tuple[View, ...]

    def __getitem__(self, name: str) -> Query:
        if name not in self.queries:
            raise UnknownQuery(f"There is no query {name!r}; there are {_listed(self.queries)}.")
        return self.queries[name]

    def view(self, name: str) -> View:
        """The view of that name. Raises UnknownQuery."""
        for view in self.views:
            if view.name == name:
                return view
        raise UnknownQuery(f"There is no view {name!r}; there are {_listed(v.name for v in self.views)}.")

    def reading(self, names: set[str]) -> tuple[View, ...]:
        """The views of these names and all that read them, directly or not, in order of building."""
        found = set(names)
        for view in self.views:
            if found & set(view.reads):
                found.add(view.name)
        return tuple(view for view in self.views if view.name in found)


def load_catalogue(folder: Path = FOLDER) -> Catalogue:
    """Read and check all query files. Raises CatalogueError, which names file and line."""
    views = {path.stem: _view(path) for path in sorted(folder.glob("views/*.sql"))}
    queries = [
        _query(path, folder) for path in sorted(folder.glob("**/*.sql")) if path.parent != folder / "views"
    ]
    return Catalogue({query.name: query for query in queries}, _ordered(views))


def _ordered(views: dict[str, View]) -> tuple[View, ...]:
    order = TopologicalSorter({name: set(view.reads) & views.keys() for name, view in views.items()})
    try:
        return tuple(views[name] for name in order.static_order())
    except CycleError as error:
        circle = " → ".join(error.args[1])
        raise CatalogueError(views[error.args[1][0]].path, 1, f"views read each other: {circle}") from error


@cache
def catalogue() -> Catalogue:
    """The catalogue of this program, read once."""
    return load_catalogue()


def _query(path: Path, folder: Path) -> Query:
    title, headers, first_line, text = _read(path)
    text = text.rstrip()
    declared, line = headers.get("params", ("", 1))
    params = _declared_params(path, declared, line)
    sql, used = _numbered(path, text, params, first_line)
    _check_is_one_select(path, sql, first_line)
    if unused := params.keys() - used:
        raise CatalogueError(path, line, f"the header declares {_listed(unused)}, which the SQL does not use")
    reads = _checked_reads(path, sql, *headers.get("reads", ("", 1)))
    ttl, line = headers.get("ttl", ("default", 1))
    if ttl not in TTL_CLASSES:
        raise CatalogueError(path, line, f"ttl is {ttl!r}, not one of {_listed(TTL_CLASSES)}")
    name = path.relative_to(folder).with_suffix("").as_posix()
    split = _split(path, params, *headers["split"]) if "split" in headers else None
    return Query(name, title, path, text, sql, params, reads, ttl, split, first_line)


def _read(path: Path) -> tuple[str, dict[str, tuple[str, int]], int, str]:
    """A file's title, each header's value and line, the line on which the SQL starts, and the SQL."""
    lines = _source(path).split("\n")
    comments = list(takewhile(lambda line: line.startswith("--") or not line.strip(), lines))
    title, headers = _header(path, comments)
    if not title:
        raise CatalogueError(path, 1, "begin the file with a comment that says what it answers")
    if len(comments) == len(lines):
        raise CatalogueError(path, len(lines), "the file has no SQL")
    return title, headers, len(comments) + 1, "\n".join(lines[len(comments) :])


def _source(path: Path) -> str:
    content = path.read_bytes()
    try:
        return content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise CatalogueError(path, line, "the file is not UTF-8") from error


def _header(path: Path, comments: list[str]) -> tuple[str, dict[str, tuple[str, int]]]:
    title: list[str] = []
    headers: dict[str, tuple[str, int]] = {}
    for number, line in enumerate(comments, 1):
        comment = line.removeprefix("--").strip()
        match = re.fullmatch(r"([a-z]\w*):\s*(.*)", comment)
        if match is None:
            title.append(comment)
            continue
        key, value = match.groups()
        if key not in HEADERS:
            raise CatalogueError(path, number, f"unknown header {key!r}; known are {_listed(HEADERS)}")
        if key in headers:
            raise CatalogueError(path, number, f"{key} stands here a second time")
        headers[key] = value, number
    return " ".join(filter(None, title)), headers


def _declared_params(path: Path, value: str, line: int) -> dict[str, ParameterType]:
    params: dict[str, ParameterType] = {}
    for item in filter(None, (part.strip() for part in value.split(","))):
        name, *words = item.split()
        kind = " ".join(words) or ("date" if name in WINDOW_PARAMETERS else "")
        if kind not in PARAMETER_TYPES:
            raise CatalogueError(
                path, line, f"write the type of {name!r} after its name: one of {_listed(PARAMETER_TYPES)}"
            )
        if name in params:
            raise CatalogueError(path, line, f"{name} is declared a second time")
        params[name] = PARAMETER_TYPES[PARAMETER_TYPES.index(kind)]
    return params


def _numbered(path: Path, text: str, params: Mapping[str, str], first_line: int) -> tuple[str, set[str]]:
    """The SQL with ``$n::type`` for each ``:name``, and the names; PostgreSQL's scanner tells what is one."""
    numbers = {name: number for number, name in enumerate(params, 1)}
    used: set[str] = set()
    parts, done = [], 0
    for start, end, name in _placeholders(path, text, first_line):
        if name not in numbers:
            line = first_line + text.count("\n", 0, start)
            raise CatalogueError(path, line, f":{name} is not declared; add it to the header -- params:")
        used.add(name)
        parts += [text[done:start], f"${numbers[name]}::{params[name]}"]
        done = end
    return "".join([*parts, text[done:]]), used


def _placeholders(path: Path, text: str, first_line: int) -> Iterator[tuple[int, int, str]]:
    try:
        tokens = scan(text)
    except ParseError as error:
        raise CatalogueError(path, _line_of(error, text, first_line), str(error.args[0])) from error
    for before, colon, word in zip([None, *tokens], tokens, tokens[1:], strict=False):
        is_slice = before is not None and before.name in _OPERAND_ENDS
        if colon.name == "ASCII_58" and word.start == colon.end + 1 and not is_slice:
            name = text[word.start : word.end + 1]
            if name.isidentifier():
                yield colon.start, word.end + 1, name


def _parsed(path: Path, sql: str, first_line: int) -> tuple[ast.RawStmt, ...]:
    try:
        return tuple(parse_sql(sql))
    except ParseError as error:
        raise CatalogueError(path, _line_of(error, sql, first_line), str(error.args[0])) from error


def _line_of(error: ParseError, sql: str, first_line: int) -> int:
    position = error.args[1] if len(error.args) > 1 and isinstance(error.args[1], int) else 0
    return first_line + sql.count("\n", 0, position)


def _check_is_one_select(path: Path, sql: str, first_line: int) -> None:
    statements = _parsed(path, sql, first_line)
    if len(statements) != 1 or not _only_reads(statements[0].stmt):
        raise CatalogueError(path, first_line, "a query file holds one SELECT, which only reads")


def _only_reads(statement: object) -> bool:
    if not isinstance(statement, ast.SelectStmt) or statement.intoClause or statement.lockingClause:
        return False
    parts = statement.withClause.ctes if statement.withClause else None
    return all(isinstance(part.ctequery, ast.SelectStmt) for part in parts or ())


def _relations(statement: str | ast.Node) -> tuple[str, ...]:
    """Relations that a statement reads; those of our two schemas without the schema."""
    names = referenced_relations(statement)
    return tuple(sorted({name.removeprefix("dashboard.").removeprefix("shop.") for name in names}))


def _checked_reads(path: Path, sql: str, value: str, line: int) -> tuple[str, ...]:
    declared = tuple(sorted(filter(None, (part.strip() for part in value.split(",")))))
    found = tuple(name for name in _relations(sql) if not name.startswith("pg_"))
    if declared != found:
        raise CatalogueError(path, line, f"the SQL reads {_listed(found)}, but the header says {value!r}")
    return declared


def _split(path: Path, params: Mapping[str, str], value: str, line: int) -> str:
    match = re.fullmatch(r"month\((\w+)\)", value)
    if match is None or not set(WINDOW_PARAMETERS) <= params.keys():
        raise CatalogueError(path, line, "split is written month(COLUMN), and needs params start and end")
    return match.group(1)


def _view(path: Path) -> View:
    title, headers, first_line, source = _read(path)
    for name, (_, line) in headers.items():
        raise CatalogueError(path, line, f"a view has no header {name!r}")
    made, *indexes = _parsed(path, source, first_line) or (ast.RawStmt(),)
    match made.stmt:
        case ast.CreateTableAsStmt(
            objtype=ObjectType.OBJECT_MATVIEW,
            into=ast.IntoClause(skipData=False, rel=ast.RangeVar(schemaname="dashboard", relname=path.stem)),
            query=ast.SelectStmt() as select,
        ):
            reads = _relations(select)
        case _:
            problem = f"begin with CREATE MATERIALIZED VIEW dashboard.{path.stem} AS, with data"
            raise CatalogueError(path, first_line, problem)
    lines = [first_line + source.count("\n", 0, index.stmt_location) for index in indexes]
    if not any([_is_key(path, *each) for each in zip(lines, indexes, strict=True)]):  # noqa: C419 - check all
        problem = "REFRESH … CONCURRENTLY needs a unique index on plain columns, without WHERE"
        raise CatalogueError(path, first_line, problem)
    statements = tuple(_statement(source, part) for part in (made, *indexes))
    return View(path.stem, title, path, statements, reads)


def _is_key(path: Path, line: int, statement: ast.RawStmt) -> bool:
    """Whether an index of the view tells its rows apart. Raises CatalogueError for any other statement."""
    match statement.stmt:
        case ast.IndexStmt(
            relation=ast.RangeVar(schemaname="dashboard", relname=path.stem),
            unique=unique,
            whereClause=where,
            indexParams=columns,
        ):
            return bool(unique) and where is None and all(column.name for column in columns or ())
    raise CatalogueError(path, line, "after the view, only its indexes may follow")


def _statement(source: str, parsed: ast.RawStmt) -> str:
    return source[parsed.stmt_location :][: parsed.stmt_len or None].strip()


def _as_type(kind: ParameterType, value: object) -> object:
    if not isinstance(value, str):
        return value
    if b"\0" in value.encode():  # neither that nor a lone surrogate can be sent to PostgreSQL
        raise ValueError(value)
    match kind:
        case "text":
            return value
        case "date":
            return date.fromisoformat(value)
        case "integer":
            return _integer(value)
        case "numeric":
            return Decimal(value)
        case "text[]":
            return value.split(",") if value else []
        case "date[]":
            return [date.fromisoformat(day) for day in value.split(",")] if value else []
        case _:
            return _boolean(value)


def _integer(value: str) -> int:
    if not -(2**31) <= int(value) < 2**31:
        raise ValueError(value)
    return int(value)


def _boolean(value: str) -> bool:
    if value not in ("true", "false"):
        raise ValueError(value)
    return value == "true"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "nothing"
