"""The servers and workers that live, as they last told of themselves."""

from alembic import op

revision = "0013"
down_revision = "0012"

PROCESSES = """
CREATE TABLE dashboard.processes (
    process text PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('server', 'worker')),
    host text NOT NULL,
    pid integer NOT NULL,
    version text NOT NULL,
    started_at timestamptz NOT NULL,
    heard_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    resident_bytes bigint NOT NULL,
    memory_bytes bigint NOT NULL,
    available_bytes bigint NOT NULL,
    cpu_seconds double precision NOT NULL,
    cpu_share double precision NOT NULL,
    threads integer NOT NULL,
    sessions integer NOT NULL,
    course jsonb NOT NULL,
    pools jsonb NOT NULL,
    requests jsonb NOT NULL,
    reruns jsonb NOT NULL,
    versions jsonb NOT NULL
);
COMMENT ON COLUMN dashboard.processes.process IS 'Host, process number and start: never used twice';
COMMENT ON COLUMN dashboard.processes.version IS 'Of the program, with a digest of its files';
COMMENT ON COLUMN dashboard.processes.memory_bytes IS 'Of the machine, or what its container may take';
COMMENT ON COLUMN dashboard.processes.available_bytes IS 'Of those, what is not in use';
COMMENT ON COLUMN dashboard.processes.cpu_share IS 'Of one core, since the heartbeat before';
COMMENT ON COLUMN dashboard.processes.sessions IS 'Pages that are open in browsers';
COMMENT ON COLUMN dashboard.processes.course IS 'By minute of the last hour: resident_bytes, cpu_share';
COMMENT ON COLUMN dashboard.processes.pools IS 'Objects of name, in_use, size and waiting';
COMMENT ON COLUMN dashboard.processes.requests IS 'Of the last hour, an object for each endpoint, method and status: '
    'count, seconds, and buckets by 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000, 30000 ms, and longer';
COMMENT ON COLUMN dashboard.processes.reruns IS 'The same of runs of pages, for each page';
COMMENT ON COLUMN dashboard.processes.versions IS 'Of Python and what it imports, by name';
"""


def upgrade() -> None:
    op.execute(PROCESSES)


def downgrade() -> None:
    op.execute("DROP TABLE dashboard.processes")
