"""Where the shop's tables have no triggers of ours: PostgreSQL's own counts of changed rows."""

from dashboard.changes.triggers import TABLES, TRIGGERS
from dashboard.database import Writer

# Rows are counted when their transaction has ended, also where it was undone. TRUNCATE is not counted, but gives a
# table a new file; and after a crash the counts begin anew, at another time.
_POLL = """
WITH polled AS (
    SELECT relname AS source, concat_ws(
        ' ', relfilenode, extract(epoch FROM stats_reset),
        pg_stat_get_tuples_inserted(oid) + pg_stat_get_tuples_updated(oid) + pg_stat_get_tuples_deleted(oid)
    ) AS state
    FROM pg_class, pg_stat_bgwriter
    WHERE oid = ANY (%(tables)s::regclass[]) AND cardinality(%(triggers)s::text[]) > (
        SELECT count(*) FROM pg_trigger
        WHERE tgrelid = pg_class.oid AND tgname = ANY (%(triggers)s) AND tgenabled IN ('O', 'A')
    )
), changed AS (
    INSERT INTO dashboard.source_states (source, state)
    SELECT source, state FROM polled
    WHERE NOT EXISTS (
        SELECT FROM dashboard.source_states AS seen
        WHERE seen.source = polled.source AND seen.state = polled.state
    )
    ON CONFLICT (source) DO UPDATE SET state = excluded.state
    RETURNING source
)
INSERT INTO dashboard.change_log (source) SELECT source FROM changed
"""


def poll_sources(writer: Writer) -> int:
    """Log the tables without triggers that changed since this was last called, for all days; their number.

    PostgreSQL tells what a session changed a second after its commit, or up to ten if it told something just before.
    """
    return writer.execute(_POLL, {"tables": TABLES, "triggers": TRIGGERS})
