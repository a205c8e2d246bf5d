-- Whether PostgreSQL counts what statements cost, and where it shows that.
-- reads: statement_snapshots
SELECT
    (
        SELECT format('%I.', nspname) FROM pg_extension
        JOIN pg_namespace ON pg_namespace.oid = extnamespace WHERE extname = 'pg_stat_statements'
    ) AS schema,
    EXISTS (SELECT FROM pg_available_extensions WHERE name = 'pg_stat_statements') AS is_available,
    current_setting('pg_stat_statements.max', true) IS NOT NULL AS is_loaded,
    coalesce(current_setting('pg_stat_statements.track', true), 'none') <> 'none' AS is_tracking,
    (SELECT max(taken_at) FROM dashboard.statement_snapshots) AS taken_at
