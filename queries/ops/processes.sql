-- The servers and workers as they last told of themselves, the servers first.
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
    course::text AS course,
    pools::text AS pools,
    requests::text AS requests,
    reruns::text AS reruns,
    versions::text AS versions
FROM dashboard.processes
ORDER BY kind, host, started_at, process
LIMIT 200
