-- What statements cost between two snapshots of their counters.
-- reads: statement_counts, statement_texts
-- params: after integer, through integer
SELECT
    queryid,
    text,
    string_agg(DISTINCT coalesce(rolname, 'a role that is gone'), ', ') AS users,
    sum(calls)::bigint AS calls,
    sum(total_ms) AS total_ms,
    sum(counts.rows)::bigint AS rows,
    sum(io_ms) AS io_ms,
    sum(jit_ms) AS jit_ms,
    sum(blocks_hit)::bigint AS blocks_hit,
    sum(blocks_read)::bigint AS blocks_read,
    sum(temp_blocks_written)::bigint AS temp_blocks_written,
    sum(wal_bytes)::bigint AS wal_bytes
FROM dashboard.statement_counts AS counts
JOIN dashboard.statement_texts USING (queryid)
LEFT JOIN pg_roles ON pg_roles.oid = userid
WHERE snapshot_id > :after AND snapshot_id <= :through AND text NOT LIKE '%/* daybook ops */%'
GROUP BY queryid, text
