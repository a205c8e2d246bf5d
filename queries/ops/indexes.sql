-- Indexes: their size, what they are made of and needed for, and how often they were used.
-- params: number integer
-- What stands in an index, and its size, can't be told of a table that somebody holds exclusively without waiting for it.
WITH locked AS (
    SELECT pid, relation, mode FROM pg_locks
    WHERE
        locktype = 'relation'  -- others are of a row, also in this mode
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
),
held AS (
    SELECT relation FROM locked WHERE mode = 'AccessExclusiveLock'
),
-- Who makes one concurrently holds this lock all the while, on the table; whatever else takes it is over soon, but for these.
built AS (
    SELECT relation FROM locked
    WHERE
        mode = 'ShareUpdateExclusiveLock'
        AND pid NOT IN (SELECT pid FROM pg_stat_progress_vacuum UNION ALL SELECT pid FROM pg_stat_progress_analyze)
),
-- What they are made of takes longer to tell than their size.
largest AS MATERIALIZED (
    SELECT pg_index.*, nspname, relname, relam, relispartition, pg_relation_size(indexrelid) AS size_bytes
    FROM pg_index
    JOIN pg_class ON pg_class.oid = indexrelid
    JOIN pg_namespace ON pg_namespace.oid = relnamespace
    WHERE
        relkind = 'i'
        AND nspname !~ '^pg_'
        AND nspname <> 'information_schema'
        AND indexrelid NOT IN (SELECT relation FROM held)
        AND indrelid NOT IN (SELECT relation FROM held)
    ORDER BY size_bytes DESC, relname
    LIMIT :number
)
SELECT
    format('%I.%I', nspname, owner.relname) AS relation,
    format('%I.%I', nspname, largest.relname) AS name,
    pg_get_indexdef(indexrelid) AS definition,
    amname::text AS method,
    -- Without opclass, collation and order, which are compared as numbers.
    (
        SELECT json_agg(
            json_build_array(
                pg_get_indexdef(indexrelid, place, true),
                indclass[place - 1]::bigint,
                indcollation[place - 1]::bigint,
                indoption[place - 1],
                opcdefault
            )
            ORDER BY place
        )
        FROM generate_series(1, indnkeyatts) AS place
        JOIN pg_opclass ON pg_opclass.oid = indclass[place - 1]
    )::text AS keys,
    (
        SELECT json_agg(coalesce(attname, '') ORDER BY place)
        FROM generate_series(1, indnkeyatts) AS place
        LEFT JOIN pg_attribute ON attrelid = indrelid AND attnum = indkey[place - 1] AND attnum > 0
    )::text AS columns,
    size_bytes,
    coalesce(idx_scan, 0) AS scans,
    (to_jsonb(pg_stat_user_indexes) ->> 'last_idx_scan')::timestamptz AS used_at,  -- from PostgreSQL 16 on
    indisunique AS is_unique,
    indpred IS NOT NULL AS is_partial,
    indnatts > indnkeyatts AS has_included,
    indisvalid AND indisready AS is_valid,
    NOT indisvalid AND indrelid IN (SELECT relation FROM built) AS is_being_built,
    indisprimary
        OR indisexclusion
        OR indisreplident
        OR indisclustered
        OR largest.relispartition
        OR EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid) AS is_needed
FROM largest
JOIN pg_class AS owner ON owner.oid = indrelid
JOIN pg_am ON pg_am.oid = largest.relam
LEFT JOIN pg_stat_user_indexes USING (indexrelid)
WHERE size_bytes IS NOT NULL  -- else it was dropped a moment ago
ORDER BY size_bytes DESC, name
