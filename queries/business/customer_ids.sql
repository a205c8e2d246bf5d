-- The ids of people, by their numbers.
-- reads: people
-- params: people text[]
-- ttl: session
SELECT person, customer_unique_id
FROM dashboard.people
WHERE person = ANY (:people::integer[])
ORDER BY person
