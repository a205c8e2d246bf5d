-- When the counters of statements were written down, the newest first.
-- reads: statement_snapshots
SELECT snapshot_id, taken_at, reset_at, is_reset, hidden, evictions
FROM dashboard.statement_snapshots
ORDER BY snapshot_id DESC
