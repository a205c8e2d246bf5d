"""The shop's eight tables, and the dashboard's own: data versions, loads and view refreshes."""

from alembic import op

revision = "0001"
down_revision = None

SHOP = """
CREATE TABLE shop.customers (
    customer_id text PRIMARY KEY,
    customer_unique_id text NOT NULL,
    customer_zip_code_prefix text,
    customer_city text,
    customer_state text
);
COMMENT ON COLUMN shop.customers.customer_id IS 'New for every order';
COMMENT ON COLUMN shop.customers.customer_unique_id IS 'The person';
CREATE INDEX ix_customers_person ON shop.customers (customer_unique_id);

CREATE TABLE shop.products (
    product_id text PRIMARY KEY,
    product_category_name text,
    product_name_length integer,
    product_description_length integer,
    product_photos_qty integer,
    product_weight_g integer,
    product_length_cm integer,
    product_height_cm integer,
    product_width_cm integer
);

CREATE TABLE shop.category_translation (
    product_category_name text PRIMARY KEY,
    product_category_name_english text NOT NULL
);

CREATE TABLE shop.sellers (
    seller_id text PRIMARY KEY,
    seller_zip_code_prefix text,
    seller_city text,
    seller_state text
);

CREATE TABLE shop.orders (
    order_id text PRIMARY KEY,
    customer_id text NOT NULL REFERENCES shop.customers,
    order_status text NOT NULL,
    order_purchase_timestamp timestamp NOT NULL
        CHECK (order_purchase_timestamp >= '1900-01-01' AND order_purchase_timestamp < '2200-01-01'),
    order_approved_at timestamp,
    order_delivered_carrier_date timestamp,
    order_delivered_customer_date timestamp,
    order_estimated_delivery_date timestamp,
    purchase_date date NOT NULL GENERATED ALWAYS AS (order_purchase_timestamp::date) STORED
);
CREATE INDEX ix_orders_purchase_date ON shop.orders (purchase_date);
CREATE INDEX ix_orders_customer_status ON shop.orders (customer_id, order_status, order_purchase_timestamp);
CREATE INDEX ix_orders_active ON shop.orders (order_purchase_timestamp)
    WHERE order_status NOT IN ('delivered', 'canceled');

CREATE TABLE shop.order_items (
    order_id text REFERENCES shop.orders,
    order_item_id integer CHECK (order_item_id > 0),
    product_id text NOT NULL REFERENCES shop.products,
    seller_id text NOT NULL,
    shipping_limit_date timestamp,
    price numeric(12, 2) NOT NULL CHECK (price >= 0),
    freight_value numeric(12, 2) NOT NULL CHECK (freight_value >= 0),
    PRIMARY KEY (order_id, order_item_id)
);
COMMENT ON COLUMN shop.order_items.seller_id IS 'No foreign key: the file of sellers may be absent';

CREATE TABLE shop.order_payments (
    order_id text REFERENCES shop.orders,
    payment_sequential integer CHECK (payment_sequential > 0),
    payment_type text NOT NULL,
    payment_installments integer NOT NULL CHECK (payment_installments >= 0),
    payment_value numeric(12, 2) NOT NULL CHECK (payment_value >= 0),
    PRIMARY KEY (order_id, payment_sequential)
);

CREATE TABLE shop.order_reviews (
    review_id text,
    order_id text REFERENCES shop.orders,
    review_score integer NOT NULL CHECK (review_score BETWEEN 1 AND 5),
    review_comment_title text,
    review_comment_message text,
    review_creation_date timestamp,
    review_answer_timestamp timestamp,
    PRIMARY KEY (review_id, order_id)
);
COMMENT ON TABLE shop.order_reviews IS 'One review can be about several orders';
CREATE INDEX ix_order_reviews_order ON shop.order_reviews (order_id);
"""

DASHBOARD = """
CREATE TABLE dashboard.versions (
    relation text,
    month date,
    version bigint NOT NULL,
    changed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (relation, month),
    CHECK (month = '-infinity' OR month = date_trunc('month', month::timestamp))
);
COMMENT ON COLUMN dashboard.versions.month IS 'First day of the month; -infinity stands for all months';

CREATE TABLE dashboard.loads (
    load_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('demo', 'olist')),
    source text NOT NULL,
    finished_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    duration_seconds double precision NOT NULL,
    rows_read bigint NOT NULL,
    rows_inserted bigint NOT NULL,
    rows_updated bigint NOT NULL,
    rows_rejected bigint NOT NULL
);
COMMENT ON COLUMN dashboard.loads.source IS 'The folder, or the seed of the demo shop';

CREATE TABLE dashboard.refreshes (
    refresh_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    view text NOT NULL,
    reason text NOT NULL,
    finished_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    duration_seconds double precision NOT NULL,
    rows bigint NOT NULL
);
CREATE INDEX ix_refreshes_view ON dashboard.refreshes (view, finished_at);
"""


def upgrade() -> None:
    op.execute(SHOP)
    op.execute(DASHBOARD)


def downgrade() -> None:
    op.execute("DROP TABLE dashboard.refreshes, dashboard.loads, dashboard.versions")
    op.execute(
        "DROP TABLE shop.order_reviews, shop.order_payments, shop.order_items, shop.orders, shop.sellers,"
        " shop.category_translation, shop.products, shop.customers"
    )
