-- Who runs a statement, holds a transaction open, or waits, and for which sessions; those that wait come first.
-- params: own text, number integer
WITH waiting AS (
    SELECT
        pid,
        pg_blocking_pids(pid) AS blocked_by,
        min((to_jsonb(pg_locks) ->> 'waitstart')::timestamptz) AS waits_since  -- from PostgreSQL 14 on
    FROM pg_locks
    WHERE NOT granted
    GROUP BY pid
)
SELECT
    pid,
    usename::text AS user_name,
    application_name,
    state,
    query,
    xact_start AS transaction_since,
    query_start AS statement_since,
    state_change AS state_since,
    CASE WHEN waiting.pid IS NOT NULL THEN coalesce(waits_since, query_start) END AS waits_since,
    array_to_string(blocked_by, ',') AS blocked_by
FROM pg_stat_activity
LEFT JOIN waiting USING (pid)
WHERE
    datname = current_database()
    AND pid <> pg_backend_pid()
    AND coalesce(backend_type, 'client backend') = 'client backend'
    AND NOT starts_with(coalesce(query, ''), :own)
    AND (
        state <> 'idle'
        OR waiting.pid IS NOT NULL
        OR pid IN (SELECT unnest(blocked_by) FROM waiting)
    )
ORDER BY waits_since NULLS LAST, transaction_since NULLS LAST, pid
LIMIT :number
