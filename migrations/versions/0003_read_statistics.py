"""What reads cost and what the cache saved, by minute and process."""

from alembic import op

revision = "0003"
down_revision = "0002"

STATISTICS = """
CREATE TABLE dashboard.read_statistics (
    minute timestamptz,
    process text,
    query text,
    source text,
    reason text,
    is_coalesced boolean,
    reads bigint NOT NULL,
    size_bytes bigint NOT NULL,
    spent_ms double precision NOT NULL,
    saved_ms double precision NOT NULL,
    elapsed_ms double precision NOT NULL,
    elapsed_buckets integer[] NOT NULL,
    PRIMARY KEY (minute, process, query, source, reason, is_coalesced)
);
COMMENT ON COLUMN dashboard.read_statistics.process IS 'Host, process number and start: never used twice';
COMMENT ON COLUMN dashboard.read_statistics.source IS 'A level of the cache, database, stale, or error';
COMMENT ON COLUMN dashboard.read_statistics.reason IS 'Why it was a miss; empty for a hit';
COMMENT ON COLUMN dashboard.read_statistics.size_bytes IS 'Of the rows';
COMMENT ON COLUMN dashboard.read_statistics.spent_ms IS 'Database time of these reads';
COMMENT ON COLUMN dashboard.read_statistics.saved_ms IS 'Database time that the cache spared them';
COMMENT ON COLUMN dashboard.read_statistics.elapsed_ms IS 'What the readers waited, added up';
COMMENT ON COLUMN dashboard.read_statistics.elapsed_buckets IS 'Reads that took up to 0.01, 0.02, 0.05, 0.1, 0.2, '
    '0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 30000 ms, and longer';
"""


def upgrade() -> None:
    op.execute(STATISTICS)


def downgrade() -> None:
    op.execute("DROP TABLE dashboard.read_statistics")
