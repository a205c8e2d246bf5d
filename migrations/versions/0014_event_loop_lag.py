"""How late the event loops of servers are."""

from alembic import op

revision = "0014"
down_revision = "0013"

LAG = """
ALTER TABLE dashboard.processes ADD COLUMN lag_seconds double precision;
COMMENT ON COLUMN dashboard.processes.lag_seconds
    IS 'How late its event loop came to what was due, at the worst in the last minute; null for a worker';
"""


def upgrade() -> None:
    op.execute(LAG)


def downgrade() -> None:
    op.execute("ALTER TABLE dashboard.processes DROP COLUMN lag_seconds")
