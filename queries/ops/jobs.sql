-- The last jobs of some statuses, the newest first.
-- reads: jobs
-- params: statuses text[], number integer
SELECT
    job_id,
    task,
    arguments::text AS arguments,
    status,
    queued_at,
    scheduled_at,
    started_at,
    finished_at,
    duration_seconds,
    attempts,
    error,
    worker
FROM dashboard.jobs
WHERE status = ANY (:statuses)
ORDER BY job_id DESC
LIMIT :number
