"""Addresses of pages that people gave a name."""

from alembic import op

revision = "0009"
down_revision = "0008"

VIEWS = """
CREATE TABLE dashboard.saved_views (
    view_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 80),
    page text NOT NULL,
    query jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (page, name),
    CHECK (jsonb_typeof(query) = 'object'),
    CHECK (NOT query @? 'strict $.* ? (@.type() != "array")'),
    CHECK (NOT query @? 'strict $.*[*] ? (@.type() != "string")')
);
COMMENT ON COLUMN dashboard.saved_views.page IS 'Path of its URL';
COMMENT ON COLUMN dashboard.saved_views.query IS 'Parameters of its URL: names to lists of values';
"""


def upgrade() -> None:
    op.execute(VIEWS)


def downgrade() -> None:
    op.execute("DROP TABLE dashboard.saved_views")
