-- Which queries had statements that were slow or failed in the last hours, those that took most time first.
-- reads: slow_statements
-- params: hours integer
SELECT
    query,
    count(*) FILTER (WHERE outcome IN ('answered', 'given up')) AS slow,
    count(*) FILTER (WHERE outcome NOT IN ('answered', 'given up')) AS failed,
    count(*) FILTER (WHERE outcome = 'timed out') AS timed_out,
    count(*) FILTER (WHERE outcome = 'unavailable') AS unavailable,
    max(wait_ms + run_ms) / 1000 AS longest_seconds,
    sum(wait_ms) / 1000 AS wait_seconds,
    sum(run_ms) / 1000 AS run_seconds,
    max(finished_at) AS last_at,
    mode() WITHIN GROUP (ORDER BY asker) AS asker,
    (array_agg(error ORDER BY finished_at DESC) FILTER (WHERE error IS NOT NULL))[1] AS error
FROM dashboard.slow_statements
WHERE finished_at > now() - :hours * interval '1 hour'
GROUP BY query
ORDER BY sum(wait_ms + run_ms) DESC, query
