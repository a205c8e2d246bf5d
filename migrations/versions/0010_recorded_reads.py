"""Reads by minute and question, with the blocks that they were made of: other lifetimes are replayed from them."""

from alembic import op

revision = "0010"
down_revision = "0009"

READS = """
CREATE TABLE dashboard.recorded_reads (
    minute timestamptz,
    process text,
    question bytea,
    state bigint,
    is_fresh boolean,
    query text NOT NULL,
    ttl_class text NOT NULL,
    read_at timestamptz NOT NULL,
    reads bigint NOT NULL,
    hits bigint NOT NULL,
    database_ms double precision NOT NULL,
    blocks bytea NOT NULL,
    PRIMARY KEY (minute, process, question, state, is_fresh)
);
COMMENT ON COLUMN dashboard.recorded_reads.process IS 'Host, process number and start: never used twice';
COMMENT ON COLUMN dashboard.recorded_reads.question IS 'Digest of query, parameters, days and version';
COMMENT ON COLUMN dashboard.recorded_reads.state IS 'The newest version of any relation when it was read';
COMMENT ON COLUMN dashboard.recorded_reads.is_fresh IS 'Read past what the cache had';
COMMENT ON COLUMN dashboard.recorded_reads.read_at IS 'The first read of the minute';
COMMENT ON COLUMN dashboard.recorded_reads.reads IS
    'Reads that were asked for; 0 where warm-up alone made the answer ready';
COMMENT ON COLUMN dashboard.recorded_reads.hits IS 'Of these, answered without the database';
COMMENT ON COLUMN dashboard.recorded_reads.database_ms IS 'What the whole answer takes of the database';
COMMENT ON COLUMN dashboard.recorded_reads.blocks IS
    'Digests of 6 bytes, with the version: for each block the number of its months, the block, its months';
"""


def upgrade() -> None:
    op.execute(READS)


def downgrade() -> None:
    op.execute("DROP TABLE dashboard.recorded_reads")
