-- Orders, customers and revenue per business day.
-- Revenue is the sum of payments; an order without a payment still counts as an order.
CREATE MATERIALIZED VIEW dashboard.daily_sales_metrics AS
WITH paid AS (
    SELECT o.purchase_date AS date, sum(p.payment_value) AS total_revenue
    FROM shop.order_payments AS p
    JOIN shop.orders AS o USING (order_id)
    GROUP BY o.purchase_date
), days AS (
    SELECT
        o.purchase_date AS date,
        count(*) AS total_orders,
        count(DISTINCT c.customer_unique_id) AS unique_customers
    FROM shop.orders AS o
    JOIN shop.customers AS c USING (customer_id)
    GROUP BY o.purchase_date
)
SELECT
    date,
    days.total_orders,
    days.unique_customers,
    coalesce(paid.total_revenue, 0)::numeric(16, 2) AS total_revenue
FROM days
LEFT JOIN paid USING (date);

CREATE UNIQUE INDEX daily_sales_metrics_key ON dashboard.daily_sales_metrics (date);
