"""Bringing a database to what this program expects: rights, migrations, the reader's role, the views."""

import logging
from dataclasses import dataclass

import polars as pl
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

from dashboard.catalogue import Catalogue, catalogue
from dashboard.changes import track
from dashboard.database import READER_ROLE, Database, StatementRefused, Writer
from dashboard.errors import CatalogueError, DatabaseError, MissingRights, NewerSchema
from dashboard.job_tables import SCHEMA, prepare_jobs
from dashboard.parts import OWN
from dashboard.refresh import build_views
from dashboard.settings import ROOT

log = logging.getLogger(__name__)

READ = ("shop", "dashboard")
SCHEMAS = (*READ, SCHEMA)

_LOCK = "SELECT pg_advisory_xact_lock(hashtext('daybook schema'))"
# to_regclass fails where the user lacks USAGE, before it can be said what is lacking.
_REVISION_TABLE = "SELECT FROM pg_tables WHERE schemaname = 'dashboard' AND tablename = 'schema_revision'"
_REVISION = "SELECT version_num FROM dashboard.schema_revision"
_LACKING = """
SELECT format('GRANT CREATE ON DATABASE %%I TO %%I', current_database(), current_user)
WHERE NOT has_database_privilege(current_database(), 'CREATE')
  AND EXISTS (SELECT FROM unnest(%(schemas)s::text[]) AS name WHERE to_regnamespace(name) IS NULL)
UNION ALL
SELECT format('GRANT USAGE, CREATE ON SCHEMA %%I TO %%I', name, current_user)
FROM unnest(%(schemas)s::text[]) AS name
WHERE to_regnamespace(name) IS NOT NULL
  AND NOT (has_schema_privilege(to_regnamespace(name)::oid, 'USAGE')
           AND has_schema_privilege(to_regnamespace(name)::oid, 'CREATE'))
"""
# IF NOT EXISTS asks for the right to create a schema even where there is one.
_ABSENT = "SELECT name FROM unnest(%(schemas)s::text[]) AS name WHERE to_regnamespace(name) IS NULL"
_UNREADABLE = f"""
SELECT FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
WHERE nspname = ANY (%(schemas)s) AND relkind IN ('r', 'p', 'v', 'm')
  AND NOT EXISTS (
      SELECT FROM pg_roles
      WHERE rolname = '{READER_ROLE}'
        AND has_schema_privilege(pg_roles.oid, relnamespace, 'USAGE')
        AND has_table_privilege(pg_roles.oid, pg_class.oid, 'SELECT')
  )
LIMIT 1
"""  # noqa: S608 - a constant
_GRANTS = (
    f"GRANT USAGE ON SCHEMA shop, dashboard TO {READER_ROLE}",
    f"GRANT SELECT ON ALL TABLES IN SCHEMA shop, dashboard TO {READER_ROLE}",
    f"ALTER DEFAULT PRIVILEGES IN SCHEMA shop, dashboard GRANT SELECT ON TABLES TO {READER_ROLE}",
)
_UNWATCHED = f"""
SELECT WHERE NOT pg_has_role('{READER_ROLE}', 'pg_monitor', 'member')
    OR NOT EXISTS (SELECT FROM pg_extension WHERE extname = 'pgstattuple')
"""  # noqa: S608 - a constant
_WATCHING = (f"GRANT pg_monitor TO {READER_ROLE}", "CREATE EXTENSION IF NOT EXISTS pgstattuple")


@dataclass(frozen=True, slots=True)
class State:
    """Which migration a database is at, None for none, and which one this program expects."""

    current: str | None
    expected: str
    known: frozenset[str]

    @property
    def is_current(self) -> bool:
        return self.current == self.expected

    @property
    def is_known(self) -> bool:
        return self.current in self.known


def state(database: Database) -> State:
    """How far a database is migrated; changes nothing. Raises DatabaseError."""
    scripts = ScriptDirectory(str(ROOT / "migrations"))
    with database.writer() as writer:
        current = _revision(writer)
    known = frozenset(script.revision for script in scripts.walk_revisions())
    return State(current, scripts.get_current_head() or "none", known)


def prepare(database: Database, tracking: str = "triggers", *, is_bundled: bool = False) -> None:
    """Make the database ready to be read: migrated, with its views, every query checked against it.

    ``tracking`` is ``DASHBOARD_CHANGE_TRACKING``. On a server that ``is_bundled``, which nobody else uses, readers may
    watch all that happens. Does nothing but look when all is in place. Raises MissingRights, NewerSchema,
    DatabaseError, and CatalogueError for a query that PostgreSQL can't prepare.
    """
    with database.connection() as connection:
        writer = database.writing(connection)
        writer.execute(_LOCK)
        if _migrate(connection, writer):
            _count_statements(writer)
        build_views(writer)
        if writer.rows(_UNREADABLE, {"schemas": list(READ)}):
            _grant_reading(writer)
        if is_bundled and writer.rows(_UNWATCHED):
            for statement in _WATCHING:
                writer.execute(statement)
    prepare_jobs(database)
    track(database, tracking)
    check_queries(database, catalogue())


def check_queries(database: Database, known: Catalogue) -> None:
    """Let PostgreSQL prepare every query as the reader. Raises CatalogueError with file and line."""
    with database.snapshot() as snapshot:
        for query in known.queries.values():
            try:
                snapshot.tune(query.settings)
                # PostgreSQL counts a statement under the text that it saw first: with the mark that it is found by.
                mark = OWN if query.name.startswith("ops/") else query.mark
                prepared = snapshot.prepare(f"{query.sql}\n{mark}")
            except StatementRefused as refused:
                line = query.line_at(refused.position or 0)
                raise CatalogueError(query.path, line, str(refused)) from refused
            if query.split and prepared.schema.get(query.split) != pl.Date:
                problem = f"split needs a column {query.split} of type date in the answer"
                raise CatalogueError(query.path, query.first_line, problem)


def _migrate(connection: sa.Connection, writer: Writer) -> bool:
    """Run the migrations that the database lacks; whether there were any."""
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(ROOT / "migrations").replace("%", "%%"))
    scripts = ScriptDirectory.from_config(config)
    current = _revision(writer)
    if current == scripts.get_current_head():
        return False
    if current is not None and current not in {script.revision for script in scripts.walk_revisions()}:
        raise NewerSchema(
            f"The database is at migration {current}, this program knows up to "
            f"{scripts.get_current_head()}: a newer program has been here. Update this checkout."
        )
    if lacking := [grant for (grant,) in writer.rows(_LACKING, {"schemas": list(SCHEMAS)})]:
        raise MissingRights(
            "The database user may not create what the dashboard needs. Let an administrator run: "
            + "; ".join(lacking)
        )
    for (name,) in writer.rows(_ABSENT, {"schemas": list(SCHEMAS)}):
        writer.execute(f"CREATE SCHEMA {name}")
    command.upgrade(config, "head")
    log.info("migrated the database from %s to %s", current or "nothing", scripts.get_current_head())
    return True


def _revision(writer: Writer) -> str | None:
    rows = writer.rows(_REVISION) if writer.rows(_REVISION_TABLE) else []
    return str(rows[0][0]) if rows else None


def _has_reader(writer: Writer) -> bool:
    return bool(writer.rows(f"SELECT FROM pg_roles WHERE rolname = '{READER_ROLE}'"))


def _grant_reading(writer: Writer) -> None:
    """Make the role that reads, where this user may; a reader's session is read only in any case."""
    try:
        with writer.savepoint():
            if not _has_reader(writer):
                writer.execute(f"CREATE ROLE {READER_ROLE} NOLOGIN")
                writer.execute(f"GRANT {READER_ROLE} TO CURRENT_USER")
            for grant in _GRANTS:
                writer.execute(grant)
    except DatabaseError as error:
        log.info("reads are read only by their session, not by a role: %s", error)


def _count_statements(writer: Writer) -> None:
    """Let PostgreSQL keep statistics of statements, where this user may; the ops pages read them."""
    try:
        with writer.savepoint():
            writer.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
    except DatabaseError as error:
        log.info("no statistics of statements: %s", error)
