-- Who runs a statement, holds a transaction open, or waits, and for which sessions; those that wait come first.
-- params: own text, number integer
WITH longest AS (
    SELECT pid, min((to_jsonb(pg_locks) ->> 'waitstart')::timestamptz) AS waits_since  -- from PostgreSQL 14 on
    FROM pg_locks
    JOIN pg_stat_activity USING (pid)
    WHERE NOT granted AND datname = current_database()
    GROUP BY pid
    ORDER BY waits_since NULLS LAST, pid
    LIMIT :number
),
-- To know for whom one waits, PostgreSQL stops all who take locks for a moment.
waiting AS MATERIALIZED (
    SELECT pid, waits_since, pg_blocking_pids(pid) AS blocked_by FROM longest
)
SELECT
    pid,
    usename::text AS user_name,
    application_name,
    nullif(backend_type, 'client backend') AS kind,
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
    pid <> pg_backend_pid()
    AND (
        pid IN (SELECT unnest(blocked_by) FROM waiting)
        OR (
            datname = current_database()
            AND coalesce(backend_type, 'client backend') = 'client backend'
            AND NOT starts_with(coalesce(query, ''), :own)
            AND (state <> 'idle' OR waiting.pid IS NOT NULL)
        )
    )
ORDER BY waiting.pid IS NULL, waits_since NULLS LAST, transaction_since NULLS LAST, pid
LIMIT :number
