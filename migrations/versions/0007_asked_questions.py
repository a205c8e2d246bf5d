"""What people ask and how often, so that it can be had ready after a refresh."""

from alembic import op

revision = "0007"
down_revision = "0006"

QUESTIONS = """
CREATE TABLE dashboard.asked_questions (
    day date,
    process text,
    question text,
    query text NOT NULL,
    params jsonb NOT NULL,
    days daterange,
    watermark date,
    reads bigint NOT NULL,
    PRIMARY KEY (day, process, question)
) WITH (fillfactor = 70);
COMMENT ON TABLE dashboard.asked_questions IS 'Reads by people, not those of the warm-up';
COMMENT ON COLUMN dashboard.asked_questions.process IS 'Host, process number and start: never used twice';
COMMENT ON COLUMN dashboard.asked_questions.question IS 'Digest of query, params, days and watermark';
COMMENT ON COLUMN dashboard.asked_questions.params IS
    'Values by name; one that JSON has no type for is an object of its type and its text';
COMMENT ON COLUMN dashboard.asked_questions.days IS 'NULL: asked without a range';
COMMENT ON COLUMN dashboard.asked_questions.watermark IS
    'The last complete day of the data that the range may have been counted from; NULL: from none';
"""


def upgrade() -> None:
    op.execute(QUESTIONS)


def downgrade() -> None:
    op.execute("DROP TABLE dashboard.asked_questions")
