-- The last refreshes of each view, also those that failed, the newest first.
-- reads: refreshes
-- params: views text[], number integer
SELECT view, finished_at, reason, duration_seconds, rows, months_changed, error
FROM unnest(:views) AS named (name)
CROSS JOIN LATERAL (
    SELECT refreshes.* FROM dashboard.refreshes WHERE view = name ORDER BY finished_at DESC LIMIT :number
) AS last
ORDER BY finished_at DESC, refresh_id DESC
