-- Where the answers of the last minutes came from, in buckets of time.
-- reads: read_statistics
-- params: minutes integer, bucket_minutes integer
SELECT
    to_timestamp(
        floor(extract(epoch FROM minute)::float8 / (:bucket_minutes * 60)) * (:bucket_minutes * 60)
    ) AS bucket,
    CASE WHEN is_coalesced AND source = 'database' THEN 'waited' ELSE source END AS outcome,
    sum(reads)::bigint AS reads
FROM dashboard.read_statistics
WHERE minute > now() - :minutes * interval '1 minute'
GROUP BY 1, 2
ORDER BY 1, 2
