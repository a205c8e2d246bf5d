-- The columns of some relations, by number, and what is known of the values that each of them has.
-- params: relations text[]
SELECT
    attrelid::bigint AS relation_id,
    pg_attribute.attname::text AS name,
    quote_ident(pg_attribute.attname) AS quoted,
    n_distinct::double precision AS different,
    avg_width AS width_bytes,
    null_frac::double precision AS null_share,
    typcategory IN ('B', 'D', 'E', 'I', 'N', 'S', 'T') OR EXISTS (
        SELECT FROM pg_opclass
        JOIN pg_am ON pg_am.oid = opcmethod
        WHERE amname = 'btree' AND opcdefault AND opcintype = atttypid
    ) AS has_order
FROM pg_attribute
JOIN pg_class ON pg_class.oid = attrelid
JOIN pg_namespace ON pg_namespace.oid = relnamespace
JOIN pg_type ON pg_type.oid = atttypid
LEFT JOIN pg_stats ON schemaname = nspname AND tablename = relname AND pg_stats.attname = pg_attribute.attname
    AND inherited = (relkind = 'p')
WHERE attrelid IN (SELECT relation::oid FROM unnest(:relations) AS relation) AND attnum > 0 AND NOT attisdropped
ORDER BY attrelid, attnum
