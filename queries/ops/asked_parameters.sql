-- The parameters that people asked a query with most in the last days.
-- reads: asked_questions
-- params: query text
SELECT params::text AS params, lower(days) AS first_day, upper(days) AS end_day
FROM dashboard.asked_questions
WHERE asked_questions.query = :query
GROUP BY params, days
ORDER BY sum(reads) DESC, max(day) DESC
LIMIT 1
