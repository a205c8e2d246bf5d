-- One row a piece that was sold, with what is known of its order. Kept by days, as order_facts is.
CREATE TABLE dashboard.item_facts AS
WITH categories AS (
    SELECT
        p.product_id,
        replace(
            coalesce(t.product_category_name_english, p.product_category_name, '(no category)'), '_', ' '
        ) AS category
    FROM shop.products AS p
    LEFT JOIN shop.category_translation AS t USING (product_category_name)
)
SELECT
    o.date, o.order_key, i.order_item_id, o.person, o.hour, o.state, o.status, o.order_value, o.delivered_in,
    upper(left(categories.category, 1)) || substr(categories.category, 2) AS category,
    i.product_id AS product,
    (i.price * 100)::bigint AS price_cents,
    (i.freight_value * 100)::bigint AS freight_cents
FROM dashboard.order_facts AS o
JOIN shop.order_items AS i USING (order_id)
JOIN categories USING (product_id);

CREATE UNIQUE INDEX item_facts_key ON dashboard.item_facts (date, order_key, order_item_id);
