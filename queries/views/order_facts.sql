-- One row an order: what breakdowns group and add up. Kept by days: only those with changes are computed anew.
-- The key is a number of 8 bytes, where an id takes 32 characters; it is good within one state of the data only.
CREATE TABLE dashboard.order_facts AS
SELECT
    o.purchase_date AS date,
    ((o.purchase_date - DATE '1970-01-01')::bigint << 32)
    + row_number() OVER (PARTITION BY o.purchase_date ORDER BY o.order_id COLLATE "C") AS order_key,
    o.order_id,
    people.person,
    extract(hour FROM o.order_purchase_timestamp)::smallint AS hour,
    coalesce(c.customer_state, '(unknown)') AS state,
    o.order_status AS status,
    (coalesce(paid.revenue, 0) * 100)::bigint AS revenue_cents,
    -- Between which of these it lies; dashboard/measures.py says it in words.
    width_bucket(
        coalesce(paid.revenue, 0), ARRAY[0.01, 25, 50, 75, 100, 150, 200, 300, 500, 1000, 2000]
    )::smallint AS order_value,
    coalesce(reviewed.reviews, 0)::integer AS reviews,
    coalesce(reviewed.stars, 0)::integer AS stars,
    (o.order_delivered_customer_date IS NOT NULL)::integer AS delivered,
    coalesce(taken.seconds, 0)::bigint AS delivery_seconds,
    coalesce(
        1 + width_bucket(taken.seconds / 86400, ARRAY[2, 4, 6, 8, 10, 12, 15, 20, 30, 45]::float8[]), 0
    )::smallint AS delivered_in,
    -- An order is promised for a day, without a time.
    coalesce(o.order_delivered_customer_date::date > o.order_estimated_delivery_date::date, false)::integer AS late
FROM shop.orders AS o
JOIN shop.customers AS c USING (customer_id)
JOIN dashboard.people USING (customer_unique_id)
CROSS JOIN LATERAL (
    SELECT extract(epoch FROM o.order_delivered_customer_date - o.order_purchase_timestamp) AS seconds
) AS taken
LEFT JOIN LATERAL (
    SELECT sum(p.payment_value) AS revenue FROM shop.order_payments AS p WHERE p.order_id = o.order_id
) AS paid ON true
LEFT JOIN LATERAL (
    SELECT count(*) AS reviews, sum(r.review_score) AS stars
    FROM shop.order_reviews AS r
    WHERE r.order_id = o.order_id
) AS reviewed ON true;

CREATE UNIQUE INDEX order_facts_key ON dashboard.order_facts (date, order_key);
CREATE UNIQUE INDEX order_facts_order ON dashboard.order_facts (order_id);
CREATE INDEX order_facts_person ON dashboard.order_facts (person);
