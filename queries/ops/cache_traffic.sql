-- What became of the reads of each query in the last minutes, by source and reason, with how long they took.
-- reads: read_statistics
-- params: minutes integer
SELECT
    query,
    source,
    reason,
    is_coalesced,
    sum(reads)::bigint AS reads,
    sum(size_bytes)::bigint AS size_bytes,
    sum(spent_ms) AS spent_ms,
    sum(saved_ms) AS saved_ms,
    array_to_string(ARRAY[
        sum(elapsed_buckets[1]), sum(elapsed_buckets[2]), sum(elapsed_buckets[3]), sum(elapsed_buckets[4]),
        sum(elapsed_buckets[5]), sum(elapsed_buckets[6]), sum(elapsed_buckets[7]), sum(elapsed_buckets[8]),
        sum(elapsed_buckets[9]), sum(elapsed_buckets[10]), sum(elapsed_buckets[11]), sum(elapsed_buckets[12]),
        sum(elapsed_buckets[13]), sum(elapsed_buckets[14]), sum(elapsed_buckets[15]), sum(elapsed_buckets[16]),
        sum(elapsed_buckets[17]), sum(elapsed_buckets[18]), sum(elapsed_buckets[19]), sum(elapsed_buckets[20]),
        sum(elapsed_buckets[21])
    ], ' ') AS elapsed_buckets
FROM dashboard.read_statistics
WHERE minute > now() - :minutes * interval '1 minute'
GROUP BY query, source, reason, is_coalesced
ORDER BY query, source, reason, is_coalesced
