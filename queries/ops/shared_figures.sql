-- Figures of the database for the metrics of each process: jobs that wait or run, and when views were filled.
-- reads: jobs, view_states
SELECT 'jobs' AS what, status AS name, count(*)::float8 AS value
FROM dashboard.jobs
WHERE status IN ('queued', 'running')
GROUP BY status
UNION ALL
SELECT 'refreshed_at_seconds', view, extract(epoch FROM refreshed_at)::float8
FROM dashboard.view_states
WHERE refreshed_at IS NOT NULL
