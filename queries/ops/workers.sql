-- When a worker was last heard of, and since when the first of the queued jobs waits that is due.
-- reads: jobs, workers
SELECT
    (SELECT max(last_heartbeat) FROM dashboard.workers) AS heard_at,
    (
        SELECT min(greatest(queued_at, scheduled_at)) FROM dashboard.jobs
        WHERE status = 'queued' AND coalesce(scheduled_at <= now(), true)
    ) AS waiting_since
