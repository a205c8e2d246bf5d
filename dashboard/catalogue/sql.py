"""Reading SQL without a database: its statements, its parameters, and the relations that it reads."""

import logging
import re
from collections.abc import Iterator, Sequence
from itertools import groupby, pairwise

from sqlglot import Token, TokenType, exp
from sqlglot.dialects.postgres import Postgres
from sqlglot.errors import ParseError, TokenError
from sqlglot.optimizer.normalize_identifiers import normalize_identifiers

from dashboard.catalogue.source import Source
from dashboard.errors import CatalogueError

# What it warns of, a statement that it can't parse and takes as a Command, is an error here.
logging.getLogger("sqlglot").setLevel(logging.CRITICAL)

# What an operand ends with. A colon that touches it is an array's slice, ``days[a:b]``, or a key's in JSON_OBJECT.
_OPERAND_END = re.compile(r"""[\w$)\]"']""")


def statements(source: Source) -> list[list[Token]]:
    """The tokens of each statement, a parameter's colon among them as a PARAMETER. Raises CatalogueError."""
    try:
        tokens = Postgres().tokenize(source.text)
    except TokenError as error:
        raise _not_tokens(source, error) from error
    _mark_parameters(source.text, tokens)
    cut = groupby(tokens, lambda token: token.token_type is TokenType.SEMICOLON)
    return [list(statement) for is_end, statement in cut if not is_end]


def text_of(source: Source, statement: Sequence[Token]) -> str:
    """A statement as written, without the comments around it."""
    return source.text[statement[0].start : statement[-1].end + 1]


def parameters(statement: Sequence[Token]) -> Iterator[tuple[Token, Token]]:
    """The colon and the name of each parameter."""
    for colon, name in pairwise(statement):
        if colon.token_type is TokenType.PARAMETER and colon.text == ":":
            yield colon, name


def parse(source: Source, statement: Sequence[Token]) -> exp.Expr:
    """The statement's tree, names folded as PostgreSQL folds them. Raises CatalogueError."""
    # The context is long enough to begin with the text, so that its length is the error's position.
    parser = Postgres().parser(error_message_context=len(source.text))
    try:
        [tree] = parser.parse(list(statement), source.text)
    except ParseError as error:
        [found, *_] = error.errors
        problem = f'syntax error at or near "{found["highlight"]}", or SQL that sqlglot cannot read'
        raise source.error(problem, len(found["start_context"])) from error
    except RecursionError as error:
        raise source.error("the SQL is nested too deeply to be read", statement[0].start) from error
    return normalize_identifiers(tree, dialect=Postgres) if tree else exp.Command()


def is_reading(tree: exp.Expr) -> bool:
    """Whether it is a SELECT that changes, makes and locks nothing."""
    parts = (tree, *(part.this for part in tree.find_all(exp.CTE)))
    is_select = all(isinstance(part, exp.Query | exp.Values) for part in parts)
    return is_select and tree.find(exp.Into, exp.Lock) is None


def is_ordered_by(query: exp.Expr, column: str) -> bool:
    """Whether the rows come in ascending order of a column of the answer, before any other order."""
    order = query.args.get("order")
    first = order.expressions[0] if order else exp.Ordered()
    # A bare name is one of the answer's columns; a qualified one may be another column of that name.
    is_column = isinstance(first.this, exp.Column) and [part.name for part in first.this.parts] == [column]
    return is_column and not first.args.get("desc")


def is_cut_off(query: exp.Expr) -> bool:
    """Whether it takes but some of its rows, or of a subquery's."""
    return query.find(exp.Limit, exp.Fetch, exp.Offset) is not None


def columns(query: exp.Expr) -> tuple[str, ...]:
    """Names of the columns of a query's answer."""
    return tuple(query.named_selects) if isinstance(query, exp.Query) else ()


def relations(query: exp.Expr) -> tuple[str, ...]:
    """Relations that a query reads, in alphabetical order; those of our two schemas without the schema."""
    tables = (table for table in query.find_all(exp.Table) if isinstance(table.this, exp.Identifier))
    names = (".".join(part.name for part in table.parts) for table in tables if not _is_in_with(table))
    return tuple(sorted({name.removeprefix("dashboard.").removeprefix("shop.") for name in names}))


def _is_in_with(table: exp.Table) -> bool:
    """Whether a name without schema is one of a WITH around it, as far as that reaches."""
    node: exp.Expr = table
    while not table.db and (parent := node.parent) is not None:
        if any(part.alias == table.name for part in _reaching(node, parent)):
            return True
        node = parent
    return False


def _reaching(node: exp.Expr, parent: exp.Expr) -> list[exp.Expr]:
    """The parts of the parent's WITH that its child knows: a part knows those before it, or with RECURSIVE all."""
    if isinstance(parent, exp.With):
        return parent.expressions if parent.recursive else parent.expressions[: node.index]
    with_ = parent.args.get("with_")
    return with_.expressions if isinstance(with_, exp.With) and with_ is not node else []


def _mark_parameters(text: str, tokens: list[Token]) -> None:
    """Let the parser see ``:end`` as it would ``$1``: it takes keywords, and a list of them, for other things."""
    for colon, name in pairwise(tokens):
        is_name = name.start == colon.end + 1 and text[name.start : name.end + 1].isidentifier()
        touches = _OPERAND_END.match(text[colon.start - 1 : colon.start])
        if colon.token_type is TokenType.COLON and is_name and not touches:
            colon.token_type, name.token_type = TokenType.PARAMETER, TokenType.VAR


def _not_tokens(source: Source, error: TokenError) -> CatalogueError:
    located = re.fullmatch(r"(.+) from \d+:(\d+)", str(error.__cause__))
    if located is None:
        return source.error("unterminated comment", max(source.text.rfind("/*"), 0))
    problem = located[1].replace("Missing", "unterminated quoted string, which lacks")
    return source.error(problem, int(located[2]))
