-- The servers and workers that were heard of last, as they told of themselves; the servers first.
-- reads: processes
SELECT
    process,
    kind,
    host,
    pid,
    version,
    started_at,
    heard_at,
    resident_bytes,
    memory_bytes,
    available_bytes,
    cpu_seconds,
    cpu_share,
    threads,
    sessions,
    lag_seconds,
    course::text AS course,
    pools::text AS pools,
    requests::text AS requests,
    reruns::text AS reruns,
    versions::text AS versions
FROM (
    SELECT *
    FROM dashboard.processes
    ORDER BY heard_at DESC
    LIMIT 200
) AS heard
ORDER BY kind, host, started_at, process
