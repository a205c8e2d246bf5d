-- What each customer, by their number, paid for each order: one row an order.
-- reads: order_facts
-- params: start, end
-- split: month(date), large
-- ttl: analytics
SELECT date, person, revenue_cents
FROM dashboard.order_facts
WHERE date >= :start AND date < :end
ORDER BY date, order_key
