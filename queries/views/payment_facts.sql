-- One row a payment, with what is known of its order. Kept by days, as order_facts is.
CREATE TABLE dashboard.payment_facts AS
SELECT
    o.date, o.order_key, p.payment_sequential, o.person, o.hour, o.state, o.status, o.order_value,
    o.delivered_in, p.payment_type, p.payment_installments AS installments,
    (p.payment_value * 100)::bigint AS paid_cents
FROM dashboard.order_facts AS o
JOIN shop.order_payments AS p USING (order_id);

CREATE UNIQUE INDEX payment_facts_key ON dashboard.payment_facts (date, order_key, payment_sequential);
