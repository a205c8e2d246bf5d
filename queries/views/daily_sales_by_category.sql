-- Items sold per business day and product category: pieces, price and freight.
-- An order's payments belong to no single category, so this is item sales, not revenue.
CREATE MATERIALIZED VIEW dashboard.daily_sales_by_category AS
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
    o.purchase_date AS date,
    upper(left(categories.category, 1)) || substr(categories.category, 2) AS category,
    count(*) AS units,
    sum(i.price + i.freight_value)::numeric(16, 2) AS item_sales
FROM shop.order_items AS i
JOIN shop.orders AS o USING (order_id)
JOIN categories USING (product_id)
GROUP BY o.purchase_date, upper(left(categories.category, 1)) || substr(categories.category, 2);

CREATE UNIQUE INDEX daily_sales_by_category_key ON dashboard.daily_sales_by_category (date, category);
