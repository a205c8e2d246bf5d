-- Which customers ordered on which business day: counts of distinct customers over any range stand on it.
CREATE MATERIALIZED VIEW dashboard.customer_days AS
SELECT DISTINCT o.purchase_date AS date, c.customer_unique_id
FROM shop.orders AS o
JOIN shop.customers AS c USING (customer_id);

CREATE UNIQUE INDEX customer_days_key ON dashboard.customer_days (date, customer_unique_id);
