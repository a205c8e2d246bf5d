-- When any worker was last heard of; null if none has signed on.
-- reads: workers
SELECT max(last_heartbeat) AS heard_at
FROM dashboard.workers
