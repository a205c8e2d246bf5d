-- Which triggers of ours are at work on the shop's tables, and which tables polling has looked at.
-- reads: source_states
-- params: sources text[], triggers text[]
SELECT
    named.source,
    (
        SELECT count(*) FROM pg_trigger
        WHERE tgrelid = pg_class.oid AND tgname = ANY (:triggers) AND tgenabled IN ('O', 'A')
    ) AS triggers,
    EXISTS (SELECT FROM dashboard.source_states WHERE source_states.source = named.source) AS is_polled,
    current_setting('track_counts')::boolean AS is_counted
FROM unnest(:sources) WITH ORDINALITY AS named (source, place)
LEFT JOIN pg_class
    ON relname = named.source AND relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = 'shop')
ORDER BY place
