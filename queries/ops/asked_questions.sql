-- What people asked most in the last days, over all processes.
-- reads: asked_questions
-- params: past_days integer, top integer
SELECT
    query,
    params::text AS params,
    lower(days) AS first_day,
    upper(days) AS end_day,
    watermark,
    sum(reads)::bigint AS reads
FROM dashboard.asked_questions
WHERE day > (now() AT TIME ZONE 'UTC')::date - :past_days
GROUP BY query, params, days, watermark
ORDER BY reads DESC, query, params, days DESC, watermark DESC
LIMIT :top
