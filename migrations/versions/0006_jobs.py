"""What is known of each attempt at a job, and which of procrastinate's own migrations its tables have seen."""

from alembic import op

revision = "0006"
down_revision = "0005"

JOBS = """
CREATE TABLE dashboard.job_migrations (
    name text PRIMARY KEY,
    applied_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE dashboard.job_migrations IS 'Of the tables in schema procrastinate, which come with that library';

CREATE TABLE dashboard.job_attempts (
    job_id bigint,
    attempt integer,
    worker text NOT NULL,
    started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    error text,
    PRIMARY KEY (job_id, attempt)
);
COMMENT ON COLUMN dashboard.job_attempts.worker IS 'Host and process number';
COMMENT ON COLUMN dashboard.job_attempts.error IS 'Why it failed; NULL: it did not, or goes on';
"""


def upgrade() -> None:
    op.execute(JOBS)


def downgrade() -> None:
    op.execute("DROP VIEW IF EXISTS dashboard.jobs, dashboard.workers")
    op.execute("DROP TABLE dashboard.job_attempts, dashboard.job_migrations")
    op.execute("DROP SCHEMA IF EXISTS procrastinate CASCADE")
