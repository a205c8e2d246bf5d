-- What the reads of each query did in the last minutes, over all processes.
-- reads: read_statistics
-- params: minutes integer
WITH per_query AS (
    SELECT
        query,
        sum(reads)::bigint AS reads,
        coalesce(sum(reads) FILTER (WHERE source NOT IN ('database', 'stale', 'error')), 0)::bigint AS hits,
        coalesce(sum(reads) FILTER (WHERE source = 'stale'), 0)::bigint AS stale,
        coalesce(sum(reads) FILTER (WHERE source = 'error'), 0)::bigint AS errors,
        coalesce(sum(reads) FILTER (WHERE is_coalesced), 0)::bigint AS coalesced,
        sum(size_bytes)::bigint AS size_bytes,
        sum(spent_ms) AS spent_ms,
        sum(saved_ms) AS saved_ms,
        sum(elapsed_ms) AS elapsed_ms,
        coalesce(sum(reads) FILTER (WHERE reason = 'cold'), 0)::bigint AS cold,
        coalesce(sum(reads) FILTER (WHERE reason = 'expired'), 0)::bigint AS expired,
        coalesce(sum(reads) FILTER (WHERE reason = 'version'), 0)::bigint AS version,
        coalesce(sum(reads) FILTER (WHERE reason = 'evicted'), 0)::bigint AS evicted,
        coalesce(sum(reads) FILTER (WHERE reason = 'damaged'), 0)::bigint AS damaged,
        coalesce(sum(reads) FILTER (WHERE reason = 'unavailable'), 0)::bigint AS unavailable,
        coalesce(sum(reads) FILTER (WHERE reason = 'bypass'), 0)::bigint AS bypass
    FROM dashboard.read_statistics
    WHERE minute > now() - :minutes * interval '1 minute'
    GROUP BY query
)
SELECT
    query,
    reads,
    hits,
    hits / reads::float8 AS hit_share,
    stale,
    stale / reads::float8 AS stale_share,
    errors,
    coalesced,
    size_bytes,
    spent_ms,
    saved_ms,
    elapsed_ms / reads AS mean_elapsed_ms,
    cold,
    expired,
    version,
    evicted,
    damaged,
    unavailable,
    bypass
FROM per_query
ORDER BY reads DESC, query
