-- What the server is, how much of it is taken, and how old its oldest transaction id is.
SELECT
    split_part(current_setting('server_version'), ' ', 1) AS version,
    quote_ident(current_user) AS role,
    pg_has_role(current_user, 'pg_read_all_stats', 'USAGE') AS sees_all,
    pg_is_in_recovery() AS is_replica,
    CASE
        WHEN NOT pg_is_in_recovery() THEN NULL
        WHEN pg_last_wal_receive_lsn() <= pg_last_wal_replay_lsn() THEN 0
        ELSE extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp())
    END::double precision AS replay_lag_seconds,
    current_setting('max_connections')::integer AS max_connections,
    current_setting('superuser_reserved_connections')::integer
        + coalesce(current_setting('reserved_connections', true)::integer, 0)  -- from PostgreSQL 16 on
        AS reserved_connections,
    (
        SELECT count(*) FROM pg_stat_activity
        WHERE backend_type = 'client backend' OR (backend_type IS NULL AND datid IS NOT NULL)
    ) AS connections,
    blks_hit AS blocks_hit,
    blks_read AS blocks_read,
    stats_reset AS counted_since,
    pg_database_size(datid) AS size_bytes,
    (SELECT max(age(datfrozenxid)) FROM pg_database)::bigint AS transaction_age,
    current_setting('autovacuum_freeze_max_age')::bigint AS freeze_age,
    (SELECT datname::text FROM pg_database ORDER BY age(datfrozenxid) DESC LIMIT 1) AS oldest_database,
    current_setting('autovacuum')::boolean AND current_setting('track_counts')::boolean AS is_autovacuum_on
FROM pg_stat_database
WHERE datname = current_database()
