"""Triggers on the shop's tables: each statement logs the business days that it changed."""

# ruff: noqa: S608 - every name is one of ours

import hashlib
import logging
from collections.abc import Iterator
from contextlib import contextmanager

from dashboard.database import Database
from dashboard.errors import DatabaseError, DatabaseUnavailable

log = logging.getLogger(__name__)

# The key that leads from a table's rows to their orders, whose days they are of.
_KEYS = {
    "customers": "customer_id",
    "order_items": "order_id",
    "order_payments": "order_id",
    "order_reviews": "order_id",
}
SOURCES = ("orders", *_KEYS, "products", "category_translation")
TABLES = [f"shop.{source}" for source in SOURCES]

_TRANSITION = {
    "insert": "REFERENCING NEW TABLE AS touched",
    "update": "REFERENCING OLD TABLE AS touched NEW TABLE AS became",
    "delete": "REFERENCING OLD TABLE AS touched",
    "truncate": "",
}
TRIGGERS = [f"daybook_{change}" for change in _TRANSITION]

# With its owner's rights, so that writers of the shop need none in our schema.
_MAKE = """
CREATE OR REPLACE FUNCTION dashboard.{function}() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $function$
BEGIN
    {body};
    RETURN NULL;
END $function$;
REVOKE EXECUTE ON FUNCTION dashboard.{function}() FROM PUBLIC;
COMMENT ON FUNCTION dashboard.{function}() IS '{mark}';
CREATE OR REPLACE TRIGGER daybook_{change} AFTER {change} ON shop.{source} {transition}
FOR EACH STATEMENT EXECUTE FUNCTION dashboard.{function}();
"""
_LOG = "INSERT INTO dashboard.change_log (source, day)"
# A session keeps a statement's plan, which is made for the first number of rows: that of a bulk load reads all orders,
# and would again for every single row. So single rows have a plan of their own, and that of more is made each time.
# Who fills a shop without its indexes is spared the search.
_BY_NUMBER = """\
IF (SELECT count(*) FROM (SELECT FROM touched LIMIT 2) AS few) < 2 THEN
        {log_of_one};
    ELSIF EXISTS (
        SELECT FROM pg_index JOIN pg_attribute ON attrelid = indrelid AND attnum = indkey[0]
        WHERE indrelid = 'shop.orders'::regclass AND indisvalid AND attname = '{key}'
    ) THEN
        EXECUTE $${log_of_many}$$;
    ELSE
        {log_any};
    END IF"""

_REMOVE = "DROP FUNCTION IF EXISTS {functions} CASCADE"  # with their triggers
# Before PostgreSQL 14 no trigger can be replaced. Ours go with their functions; others, only a table's owner may drop.
_REPLACE, _CREATE = "CREATE OR REPLACE TRIGGER", "CREATE TRIGGER"
_CLEAR = "DROP TRIGGER IF EXISTS {trigger} ON shop.{source}"

_FOUND = """
SELECT relname, CASE WHEN tgenabled IN ('O', 'A') THEN obj_description(tgfoid, 'pg_proc') END
FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid
WHERE tgrelid = ANY (%(tables)s::regclass[]) AND tgname = ANY (%(triggers)s)
"""
# Another cluster, into which a database was restored, numbers transactions anew: what was seen in the old one says
# nothing there. So the cluster is part of the mark.
_CLUSTER = "SELECT system_identifier FROM pg_control_system()"
_CAN_REPLACE = "SELECT current_setting('server_version_num')::integer >= 140000"
_DISTRUST = "UPDATE dashboard.view_states SET snapshot = NULL WHERE snapshot IS NOT NULL"
_ALONE = "SELECT pg_advisory_xact_lock(hashtext('daybook triggers'))"
# Longer than PostgreSQL takes to send autovacuum away, and short for the writers who queue behind.
_PATIENCE = "SET LOCAL lock_timeout = '2s'"


def track(database: Database, tracking: str) -> None:
    """Put the triggers in place, or away, as ``DASHBOARD_CHANGE_TRACKING`` says; only looks when it is so.

    Where this user may not, or where somebody holds a table of the shop for long, the log says so and the table
    stays as it is. Tables without triggers are polled.
    """
    problems: list[str] = []
    todo: list[list[str]] = []
    with _noted(problems):
        todo = _todo(database, tracking)
    # A transaction for each table: it waits for one lock and holds no other, so no writer of the shop can be the
    # victim of a deadlock with it.
    for statements in todo:
        with _noted(problems), database.writer() as writer:
            writer.execute(_ALONE)
            for statement in (_PATIENCE, *statements):
                writer.execute(statement)
    if problems:
        state = "not in place, and polled instead" if tracking == "triggers" else "still in place"
        log.warning("Triggers on tables of the shop are %s. %s", state, " ".join(problems))


@contextmanager
def _noted(problems: list[str]) -> Iterator[None]:
    try:
        yield
    except DatabaseUnavailable:
        raise
    except DatabaseError as error:
        problems.append(str(error))


def _todo(database: Database, tracking: str) -> list[list[str]]:
    """The statements that are needed, by table."""
    found: dict[str, list[str | None]] = {source: [] for source in SOURCES}
    with database.writer() as writer:
        for source, mark in writer.rows(_FOUND, {"tables": TABLES, "triggers": TRIGGERS}):
            found[source].append(mark)
        if tracking != "triggers":
            return [[_removal(source)] for source, marks in found.items() if marks]
        [(cluster,)] = writer.rows(_CLUSTER)
        [(can_replace,)] = writer.rows(_CAN_REPLACE)
        if not all(mark.endswith(f" {cluster}]") for marks in found.values() for mark in marks if mark):
            writer.execute(_DISTRUST)
    definition = hashlib.sha256("".join(map(str, map(_installation, SOURCES))).encode()).hexdigest()[:16]
    wanted = f"Logs what a statement changed [changes {definition} {cluster}]"
    make = _installation if can_replace else _old_installation
    return [make(source, wanted) for source, marks in found.items() if marks != [wanted] * len(TRIGGERS)]


def _installation(source: str, mark: str = "") -> list[str]:
    made = [
        _MAKE.format(
            function=_function(source, change),
            body=_body(source, change),
            mark=mark,
            change=change,
            source=source,
            transition=transition,
        )
        for change, transition in _TRANSITION.items()
    ]
    return [*made, f"{_LOG} VALUES ('{source}', NULL)"]  # nobody knows what was changed before


def _old_installation(source: str, mark: str) -> list[str]:
    cleared = [_CLEAR.format(trigger=trigger, source=source) for trigger in TRIGGERS]
    made = [statement.replace(_REPLACE, _CREATE) for statement in _installation(source, mark)]
    return [_removal(source), *cleared, *made]


def _removal(source: str) -> str:
    functions = ", ".join(f"dashboard.{_function(source, change)}()" for change in _TRANSITION)
    return _REMOVE.format(functions=functions)


def _function(source: str, change: str) -> str:
    return f"log_{change}_of_{source}"


def _body(source: str, change: str) -> str:
    """What the trigger does."""
    if change == "truncate":
        return f"{_LOG} VALUES ('{source}', NULL)"
    if (source, change) == ("customers", "insert"):  # their orders can only come later
        return f"{_LOG} SELECT 'customers', date '-infinity' FROM touched LIMIT 1"
    if source == "orders":
        return f"{_LOG} SELECT DISTINCT 'orders', purchase_date FROM {_changed('purchase_date', change)}"
    if source in _KEYS:
        return _body_by_key(source, _KEYS[source], change)
    return f"{_LOG} SELECT '{source}', NULL::date FROM touched LIMIT 1"


def _body_by_key(source: str, key: str, change: str) -> str:
    # A customer may have no orders. Of what else has none, as it was deleted with it, the day is not known.
    day = "coalesce(purchase_date, '-infinity')" if source == "customers" else "purchase_date"
    days = f"'{source}', {day} FROM {_changed(key, change)} LEFT JOIN shop.orders USING ({key})"
    is_one_day = key == "order_id" and change != "update"
    return _BY_NUMBER.format(
        log_of_one=f"{_LOG} SELECT {'' if is_one_day else 'DISTINCT '}{days}",  # which costs a fourth of it
        log_of_many=f"{_LOG} SELECT DISTINCT {days}",
        log_any=f"{_LOG} VALUES ('{source}', NULL)",
        key=key,
    )


def _changed(column: str, change: str) -> str:
    """A column of the changed rows, as they were and as they are."""
    if change == "update":
        return f"(SELECT {column} FROM touched UNION SELECT {column} FROM became) AS changed"
    return "touched"
