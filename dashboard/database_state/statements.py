"""The statements that are really run: those that PostgreSQL counts, and those of this program."""

from dataclasses import dataclass

from dashboard.catalogue import catalogue
from dashboard.database import Snapshot
from dashboard.database_state.texts import without_constants
from dashboard.errors import DatabaseError
from dashboard.parts import OWN
from dashboard.parts import own as marked

STATEMENTS = 200
"""So many of those that took the most time are looked at."""

_SCHEMA = """
SELECT quote_ident(nspname) AS schema_name FROM pg_extension
JOIN pg_namespace ON pg_namespace.oid = extnamespace WHERE extname = 'pg_stat_statements'
"""
_COUNTED = """
SELECT query, sum(calls)::bigint AS calls, sum(total_exec_time) AS total_ms
FROM {schema}.pg_stat_statements
WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND strpos(coalesce(query, ''), $1) = 0
    AND coalesce(query, '') !~* 'password'
    AND coalesce(query, '') !~* '^\\s*(begin|commit|rollback|set|show|copy|explain|create|drop|alter|listen)\\y'
GROUP BY query
ORDER BY total_ms DESC
LIMIT $2
"""
_HIDDEN = "<insufficient privilege>"


class StatementsUnknown(DatabaseError):
    """PostgreSQL does not count statements, or does not show them."""


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement, with how often it ran and how long in all; None of one that nobody counted.

    ``name`` is that of a query of this program; empty for others.
    """

    text: str
    calls: int | None = None
    total_ms: float | None = None
    name: str = ""


def counted(snapshot: Snapshot) -> tuple[Statement, ...]:
    """What took the most time, our own statements about the database left out.

    Raises StatementsUnknown, which says what to install or grant, and DatabaseError.
    """
    schema = snapshot.frame(marked(_SCHEMA))
    if schema.is_empty():
        raise StatementsUnknown(
            "PostgreSQL does not count statements. Put pg_stat_statements into shared_preload_libraries, "
            "restart PostgreSQL, and run CREATE EXTENSION pg_stat_statements."
        )
    sql = marked(_COUNTED.format(schema=schema["schema_name"][0]))
    try:
        with snapshot.savepoint():
            rows = snapshot.frame(sql, [OWN, STATEMENTS]).rows()
    except DatabaseError as error:
        if "total_exec_time" in str(error):
            raise StatementsUnknown(
                "pg_stat_statements is that of an older PostgreSQL: ALTER EXTENSION pg_stat_statements UPDATE."
            ) from error
        if "shared_preload_libraries" not in str(error):
            raise
        raise StatementsUnknown(
            "PostgreSQL does not count statements: put pg_stat_statements into shared_preload_libraries and "
            "restart it."
        ) from error
    if rows and all(text == _HIDDEN for text, *_ in rows):
        raise StatementsUnknown("The texts of the statements that PostgreSQL counts are hidden.")
    return tuple(
        Statement(without_constants(text), calls, ms) for text, calls, ms in rows if text and text != _HIDDEN
    )


def own() -> tuple[Statement, ...]:
    """The queries of this program, but for those about the database, and what its views are made of."""
    known = catalogue()
    queries = [
        Statement(query.sql, name=query.name)
        for query in known.queries.values()
        if not query.name.startswith("ops/")
    ]
    return (*queries, *(Statement(view.select, name=view.name) for view in known.views))
