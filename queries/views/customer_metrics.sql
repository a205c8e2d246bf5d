-- One row a customer (a person, not an order's customer_id): orders, spending, recency and segment.
-- Recency counts the days up to the last order of the whole shop, so it does not depend on the clock.
CREATE MATERIALIZED VIEW dashboard.customer_metrics AS
WITH people AS (
    SELECT
        c.customer_unique_id,
        min(o.purchase_date) AS first_order,
        max(o.purchase_date) AS last_order,
        count(DISTINCT o.order_id) AS total_orders, -- an order comes once for each of its payments
        coalesce(sum(p.payment_value), 0)::numeric(16, 2) AS total_spent
    FROM shop.orders AS o
    JOIN shop.customers AS c USING (customer_id)
    LEFT JOIN shop.order_payments AS p USING (order_id)
    GROUP BY c.customer_unique_id
), recent AS (
    SELECT
        people.*,
        (SELECT max(purchase_date) FROM shop.orders) - last_order AS recency_days,
        total_spent >= (
            SELECT percentile_disc(0.8) WITHIN GROUP (ORDER BY total_spent) FROM people WHERE total_spent > 0
        ) AS spends_much
    FROM people
)
SELECT
    customer_unique_id,
    first_order,
    last_order,
    total_orders,
    total_spent,
    (total_spent / total_orders)::numeric(16, 2) AS average_order_value,
    recency_days,
    CASE -- as dashboard/customers/segments.py says, which words it for people
        WHEN total_orders > 1 AND recency_days <= 90 AND spends_much THEN 'Champions'
        WHEN total_orders > 1 AND recency_days <= 180 THEN 'Loyal'
        WHEN recency_days <= 180 AND spends_much THEN 'Promising'
        WHEN recency_days <= 90 THEN 'New'
        WHEN recency_days <= 180 THEN 'Cooling'
        WHEN recency_days <= 365 AND (total_orders > 1 OR spends_much) THEN 'At risk'
        WHEN recency_days <= 365 THEN 'Sleeping'
        ELSE 'Lost'
    END AS segment,
    NULL::boolean AS unchecked -- see customer_days
FROM recent;

CREATE UNIQUE INDEX customer_metrics_key ON dashboard.customer_metrics (customer_unique_id);
CREATE INDEX ix_customers_high_value ON dashboard.customer_metrics (customer_unique_id)
    WHERE total_spent > 1000;
