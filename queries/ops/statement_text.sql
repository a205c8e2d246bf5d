-- The text of a statement that PostgreSQL counted.
-- reads: statement_texts
-- params: queryid text
SELECT text FROM dashboard.statement_texts WHERE queryid::text = :queryid
