-- First and last business day with an order; no rows of days means nulls.
-- reads: daily_sales_metrics
-- ttl: analytics
SELECT min(date) AS first_day, max(date) AS last_day
FROM dashboard.daily_sales_metrics
