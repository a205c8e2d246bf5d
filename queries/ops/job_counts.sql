-- How many jobs there are of each status.
-- reads: jobs
SELECT status, count(*) AS jobs FROM dashboard.jobs GROUP BY status
