-- Orders and revenue per business day and state of the customer. Adds up to daily_sales_metrics.
CREATE MATERIALIZED VIEW dashboard.daily_sales_by_state AS
WITH paid AS (
    SELECT order_id, sum(payment_value) AS payment_value
    FROM shop.order_payments
    GROUP BY order_id
)
SELECT
    o.purchase_date AS date,
    coalesce(c.customer_state, '(unknown)') AS state,
    count(*) AS total_orders,
    coalesce(sum(paid.payment_value), 0)::numeric(16, 2) AS total_revenue
FROM shop.orders AS o
JOIN shop.customers AS c USING (customer_id)
LEFT JOIN paid USING (order_id)
GROUP BY o.purchase_date, coalesce(c.customer_state, '(unknown)');

CREATE UNIQUE INDEX daily_sales_by_state_key ON dashboard.daily_sales_by_state (date, state);
