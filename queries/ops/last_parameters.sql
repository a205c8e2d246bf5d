-- The parameters that a query was last known to be asked with: those of its last slow statement.
-- reads: slow_statements
-- params: query text
SELECT param_values::text AS param_values
FROM dashboard.slow_statements
WHERE slow_statements.query = :query AND param_values IS NOT NULL
ORDER BY finished_at DESC
LIMIT 1
