-- The last reports that were asked for, the newest first, each with what became of its job.
-- reads: jobs, reports
-- params: number integer
WITH last AS (
    SELECT report_id, title, first_day, last_day, job_id, requested_at, generated_at, data_version
    FROM dashboard.reports
    ORDER BY report_id DESC
    LIMIT :number
)
SELECT
    last.report_id,
    last.title,
    last.first_day,
    last.last_day,
    last.requested_at AS queued_at,
    last.generated_at,
    last.data_version,
    -- Jobs are deleted long before reports.
    CASE WHEN last.generated_at IS NOT NULL THEN 'done' ELSE coalesce(jobs.status, 'failed') END AS status,
    jobs.started_at,
    coalesce(last.generated_at, jobs.finished_at) AS finished_at,
    CASE
        WHEN last.generated_at IS NULL THEN jobs.duration_seconds
        ELSE extract(epoch FROM last.generated_at - jobs.started_at)::double precision
    END AS duration_seconds,
    CASE
        WHEN last.generated_at IS NULL AND jobs.job_id IS NULL THEN 'Its job was deleted before it was done.'
        WHEN last.generated_at IS NULL THEN jobs.error
    END AS error
FROM last
LEFT JOIN dashboard.jobs AS jobs ON jobs.job_id = last.job_id
ORDER BY last.report_id DESC
