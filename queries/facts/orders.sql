-- One row an order.
-- reads: order_facts
-- params: start, end
-- split: month(date), large
-- ttl: analytics
-- categories: state, status
SELECT
    date, order_key, person, hour, state, status, order_value, delivered_in, revenue_cents,
    reviews, stars, delivered, delivery_seconds, late
FROM dashboard.order_facts
WHERE date >= :start AND date < :end
ORDER BY date, order_key
