"""What changed in the shop, what each view shows of it, and what each month of a view looked like."""

from alembic import op

revision = "0004"
down_revision = "0003"

CHANGES = """
CREATE TABLE dashboard.change_log (
    source text NOT NULL,
    day date,
    transaction xid8 NOT NULL DEFAULT pg_current_xact_id(),
    changed_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE dashboard.change_log IS 'Only ever added to by writers of the shop, who so never wait for each other';
COMMENT ON COLUMN dashboard.change_log.source IS 'A table of the shop, or a relation of ours that views read';
COMMENT ON COLUMN dashboard.change_log.day IS 'A business day with changed rows; NULL: it may be any; '
    '-infinity: none, as of a customer without orders';
COMMENT ON COLUMN dashboard.change_log.transaction IS 'Numbers are not given in the order of commits: '
    'ask pg_visible_in_snapshot';

-- No key and no numbers, which cost a fifth of an entry and are where writers would meet. So that entries can be
-- deleted where a publication of all tables replicates them:
ALTER TABLE dashboard.change_log REPLICA IDENTITY FULL;

CREATE TABLE dashboard.source_states (
    source text PRIMARY KEY,
    state text NOT NULL
);
COMMENT ON TABLE dashboard.source_states IS 'What polling saw last of the tables that have no triggers';
COMMENT ON COLUMN dashboard.source_states.state IS 'Differs after a change; says nothing else';

CREATE TABLE dashboard.view_states (
    view text PRIMARY KEY,
    snapshot pg_snapshot,
    refreshed_at timestamptz,
    duration_seconds double precision,
    rows bigint,
    failures integer NOT NULL DEFAULT 0,
    error text,
    failed_at timestamptz,
    retry_at timestamptz
);
COMMENT ON COLUMN dashboard.view_states.snapshot IS 'The view shows the changes that are visible in it; '
    'NULL: it has to be filled, whatever changed';
COMMENT ON COLUMN dashboard.view_states.duration_seconds IS 'Of the last refresh that succeeded';
COMMENT ON COLUMN dashboard.view_states.failures IS 'Since the last refresh that succeeded';
COMMENT ON COLUMN dashboard.view_states.error IS 'What the last failure said';
COMMENT ON COLUMN dashboard.view_states.retry_at IS 'Not before, after a failure';

CREATE TABLE dashboard.view_months (
    view text,
    month date,
    rows bigint NOT NULL,
    checksum numeric NOT NULL,
    PRIMARY KEY (view, month),
    CHECK (month = '-infinity' OR month = date_trunc('month', month::timestamp))
);
COMMENT ON TABLE dashboard.view_months IS 'By which a refresh finds the months that it changed';
COMMENT ON COLUMN dashboard.view_months.month IS 'First day of the month; -infinity: the whole of a view without days';
COMMENT ON COLUMN dashboard.view_months.checksum IS 'Of the rows, in any order';
"""


# Of the triggers on the shop's tables, which go with them.
DROP_FUNCTIONS = """
DO $$
DECLARE
    function regprocedure;
BEGIN
    FOR function IN
        SELECT oid FROM pg_proc WHERE pronamespace = 'dashboard'::regnamespace AND prorettype = 'trigger'::regtype
    LOOP
        EXECUTE 'DROP FUNCTION ' || function || ' CASCADE';
    END LOOP;
END $$
"""


def upgrade() -> None:
    op.execute(CHANGES)


def downgrade() -> None:
    op.execute(DROP_FUNCTIONS)
    op.execute(
        "DROP TABLE dashboard.view_months, dashboard.view_states, dashboard.source_states, dashboard.change_log"
    )
