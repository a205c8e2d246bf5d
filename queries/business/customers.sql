-- Customers with their first and last order, orders, spending, recency and segment; best first.
-- reads: customer_metrics
-- params: top integer
-- ttl: analytics
SELECT
    customer_unique_id, first_order, last_order, total_orders, total_spent, average_order_value,
    recency_days, segment
FROM dashboard.customer_metrics
ORDER BY total_spent DESC, customer_unique_id
LIMIT :top
