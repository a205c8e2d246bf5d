-- Replication slots, and how much of the write-ahead log is kept for each of them.
SELECT
    slot_name::text AS name,
    active AS is_active,
    wal_status = 'lost' AS is_lost,
    CASE
        WHEN pg_is_in_recovery() THEN NULL
        ELSE pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)
    END::bigint AS kept_bytes
FROM pg_replication_slots
WHERE NOT temporary
ORDER BY kept_bytes DESC NULLS LAST, name
