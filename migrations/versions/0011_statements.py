"""Statements that were slow or failed, and what PostgreSQL counted of all of them between one moment and the next."""

from alembic import op

revision = "0011"
down_revision = "0010"

FIGURES = """
    calls bigint NOT NULL,
    rows bigint NOT NULL,
    total_ms double precision NOT NULL,
    io_ms double precision NOT NULL,
    jit_ms double precision NOT NULL,
    blocks_hit bigint NOT NULL,
    blocks_read bigint NOT NULL,
    temp_blocks_read bigint NOT NULL,
    temp_blocks_written bigint NOT NULL,
    wal_bytes bigint NOT NULL
"""

TABLES = f"""
CREATE TABLE dashboard.slow_statements (
    statement_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    process text NOT NULL,
    number bigint NOT NULL,
    finished_at timestamptz NOT NULL,
    query text NOT NULL,
    sql text,
    param_names text[] NOT NULL,
    param_values jsonb,
    rows bigint,
    wait_ms double precision NOT NULL,
    run_ms double precision NOT NULL,
    asker text NOT NULL,
    outcome text NOT NULL CHECK (outcome IN ('answered', 'failed', 'timed out', 'unavailable', 'given up')),
    error text,
    UNIQUE (process, number)
);
COMMENT ON COLUMN dashboard.slow_statements.process IS 'Host, process number and start: never used twice';
COMMENT ON COLUMN dashboard.slow_statements.number IS 'Of the statement among those of its process';
COMMENT ON COLUMN dashboard.slow_statements.sql IS 'NULL: as in the file of the query';
COMMENT ON COLUMN dashboard.slow_statements.param_values IS
    'In the order of the names; one that JSON has no type for is an object of its type and its text; NULL: too large';
COMMENT ON COLUMN dashboard.slow_statements.wait_ms IS 'Until it had a place and a connection';
COMMENT ON COLUMN dashboard.slow_statements.run_ms IS 'From then on, until its rows were here';
COMMENT ON COLUMN dashboard.slow_statements.asker IS 'Page, endpoint, command or job; empty if unknown';
CREATE INDEX ix_slow_statements_finished_at ON dashboard.slow_statements (finished_at);

CREATE TABLE dashboard.statement_snapshots (
    snapshot_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    taken_at timestamptz NOT NULL,
    reset_at timestamptz,
    is_reset boolean NOT NULL,
    hidden bigint NOT NULL,
    evictions bigint
);
COMMENT ON COLUMN dashboard.statement_snapshots.reset_at IS
    'When the counters of PostgreSQL were last set to zero; NULL: it does not say, before version 14';
COMMENT ON COLUMN dashboard.statement_snapshots.is_reset IS
    'Counters were set to zero since the snapshot before: what they had counted since then is lost';
COMMENT ON COLUMN dashboard.statement_snapshots.hidden IS
    'Statements of others that our database user may not see';
COMMENT ON COLUMN dashboard.statement_snapshots.evictions IS
    'How often PostgreSQL had to forget statements; NULL: it does not say, before version 14';

CREATE TABLE dashboard.statement_texts (
    queryid bigint PRIMARY KEY,
    text text NOT NULL
);
COMMENT ON TABLE dashboard.statement_texts IS 'Statements as pg_stat_statements has them, with $1 for constants';

CREATE TABLE dashboard.statement_counters (
    userid oid,
    queryid bigint,
    toplevel boolean,
    {FIGURES},
    PRIMARY KEY (userid, queryid, toplevel)
) WITH (fillfactor = 50);
COMMENT ON TABLE dashboard.statement_counters IS 'What pg_stat_statements said at the last snapshot';

CREATE TABLE dashboard.statement_counts (
    snapshot_id integer REFERENCES dashboard.statement_snapshots ON DELETE CASCADE,
    userid oid,
    queryid bigint,
    toplevel boolean,
    {FIGURES},
    PRIMARY KEY (snapshot_id, userid, queryid, toplevel)
);
COMMENT ON TABLE dashboard.statement_counts IS
    'By how much the counters grew between a snapshot and the one before, of statements that ran';
"""
NAMES = "statement_counts, statement_counters, statement_texts, statement_snapshots, slow_statements"


def upgrade() -> None:
    op.execute(TABLES)


def downgrade() -> None:
    op.execute(f"DROP TABLE {', '.join(f'dashboard.{name}' for name in NAMES.split(', '))}")
