-- One customer: first and last order, orders, spending, recency and segment; no row for an id that nobody has.
-- reads: customer_metrics
-- params: customer text
-- ttl: analytics
SELECT
    first_order, last_order, total_orders, total_spent, average_order_value, recency_days, segment
FROM dashboard.customer_metrics
WHERE customer_unique_id = :customer
