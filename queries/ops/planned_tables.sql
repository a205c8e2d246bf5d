-- What matters to a plan of the tables in it: how old their statistics are, and which columns indexes begin with.
-- params: tables text[]
SELECT
    format('%s.%s', nspname, relname) AS planned_as,
    format('%I.%I', nspname, relname) AS name,
    reltuples::float8 AS rows,
    greatest(
        pg_stat_get_last_analyze_time(pg_class.oid), pg_stat_get_last_autoanalyze_time(pg_class.oid)
    ) AS analyzed_at,
    coalesce(pg_stat_get_mod_since_analyze(pg_class.oid), 0) AS changed_rows,
    coalesce(
        (
            SELECT string_agg(attname, ',') FROM pg_index
            JOIN pg_attribute ON attrelid = indrelid AND attnum = indkey[0] AND attnum > 0
            WHERE indrelid = pg_class.oid AND indisvalid AND indpred IS NULL
        ),
        ''
    ) AS indexed,
    coalesce(
        (
            SELECT string_agg(attname, ',') FROM pg_attribute
            WHERE attrelid = pg_class.oid AND atttypid = 'varchar'::regtype AND NOT attisdropped
        ),
        ''
    ) AS varchars
FROM pg_class
JOIN pg_namespace ON pg_namespace.oid = relnamespace
WHERE format('%s.%s', nspname, relname) = ANY (:tables)
