-- Who replicates this server, and how far behind each of them is.
SELECT
    pid,
    application_name,
    host(client_addr) AS address,
    state,
    sync_state,
    CASE
        WHEN pg_is_in_recovery() THEN NULL
        ELSE pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn)
    END::bigint AS behind_bytes,
    extract(epoch FROM replay_lag)::double precision AS behind_seconds
FROM pg_stat_replication
ORDER BY behind_bytes DESC NULLS LAST, pid
