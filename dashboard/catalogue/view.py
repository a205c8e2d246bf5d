"""One file of ``queries/views/``: the statements that make a materialized view, or a table, and its indexes."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlglot import Token, TokenType, exp

from dashboard.catalogue import sql
from dashboard.catalogue.source import Source, read_source
from dashboard.errors import CatalogueError


@dataclass(frozen=True, slots=True)
class View:
    """One materialized view in the schema ``dashboard``: the statements that make it and its indexes.

    One that ``is_kept_by_days`` is a table with a column ``date``: of what its ``select`` gives, only the rows of
    days with changes are replaced.
    """

    name: str
    title: str
    path: Path
    statements: tuple[str, ...]
    reads: tuple[str, ...]
    select: str
    is_kept_by_days: bool

    @property
    def kind(self) -> str:
        """What SQL calls it."""
        return "TABLE" if self.is_kept_by_days else "MATERIALIZED VIEW"

    @property
    def definition(self) -> str:
        """A fingerprint of the statements, by which a changed definition is noticed."""
        return hashlib.sha256("\n;\n".join(self.statements).encode()).hexdigest()[:16]


def read_view(path: Path) -> View:
    """The view in a file, which is named like it. Raises CatalogueError."""
    source = read_source(path)
    for name, header in source.headers.items():
        raise CatalogueError(path, header.line, f"a view has no header {name!r}")
    made, *indexes = sql.statements(source) or [[]]
    for statement in (made, *indexes):
        for colon, _ in sql.parameters(statement):
            raise source.error("a view has no parameters", colon.start)
    selecting, is_table = _select(source, made)
    select = sql.parse(source, selecting)
    if not sql.is_reading(select):
        raise source.error("a view is made of one SELECT, which only reads")
    if is_table and "date" not in sql.columns(select):
        raise source.error("a table is kept by days, so it needs a column date")
    if not any([_is_key(source, index) for index in indexes]):  # noqa: C419 - check all
        raise source.error("REFRESH … CONCURRENTLY needs a unique index on plain columns, without WHERE")
    statements = tuple(sql.text_of(source, statement) for statement in (made, *indexes))
    written = sql.text_of(source, selecting)
    return View(path.stem, source.title, path, statements, sql.relations(select), written, is_table)


def _select(source: Source, statement: Sequence[Token]) -> tuple[Sequence[Token], bool]:
    """The SELECT of which the statement makes the view, and whether it makes a table of it."""
    name = source.path.stem
    kinds = [token.token_type for token in statement]
    words = [
        token.text if kind is TokenType.IDENTIFIER else token.text.lower()
        for kind, token in zip(kinds, statement, strict=True)
    ]
    is_table = words[:5] == ["create", "table", "dashboard", ".", name]
    opens = is_table or words[:6] == ["create", "materialized", "view", "dashboard", ".", name]
    if not opens or TokenType.ALIAS not in kinds or words[-3:] == ["with", "no", "data"]:
        raise source.error(f"begin with CREATE MATERIALIZED VIEW dashboard.{name} AS, with data")
    end = -2 if words[-2:] == ["with", "data"] else None
    return statement[kinds.index(TokenType.ALIAS) + 1 : end], is_table


def _is_key(source: Source, statement: Sequence[Token]) -> bool:
    """Whether an index of the view tells its rows apart. Raises CatalogueError for any other statement."""
    tree = sql.parse(source, statement)
    position = statement[0].start
    if isinstance(tree, exp.Command) and statement[0].token_type is TokenType.CREATE:
        raise source.error("syntax error, or a clause of CREATE that sqlglot cannot read", position)
    index = tree.this
    if not (
        isinstance(tree, exp.Create) and isinstance(index, exp.Index) and _is_on(source.path.stem, index)
    ):
        raise source.error("after the view, only its indexes may follow", position)
    params = index.args["params"].args
    if not (columns := params.get("columns")):
        raise source.error("syntax error: an index has columns", position)
    is_total = params.get("where") is None and all(_is_plain(column.this) for column in columns)
    return bool(tree.args["unique"]) and is_total


def _is_on(name: str, index: exp.Index) -> bool:
    table = index.args["table"]
    return (table.catalog, table.db, table.name) == ("", "dashboard", name)


def _is_plain(column: exp.Expr) -> bool:
    while isinstance(column, exp.Opclass | exp.Collate):
        column = column.this
    return isinstance(column, exp.Column)
