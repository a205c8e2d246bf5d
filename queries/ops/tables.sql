-- Tables, also as wholes of partitions, and materialized views: their size, how they are read and changed, and when they were vacuumed.
-- params: number integer
-- What somebody holds exclusively can't be measured without waiting for it.
WITH RECURSIVE held AS (
    SELECT relation FROM pg_locks
    WHERE
        locktype = 'relation'  -- others are of a row, also in this mode
        AND mode = 'AccessExclusiveLock'
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
),
measured AS (
    SELECT
        pg_class.oid AS relation_id,
        nspname,
        relname,
        relkind,
        reloptions,
        reltuples,
        relfrozenxid,
        CASE
            WHEN pg_class.oid IN (SELECT relation FROM held)
                THEN relpages * current_setting('block_size')::bigint
            ELSE pg_table_size(pg_class.oid)
        END AS table_bytes,
        CASE
            WHEN pg_class.oid IN (SELECT relation FROM held)
                THEN relpages * current_setting('block_size')::bigint
            ELSE pg_relation_size(pg_class.oid)
        END AS heap_bytes,
        CASE
            WHEN pg_class.oid IN (SELECT relation FROM held) THEN NULL
            ELSE pg_indexes_size(pg_class.oid)
        END AS index_bytes
    FROM pg_class
    JOIN pg_namespace ON pg_namespace.oid = relnamespace
    WHERE relkind IN ('r', 'm') AND nspname !~ '^pg_' AND nspname <> 'information_schema'
),
known AS (
    SELECT
        measured.relation_id::bigint AS relation_id,
        format('%I.%I', nspname, measured.relname) AS relation,
        nspname::text AS schema_name,
        measured.relname::text AS name,
        CASE relkind WHEN 'm' THEN 'view' ELSE 'table' END AS kind,
        -- A crash sets all counts to zero, and the times with them.
        CASE
            WHEN n_live_tup > 0 AND coalesce(last_vacuum, last_autovacuum, last_analyze, last_autoanalyze) IS NOT NULL
                THEN n_live_tup
            ELSE greatest(n_live_tup, reltuples, 0)
        END::bigint AS rows,
        table_bytes,
        heap_bytes,
        coalesce(substring(array_to_string(reloptions, ' ') FROM 'fillfactor=(\d+)'), '100')::double precision / 100
            AS fill_share,
        index_bytes,
        coalesce(n_dead_tup, 0) AS dead_rows,
        coalesce(n_mod_since_analyze, 0) AS modified_rows,
        coalesce(n_ins_since_vacuum, 0) AS inserted_rows,
        greatest(last_vacuum, last_autovacuum) AS vacuumed_at,
        greatest(last_analyze, last_autoanalyze) AS analyzed_at,
        coalesce(seq_scan, 0) AS seq_scans,
        coalesce(seq_tup_read, 0) AS seq_rows,
        coalesce(idx_scan, 0) AS index_scans,
        coalesce(n_tup_ins, 0) AS inserts,
        coalesce(
            NOT lower(array_to_string(reloptions, ' ')) ~ 'autovacuum_enabled=(false|off|0|no)', true
        ) AS is_autovacuumed,
        has_any_column_privilege(relation_id, 'SELECT') AS is_readable,
        CASE WHEN relfrozenxid <> '0' THEN age(relfrozenxid) END::bigint AS transaction_age,
        NULL::text AS largest_partition
    FROM measured
    LEFT JOIN pg_stat_user_tables ON relid = relation_id
    WHERE heap_bytes IS NOT NULL  -- else it was dropped a moment ago
),
parts AS (
    SELECT oid AS whole, oid AS relation_id FROM pg_class WHERE relkind = 'p'
    UNION ALL
    SELECT whole, inhrelid FROM parts JOIN pg_inherits ON inhparent = parts.relation_id
)
SELECT * FROM known
UNION ALL
SELECT
    whole::bigint,
    format('%I.%I', nspname, relname),
    nspname::text,
    relname::text,
    'partitioned',
    sum(rows)::bigint,
    sum(table_bytes)::bigint,
    0,  -- it has no rows of its own
    1,
    CASE WHEN count(index_bytes) = count(*) THEN sum(index_bytes)::bigint END,
    0,
    0,
    0,
    NULL,
    greatest(pg_stat_get_last_analyze_time(whole), pg_stat_get_last_autoanalyze_time(whole)),
    max(seq_scans),
    sum(seq_rows)::bigint,
    max(index_scans),
    sum(inserts)::bigint,
    true,
    has_any_column_privilege(whole, 'SELECT'),
    NULL,
    (array_agg(known.relation ORDER BY table_bytes DESC))[1]
FROM parts
JOIN known ON known.relation_id = parts.relation_id::bigint
JOIN pg_class ON pg_class.oid = whole
JOIN pg_namespace ON pg_namespace.oid = relnamespace
GROUP BY whole, nspname, relname
ORDER BY table_bytes DESC, relation
LIMIT :number
