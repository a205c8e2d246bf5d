-- Orders and revenue per business day and state of the customer. Adds up to daily_sales_metrics.
CREATE MATERIALIZED VIEW dashboard.daily_sales_by_state AS
WITH placed AS NOT MATERIALIZED (
    SELECT o.order_id, o.purchase_date AS date, coalesce(c.customer_state, '(unknown)') AS state
    FROM shop.orders AS o
    JOIN shop.customers AS c USING (customer_id)
), paid AS (
    SELECT date, state, sum(p.payment_value) AS total_revenue
    FROM shop.order_payments AS p
    JOIN placed USING (order_id)
    GROUP BY date, state
), days AS (
    SELECT date, state, count(*) AS total_orders
    FROM placed
    GROUP BY date, state
)
SELECT date, state, days.total_orders, coalesce(paid.total_revenue, 0)::numeric(16, 2) AS total_revenue
FROM days
LEFT JOIN paid USING (date, state);

CREATE UNIQUE INDEX daily_sales_by_state_key ON dashboard.daily_sales_by_state (date, state);
