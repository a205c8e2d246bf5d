-- The jobs that are queued or running, and the last ones that refreshed views, the newest first.
-- reads: jobs
SELECT task, arguments::text AS arguments, status, queued_at, started_at, finished_at, duration_seconds, error
FROM dashboard.jobs
WHERE status IN ('queued', 'running') OR task IN ('refresh', 'full_refresh')
ORDER BY job_id DESC
LIMIT 10
