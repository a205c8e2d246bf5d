-- Which people, by their number, ordered on which day: one row a person and day.
-- reads: customer_days
-- params: start, end
-- split: month(date)
-- ttl: analytics
SELECT date, person
FROM dashboard.customer_days
WHERE date >= :start AND date < :end
ORDER BY date, person
