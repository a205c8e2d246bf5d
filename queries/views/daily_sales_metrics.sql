-- Orders, customers and revenue per business day.
-- Revenue is the sum of payments; an order without a payment still counts as an order.
CREATE MATERIALIZED VIEW dashboard.daily_sales_metrics AS
WITH paid AS (
    SELECT order_id, sum(payment_value) AS payment_value
    FROM shop.order_payments
    GROUP BY order_id
)
SELECT
    o.purchase_date AS date,
    count(*) AS total_orders,
    count(DISTINCT c.customer_unique_id) AS unique_customers,
    coalesce(sum(paid.payment_value), 0)::numeric(16, 2) AS total_revenue
FROM shop.orders AS o
JOIN shop.customers AS c USING (customer_id)
LEFT JOIN paid USING (order_id)
GROUP BY o.purchase_date;

CREATE UNIQUE INDEX daily_sales_metrics_key ON dashboard.daily_sales_metrics (date);
