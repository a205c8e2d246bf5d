-- The last statements that were slow or failed, the newest first; of one query, or of all if none is named.
-- reads: slow_statements
-- params: query text, hours integer, number integer
SELECT
    statement_id,
    finished_at,
    query,
    outcome,
    (wait_ms + run_ms) / 1000 AS total_seconds,
    wait_ms / 1000 AS wait_seconds,
    run_ms / 1000 AS run_seconds,
    rows,
    asker,
    array_to_string(param_names, ',') AS param_names,
    param_values::text AS param_values,
    error
FROM dashboard.slow_statements
WHERE :query IN ('', query) AND finished_at > now() - :hours * interval '1 hour'
ORDER BY finished_at DESC, statement_id DESC
LIMIT :number
