"""How large tables and indexes were, day by day."""

from alembic import op

revision = "0012"
down_revision = "0011"

SIZES = """
CREATE TABLE dashboard.relation_sizes (
    day date,
    relation text,
    size_bytes bigint NOT NULL,
    scans bigint,
    inserts bigint,
    taken_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (day, relation)
);
COMMENT ON COLUMN dashboard.relation_sizes.day IS 'In UTC';
COMMENT ON COLUMN dashboard.relation_sizes.relation IS 'Schema and name, as SQL writes them: a table, view or index';
COMMENT ON COLUMN dashboard.relation_sizes.scans IS 'How often it was used (an index) or read in full, by then';
COMMENT ON COLUMN dashboard.relation_sizes.inserts IS 'Rows that were ever inserted, by then; null for an index';
"""


def upgrade() -> None:
    op.execute(SIZES)


def downgrade() -> None:
    op.execute("DROP TABLE dashboard.relation_sizes")
