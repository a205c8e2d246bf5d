"""Reports that people asked for; what becomes of one is told by its job."""

from alembic import op

revision = "0008"
down_revision = "0007"

REPORTS = """
CREATE TABLE dashboard.reports (
    report_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    title text NOT NULL,
    first_day date NOT NULL,
    last_day date NOT NULL,
    choices jsonb NOT NULL,
    job_id bigint,
    requested_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    generated_at timestamptz,
    data_version bigint,
    content text,
    CHECK (first_day <= last_day),
    CHECK (num_nulls(generated_at, data_version, content) IN (0, 3))
);
COMMENT ON COLUMN dashboard.reports.choices IS
    'The rest of the window: grain, comparison, compared, unit, preset; null where there is none';
COMMENT ON COLUMN dashboard.reports.generated_at IS 'NULL: not made yet, or never; its job tells which';
COMMENT ON COLUMN dashboard.reports.content IS 'One HTML document';

CREATE INDEX ix_reports_requested_at ON dashboard.reports (requested_at);
"""


def upgrade() -> None:
    op.execute(REPORTS)


def downgrade() -> None:
    op.execute("DROP TABLE dashboard.reports")
