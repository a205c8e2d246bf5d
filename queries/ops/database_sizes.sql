-- How large all tables and indexes were together, day by day.
-- reads: relation_sizes
-- params: past_days integer
SELECT day, sum(size_bytes)::bigint AS size_bytes
FROM dashboard.relation_sizes
WHERE day > (now() AT TIME ZONE 'UTC')::date - :past_days
GROUP BY day
ORDER BY day
