-- The views that people saved of a page, by name.
-- reads: saved_views
-- params: page text
SELECT view_id, page, name, query::text AS query, updated_at
FROM dashboard.saved_views
WHERE page = :page
ORDER BY lower(name), name
