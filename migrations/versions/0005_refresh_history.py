"""Which months a refresh changed and why one failed; numbers of versions that no transaction draws twice."""

from alembic import op

revision = "0005"
down_revision = "0004"

HISTORY = """
ALTER TABLE dashboard.refreshes ALTER COLUMN rows DROP NOT NULL;
ALTER TABLE dashboard.refreshes ADD COLUMN months_changed integer, ADD COLUMN error text;
COMMENT ON COLUMN dashboard.refreshes.rows IS 'NULL: it failed';
COMMENT ON COLUMN dashboard.refreshes.months_changed IS 'Months with a new version; a view without days has one';

CREATE SEQUENCE dashboard.version_numbers;
COMMENT ON SEQUENCE dashboard.version_numbers IS 'Shows also to a transaction with an old snapshot what was drawn';
"""


def upgrade() -> None:
    op.execute(HISTORY)


def downgrade() -> None:
    op.execute("DROP SEQUENCE dashboard.version_numbers")
    op.execute("DELETE FROM dashboard.refreshes WHERE rows IS NULL")
    op.execute("ALTER TABLE dashboard.refreshes DROP COLUMN months_changed, DROP COLUMN error")
    op.execute("ALTER TABLE dashboard.refreshes ALTER COLUMN rows SET NOT NULL")
