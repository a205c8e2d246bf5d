-- Orders and revenue per day and state of the customer.
-- reads: daily_sales_by_state
-- params: start, end
-- split: month(date)
-- ttl: analytics
SELECT date, state, total_orders, total_revenue
FROM dashboard.daily_sales_by_state
WHERE date >= :start AND date < :end
ORDER BY date, state
