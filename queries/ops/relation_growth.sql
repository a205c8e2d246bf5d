-- Since when each relation is on record, when it had been used at last, and what was known of it some days ago, or at first
-- if that was later.
-- reads: relation_sizes
-- params: past_days integer
SELECT DISTINCT ON (relation)
    relation,
    min(day) OVER (PARTITION BY relation) AS first_day,
    max(day) FILTER (WHERE scans > 0) OVER (PARTITION BY relation) AS used_day,
    day,
    taken_at,
    size_bytes,
    inserts
FROM dashboard.relation_sizes
ORDER BY relation, day < (now() AT TIME ZONE 'UTC')::date - :past_days, day
