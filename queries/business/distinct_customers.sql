-- Distinct customers in each of several ranges of days, which the days' own counts can't be added up to.
-- reads: customer_days
-- params: starts date[], ends date[]
-- ttl: analytics
SELECT ranges.start AS start, count(DISTINCT days.customer_unique_id) AS unique_customers
FROM unnest(:starts, :ends) AS ranges (start, stop)
JOIN dashboard.customer_days AS days ON days.date >= ranges.start AND days.date < ranges.stop
GROUP BY ranges.start
ORDER BY ranges.start
