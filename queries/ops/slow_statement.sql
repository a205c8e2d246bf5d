-- One statement that was slow or failed, by its number.
-- reads: slow_statements
-- params: statement_id integer
SELECT query, sql, array_to_string(param_names, ',') AS param_names, param_values::text AS param_values
FROM dashboard.slow_statements
WHERE statement_id = :statement_id
