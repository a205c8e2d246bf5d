"""The people of the shop, numbered: cached months of different ages have to agree on who is who."""

from alembic import op

revision = "0002"
down_revision = "0001"

PEOPLE = """
CREATE TABLE dashboard.people (
    person integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    customer_unique_id text NOT NULL UNIQUE
);
COMMENT ON TABLE dashboard.people IS 'Filled before the views that read it; a number is never given again';
"""


def upgrade() -> None:
    op.execute(PEOPLE)


def downgrade() -> None:
    op.execute("DROP TABLE dashboard.people")
