-- What each view shows, how its last refresh went, and when a failed one is tried again.
-- reads: view_states
-- params: views text[]
SELECT
    named.view,
    coalesce(relispopulated, false) AS is_populated,
    EXISTS (
        SELECT FROM pg_attribute
        WHERE attrelid = pg_class.oid AND attname = 'date' AND atttypid = 'date'::regtype AND NOT attisdropped
    ) AS has_days,
    refreshed_at,
    duration_seconds,
    rows,
    coalesce(failures, 0) AS failures,
    error,
    failed_at,
    retry_at
FROM unnest(:views) WITH ORDINALITY AS named (view, place)
LEFT JOIN dashboard.view_states ON view_states.view = named.view
LEFT JOIN pg_class
    ON relname = named.view AND relkind IN ('m', 'r') AND relnamespace = (
        SELECT oid FROM pg_namespace WHERE nspname = 'dashboard'
    )
ORDER BY place
