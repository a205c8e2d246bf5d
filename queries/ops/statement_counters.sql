-- What statements cost since their counters were last set to zero, as of the last snapshot.
-- reads: statement_counters, statement_texts
SELECT
    queryid,
    text,
    string_agg(DISTINCT coalesce(rolname, 'a role that is gone'), ', ') AS users,
    sum(calls)::bigint AS calls,
    sum(total_ms) AS total_ms,
    sum(counters.rows)::bigint AS rows,
    sum(io_ms) AS io_ms,
    sum(jit_ms) AS jit_ms,
    sum(blocks_hit)::bigint AS blocks_hit,
    sum(blocks_read)::bigint AS blocks_read,
    sum(temp_blocks_written)::bigint AS temp_blocks_written,
    sum(wal_bytes)::bigint AS wal_bytes
FROM dashboard.statement_counters AS counters
JOIN dashboard.statement_texts USING (queryid)
LEFT JOIN pg_roles ON pg_roles.oid = userid
WHERE text NOT LIKE '%/* daybook ops */%'
GROUP BY queryid, text
