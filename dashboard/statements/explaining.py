"""From a statement to its plan: what is known of it, and PostgreSQL's answer, measured where that is possible."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache

from dashboard.catalogue import Query, catalogue
from dashboard.data.question import question
from dashboard.database import Cancellation, Database, Snapshot
from dashboard.database_state import typed, without_constants
from dashboard.demand import restored_params, restored_values
from dashboard.errors import DatabaseError, ParameterError, StatementTimeout
from dashboard.parts import OWN, asked, begin
from dashboard.statements.plan import Plan, parse
from dashboard.window import Span

MEASURED_SECONDS = 15
"""So long may a statement run to be measured; after that, its plan is shown without."""

# Of a query, or of the cursor by which its rows are fetched.
_NAME = re.compile(r'/\* ([\w/]+) \*/\s*$|^FETCH .* "([\w/]+)"$')
_MADE = "explore/"  # in no file: their SQL is made for what somebody explores
_LISTS = ("indexed", "varchars")
_UNKNOWN = "Which parameters it is asked with is not known, so this is the plan for any, and it was not run."
_TOO_SLOW = f"It was stopped after {MEASURED_SECONDS} s, so this is what PostgreSQL expects, without a run."


@dataclass(frozen=True, slots=True)
class Subject:
    """A statement whose plan can be asked for; without ``values``, only the plan for any."""

    title: str
    sql: str
    param_names: tuple[str, ...]
    values: Sequence[object] | None
    settings: tuple[tuple[str, str], ...]
    query: str | None

    @property
    def parameters(self) -> str:
        """``start 2017-11-01, end 2017-12-01``."""
        return described(self.param_names, self.values)


@dataclass(frozen=True, slots=True)
class Table:
    """What matters to a plan of a table, ``name`` as SQL writes it.

    ``indexed`` are the columns that its indexes begin with, ``varchars`` those that PostgreSQL compares as text.
    """

    name: str
    rows: float
    analyzed_at: datetime | None
    changed_rows: int
    indexed: tuple[str, ...]
    varchars: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Explained:
    """A plan, the tables in it by the name that it calls them, and what is to be said of how it was come by.

    ``query`` is the one of the catalogue that it is of, None of any other statement.
    """

    plan: Plan
    tables: dict[str, Table]
    note: str
    query: str | None


def named(text: str) -> str | None:
    """The query of the catalogue that a statement is, as PostgreSQL counted it; None if it is none of those."""
    if name := _name(text):
        return name if name in catalogue().queries else None
    return _by_sql().get(" ".join(text.split()))


def made(text: str) -> str | None:
    """The name of a statement that is ours and in no file, as a breakdown; None for all others."""
    name = _name(text)
    return name if name and name.startswith(_MADE) else None


def _name(text: str) -> str | None:
    found = _NAME.search(text)
    return found and (found[1] or found[2])


def planned_first(query: str) -> str:
    """Whose plan a page about one query offers, as ``subject`` takes it; empty for one that is in no file."""
    return f"query:{query}" if query in catalogue().queries else ""


@cache
def _by_sql() -> dict[str, str]:
    """Queries by their text, as PostgreSQL has it of those that it counted before statements carried their names."""
    return {" ".join(query.sql.split()): query.name for query in catalogue().queries.values()}


def subject(database: Database, of: str) -> Subject:
    """What ``slow:NUMBER``, ``query:NAME`` or ``statement:NUMBER`` stands for. Raises ParameterError, DatabaseError."""
    kind, _, name = of.partition(":")
    with database.snapshot() as snapshot:
        begin(snapshot)
        if kind == "query" and name in catalogue().queries:
            return _of_query(snapshot, catalogue()[name])
        if kind == "slow" and re.fullmatch(r"\d{1,9}", name):
            return _of_slow(snapshot, int(name))
        if kind == "statement" and re.fullmatch(r"-?\d{1,20}", name):
            return _of_counted(snapshot, name)
    raise ParameterError(
        "The address names no statement whose plan could be asked for: choose one from a table."
    )


def explain(database: Database, of: Subject) -> Explained:
    """The plan of a statement, which is run for it if its parameters are known. Raises DatabaseError.

    It runs in a read-only snapshot with the reader's rights, beside those of readers, and is stopped in time.
    """
    with database.long_snapshot(Cancellation()) as snapshot:
        begin(snapshot)
        snapshot.tune([("statement_timeout", f"{MEASURED_SECONDS}s"), *of.settings])
        snapshot.expect(MEASURED_SECONDS)
        if of.values is None:
            told, note = snapshot.generic_plan(f"{of.sql}\n{OWN}"), _UNKNOWN
        else:
            told, note = _measured(snapshot, f"{of.sql}\n{OWN}", of.values)
        try:
            plan = parse(told)
        except ValueError as error:
            raise DatabaseError(str(error)) from error
        rows = asked(snapshot, "ops/planned_tables", tables=list(plan.tables)).iter_rows(named=True)
        tables = {
            row.pop("planned_as"): Table(
                **row | {name: tuple(filter(None, row[name].split(","))) for name in _LISTS}
            )
            for row in rows
        }
    return Explained(plan, tables, note, of.query)


def described(names: Sequence[str], values: Sequence[object] | None) -> str:
    """Parameters in words, cut short where they are long."""
    if values is None:
        return "not kept, since they are too long" if names else ""
    return ", ".join(f"{name} {_short(value)}" for name, value in zip(names, values, strict=False))


def _short(value: object, most: int = 80) -> str:
    text = f"[{', '.join(map(str, value))}]" if isinstance(value, list) else str(value)
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _measured(snapshot: Snapshot, sql: str, values: Sequence[object]) -> tuple[list[dict[str, object]], str]:
    try:
        with snapshot.savepoint():
            return snapshot.plan(sql, values, is_measured=True), ""
    except StatementTimeout:
        with snapshot.savepoint():
            return snapshot.plan(sql, values, is_measured=False), _TOO_SLOW


def _of_query(snapshot: Snapshot, query: Query) -> Subject:
    """With the parameters of its last slow statement; if there is none, with those that people ask it with."""
    values = _last_values(snapshot, query) if query.params else ()
    return Subject(query.name, query.sql, tuple(query.params), values, query.settings, query.name)


def _last_values(snapshot: Snapshot, query: Query) -> Sequence[object] | None:
    for (text,) in asked(snapshot, "ops/last_parameters", query=query.name).iter_rows():
        values = restored_values(text)
        if len(values) == len(query.params):
            return values
    for params, first_day, end_day in asked(snapshot, "ops/asked_parameters", query=query.name).iter_rows():
        span = Span(first_day, end_day) if first_day else None
        try:
            found = question(query, span, restored_params(params))
        except ParameterError:  # it took other parameters then
            return None
        return found.values_for(found.span)
    return None


def _of_slow(snapshot: Snapshot, number: int) -> Subject:
    for name, sql, param_names, values in asked(
        snapshot, "ops/slow_statement", statement_id=number
    ).iter_rows():
        names = tuple(filter(None, param_names.split(",")))
        query = catalogue().queries.get(name)
        if sql is None and (query is None or tuple(query.params) != names):
            raise ParameterError(
                f"The query {name} is another one by now, so this statement can't be planned."
            )
        known = [] if not names else None if values is None else restored_values(values)
        settings = query.settings if query else ()
        return Subject(
            name, sql or (query.sql if query else ""), names, known, settings, name if query else None
        )
    raise ParameterError(
        f"Slow statement {number} is not there any more: such entries are deleted after a while."
    )


def _of_counted(snapshot: Snapshot, number: str) -> Subject:
    for (text,) in asked(snapshot, "ops/statement_text", queryid=number).iter_rows():
        if name := named(text):
            return _of_query(snapshot, catalogue()[name])
        is_plannable = re.match(
            r"(\s|/\*.*?\*/|--[^\n]*\n|\()*(select|with|values|insert|update|delete)\b", text, re.I | re.S
        )
        if not is_plannable:
            raise DatabaseError("This is a command, which has no plan.")
        sql = typed(without_constants(text))
        return Subject(made(text) or "A statement of somebody's", sql, (), None, (), None)
    raise ParameterError("PostgreSQL does not know this statement any more.")
