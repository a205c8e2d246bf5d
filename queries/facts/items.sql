-- One row a piece that was sold.
-- reads: item_facts
-- params: start, end
-- split: month(date), large
-- ttl: analytics
-- categories: state, status, category, product
SELECT
    date, order_key, person, hour, state, status, order_value, delivered_in, category, product,
    price_cents, freight_cents
FROM dashboard.item_facts
WHERE date >= :start AND date < :end
ORDER BY date, order_key, order_item_id
