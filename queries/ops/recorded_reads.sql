-- The recorded reads, each question's of a minute as one, in the order in which they were made.
-- reads: recorded_reads
-- params: number integer
SELECT *
FROM (
    SELECT
        extract(epoch FROM read_at)::float8 AS at,
        process,
        encode(question, 'hex') AS name,
        ttl_class,
        is_fresh,
        reads,
        database_ms,
        encode(blocks, 'hex') AS blocks
    FROM dashboard.recorded_reads
    ORDER BY minute DESC
    LIMIT :number
) AS latest
ORDER BY at
