-- One row a payment.
-- reads: payment_facts
-- params: start, end
-- split: month(date), large
-- ttl: analytics
-- categories: state, status, payment_type
SELECT
    date, order_key, person, hour, state, status, order_value, delivered_in, payment_type, installments, paid_cents
FROM dashboard.payment_facts
WHERE date >= :start AND date < :end
ORDER BY date, order_key, payment_sequential
