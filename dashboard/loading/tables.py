"""The shop's tables as Olist publishes them: files, columns, keys, references and what a value may be."""

from dataclasses import dataclass
from enum import Enum

MAX_INTEGER = 2**31 - 1
MAX_MONEY = 9_999_999_999.99  # numeric(12, 2)


class Kind(Enum):
    """What a field's text has to look like."""

    ID = "id"  # part of a key or an index, so its length is bounded
    TEXT = "text"
    INTEGER = "integer"
    MONEY = "money"
    TIMESTAMP = "timestamp"


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a file and of its table; ``minimum`` and ``maximum`` are those of the table's checks."""

    name: str
    kind: Kind = Kind.TEXT
    required: bool = False
    minimum: int = 0
    maximum: float = MAX_INTEGER


@dataclass(frozen=True, slots=True)
class Table:
    """One file and the table of schema ``shop`` that it fills.

    ``references`` are pairs of a column and the table whose key it holds.
    """

    name: str
    file: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    references: tuple[tuple[str, str], ...] = ()
    optional: bool = False

    @property
    def column_names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    @property
    def values(self) -> tuple[str, ...]:
        """The columns that are no part of the key."""
        return tuple(name for name in self.column_names if name not in self.key)


def _id(name: str) -> Column:
    return Column(name, Kind.ID, required=True)


def _number(name: str, *, required: bool = True, minimum: int = 0, maximum: int = MAX_INTEGER) -> Column:
    return Column(name, Kind.INTEGER, required, minimum, maximum)


def _money(name: str) -> Column:
    return Column(name, Kind.MONEY, required=True, maximum=MAX_MONEY)


def _time(name: str, *, required: bool = False) -> Column:
    return Column(name, Kind.TIMESTAMP, required)


def _measure(name: str) -> Column:
    return _number(name, required=False, minimum=-MAX_INTEGER)


# Parents stand before the tables that refer to them.
TABLES = (
    Table(
        "category_translation",
        "product_category_name_translation.csv",
        (_id("product_category_name"), Column("product_category_name_english", required=True)),
        key=("product_category_name",),
        optional=True,
    ),
    Table(
        "customers",
        "olist_customers_dataset.csv",
        (
            _id("customer_id"),
            _id("customer_unique_id"),
            Column("customer_zip_code_prefix"),
            Column("customer_city"),
            Column("customer_state"),
        ),
        key=("customer_id",),
    ),
    Table(
        "products",
        "olist_products_dataset.csv",
        (
            _id("product_id"),
            Column("product_category_name"),
            _measure("product_name_length"),
            _measure("product_description_length"),
            _measure("product_photos_qty"),
            _measure("product_weight_g"),
            _measure("product_length_cm"),
            _measure("product_height_cm"),
            _measure("product_width_cm"),
        ),
        key=("product_id",),
    ),
    Table(
        "sellers",
        "olist_sellers_dataset.csv",
        (
            _id("seller_id"),
            Column("seller_zip_code_prefix"),
            Column("seller_city"),
            Column("seller_state"),
        ),
        key=("seller_id",),
        optional=True,
    ),
    Table(
        "orders",
        "olist_orders_dataset.csv",
        (
            _id("order_id"),
            _id("customer_id"),
            _id("order_status"),
            _time("order_purchase_timestamp", required=True),
            _time("order_approved_at"),
            _time("order_delivered_carrier_date"),
            _time("order_delivered_customer_date"),
            _time("order_estimated_delivery_date"),
        ),
        key=("order_id",),
        references=(("customer_id", "customers"),),
    ),
    Table(
        "order_items",
        "olist_order_items_dataset.csv",
        (
            _id("order_id"),
            _number("order_item_id", minimum=1),
            _id("product_id"),
            _id("seller_id"),
            _time("shipping_limit_date"),
            _money("price"),
            _money("freight_value"),
        ),
        key=("order_id", "order_item_id"),
        references=(("order_id", "orders"), ("product_id", "products")),
    ),
    Table(
        "order_payments",
        "olist_order_payments_dataset.csv",
        (
            _id("order_id"),
            _number("payment_sequential", minimum=1),
            Column("payment_type", required=True),
            _number("payment_installments"),
            _money("payment_value"),
        ),
        key=("order_id", "payment_sequential"),
        references=(("order_id", "orders"),),
    ),
    Table(
        "order_reviews",
        "olist_order_reviews_dataset.csv",
        (
            _id("review_id"),
            _id("order_id"),
            _number("review_score", minimum=1, maximum=5),
            Column("review_comment_title"),
            Column("review_comment_message"),
            _time("review_creation_date"),
            _time("review_answer_timestamp"),
        ),
        key=("review_id", "order_id"),
        references=(("order_id", "orders"),),
        optional=True,
    ),
)

# In the download, but of no use to the dashboard.
UNUSED_FILE = "olist_geolocation_dataset.csv"

# Olist's headers misspell two columns.
RESPELLED = {
    "product_name_lenght": "product_name_length",
    "product_description_lenght": "product_description_length",
}
