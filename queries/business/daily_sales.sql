-- Orders, customers and revenue per day.
-- reads: daily_sales_metrics
-- params: start, end
-- split: month(date)
-- ttl: analytics
SELECT date, total_orders, unique_customers, total_revenue
FROM dashboard.daily_sales_metrics
WHERE date >= :start AND date < :end
ORDER BY date
