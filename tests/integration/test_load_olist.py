"""Importing the Olist files into a real database."""

import csv
import gzip
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest
from rich.console import Console
from rich.progress import Progress

from dashboard.database import Database
from dashboard.errors import LoadError
from dashboard.loading.olist import load_olist
from dashboard.loading.summary import Summary, TableSummary
from dashboard.loading.tables import TABLES
from dashboard.settings import ROOT

Admin = Callable[..., list[tuple[Any, ...]]]

# A shop of one order; RESPELLED columns as Olist spells them.
FILES = {
    "olist_customers_dataset": [
        "customer_id,customer_unique_id,customer_zip_code_prefix,customer_city,customer_state",
        "c1,p1,01001,sao paulo,SP",
    ],
    "olist_products_dataset": [
        "product_id,product_category_name,product_name_lenght,product_description_lenght,"
        "product_photos_qty,product_weight_g,product_length_cm,product_height_cm,product_width_cm",
        "g1,artes,40,287,1,225,16,10,14",
    ],
    "olist_orders_dataset": [
        "order_id,customer_id,order_status,order_purchase_timestamp,order_approved_at,"
        "order_delivered_carrier_date,order_delivered_customer_date,order_estimated_delivery_date",
        "o1,c1,delivered,2017-11-24 10:00:00,,,,2017-12-01 00:00:00",
    ],
    "olist_order_items_dataset": [
        "order_id,order_item_id,product_id,seller_id,shipping_limit_date,price,freight_value",
        "o1,1,g1,s1,2017-11-28 10:00:00,58.90,13.29",
    ],
    "olist_order_payments_dataset": [
        "order_id,payment_sequential,payment_type,payment_installments,payment_value",
        "o1,1,credit_card,8,72.19",
    ],
}
CUSTOMERS, PRODUCTS, ORDERS, ITEMS, PAYMENTS = FILES
REVIEWS = "olist_order_reviews_dataset"
REVIEW_HEADER = (
    "review_id,order_id,review_score,review_comment_title,review_comment_message,"
    "review_creation_date,review_answer_timestamp"
)


class Shop:
    """A folder of files and the database that they are loaded into."""

    def __init__(self, folder: Path, database: Database) -> None:
        self.folder, self.database = folder, database
        self.rejects_dir = folder.parent / "rejects"
        folder.mkdir()
        for name in FILES:
            self.write(name)

    def write(self, name: str, *records: str, header: str | None = None) -> Path:
        """The file of the one order, with further records."""
        path = self.folder / f"{name}.csv"
        lines = [header] if header else FILES[name]
        path.write_text("\n".join([*lines, *records]) + "\n", encoding="utf-8")
        return path

    def load(self, **options: bool) -> Summary:
        with Progress(disable=True) as progress:
            return load_olist(
                self.database, self.folder, rejects_dir=self.rejects_dir, progress=progress, **options
            )


@pytest.fixture
def tiny(tmp_path: Path, database: Database) -> Shop:
    return Shop(tmp_path / "files", database)


def of(summary: Summary, name: str) -> TableSummary:
    [table] = [table for table in summary.tables if table.table == name]
    return table


def counts(summary: Summary) -> dict[str, tuple[int, int, int, int, int]]:
    return {
        table.table: (table.read, table.inserted, table.updated, table.unchanged, table.rejects)
        for table in summary.tables
        if table.file
    }


def rejects(summary: Summary) -> list[dict[str, str]]:
    assert summary.rejects_file
    with summary.rejects_file.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def shown(summary: Summary) -> str:
    console = Console(width=80)
    with console.capture() as capture:
        console.print(summary.table(), soft_wrap=True)
    return capture.get()


def state(admin: Admin) -> dict[str, object]:
    """Every row version, index and key of the shop, and the versions of the data."""
    rows = {
        table.name: admin(f"SELECT ctid::text, xmin::text, t.*::text FROM shop.{table.name} AS t ORDER BY 1")
        for table in TABLES
    }
    keys = admin(
        "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint "
        "WHERE connamespace = 'shop'::regnamespace ORDER BY 1, 2"
    )
    indexes = admin("SELECT indexdef FROM pg_indexes WHERE schemaname = 'shop' ORDER BY 1")
    versions = admin("SELECT relation, month::text, version FROM dashboard.versions ORDER BY 1, 2")
    return {**rows, "keys": keys, "indexes": indexes, "versions": versions}


def load_sample(database: Database, folder: Path, rejects_dir: Path) -> Summary:
    with Progress(disable=True) as progress:
        return load_olist(database, folder, rejects_dir=rejects_dir, progress=progress)


def test_the_sample_has_the_totals_that_its_readme_lists(
    database: Database, admin: Admin, olist_sample: Path, tmp_path: Path
) -> None:
    keys_before = state(admin)["keys"], state(admin)["indexes"]
    summary = load_sample(database, olist_sample, tmp_path)
    assert {table: count[:2] for table, count in counts(summary).items()} == {
        "category_translation": (71, 71),
        "customers": (4_071, 4_071),
        "products": (3_243, 3_243),
        "sellers": (1_127, 1_127),
        "orders": (4_071, 4_071),
        "order_items": (4_567, 4_567),
        "order_payments": (4_240, 4_240),
        "order_reviews": (251, 251),
    }
    assert summary.rejects_file is None
    assert dict(admin("SELECT order_status, count(*) FROM shop.orders GROUP BY 1")) == {
        **{"delivered": 3_965, "shipped": 43, "canceled": 20},
        **{"unavailable": 18, "processing": 15, "invoiced": 10},
    }
    assert admin("SELECT sum(price), sum(freight_value), count(DISTINCT order_id) FROM shop.order_items") == [
        (Decimal("561316.40"), Decimal("91181.30"), 4_045)
    ]
    assert admin("SELECT min(order_purchase_timestamp), max(order_purchase_timestamp) FROM shop.orders") == [
        (datetime(2016, 10, 4, 14, 13, 22), datetime(2018, 9, 20, 13, 54, 16))
    ]
    assert admin("SELECT count(DISTINCT customer_unique_id) FROM shop.customers") == [(4_066,)]
    assert admin("SELECT count(*) FROM shop.customers WHERE customer_zip_code_prefix LIKE '0%'") != [(0,)]
    assert admin("SELECT product_category_name_english FROM shop.category_translation LIMIT 1") == [
        ("health_beauty",)
    ]
    assert (state(admin)["keys"], state(admin)["indexes"]) == keys_before


def test_the_views_show_what_was_loaded(
    database: Database, admin: Admin, olist_sample: Path, tmp_path: Path
) -> None:
    load_sample(database, olist_sample, tmp_path)
    view = "dashboard.daily_sales_metrics"
    assert admin(f"SELECT sum(total_orders), sum(total_revenue) FROM {view}") == [
        (4_071, Decimal("659682.58"))
    ]
    assert admin(f"SELECT total_orders FROM {view} WHERE date = '2017-11-24'") == [(49,)]
    months = admin(f"SELECT to_char(date, 'YYYY-MM'), sum(total_revenue) FROM {view} GROUP BY 1")
    assert (
        dict(months).items()
        >= {
            "2017-10": Decimal("28803.44"),
            "2017-11": Decimal("55040.69"),
            "2017-12": Decimal("31353.73"),
            "2018-01": Decimal("43220.18"),
            "2018-07": Decimal("49646.84"),
            "2018-09": Decimal("191.46"),
        }.items()
    )


def test_loading_the_same_folder_again_changes_nothing(
    database: Database, admin: Admin, olist_sample: Path, tmp_path: Path
) -> None:
    load_sample(database, olist_sample, tmp_path)
    before = state(admin)
    summary = load_sample(database, olist_sample, tmp_path)
    assert state(admin) == before
    assert counts(summary)["orders"] == (4_071, 0, 0, 4_071, 0)
    assert "Nothing changed" in shown(summary)


def test_a_newer_version_of_a_row_replaces_it(tiny: Shop, admin: Admin) -> None:
    tiny.load()
    version = dict(admin("SELECT relation, version FROM dashboard.versions"))
    tiny.write(
        ORDERS,
        "o1,c1,canceled,2017-11-24 10:00:00,,,,",
        "o2,c1,shipped,2017-11-25 10:00:00,,,,",
        header=FILES[ORDERS][0],
    )
    summary = tiny.load()
    assert counts(summary)["orders"] == (2, 1, 1, 0, 0)
    assert counts(summary)["customers"] == (1, 0, 0, 1, 0)
    assert admin(
        "SELECT order_id, order_status, order_estimated_delivery_date, purchase_date FROM shop.orders ORDER BY 1"
    ) == [
        ("o1", "canceled", None, date(2017, 11, 24)),
        ("o2", "shipped", None, date(2017, 11, 25)),
    ]
    assert admin("SELECT sum(total_orders) FROM dashboard.daily_sales_metrics") == [(2,)]
    newer = dict(admin("SELECT relation, version FROM dashboard.versions"))
    assert newer["daily_sales_metrics"] > version["daily_sales_metrics"]
    assert admin(
        "SELECT kind, rows_read, rows_inserted, rows_updated, rows_rejected FROM dashboard.loads"
    ) == [
        ("olist", 5, 5, 0, 0),
        ("olist", 6, 1, 1, 0),
    ]


def test_files_may_be_compressed_have_byte_order_marks_quotes_and_no_last_newline(
    tiny: Shop, admin: Admin
) -> None:
    message = '"gostei,\r\nmuito ""bom"" \\ \\."'
    review = f'"r1","o1",5,,{message},2017-12-01 00:00:00,"2017-12-02 00:00:00"'
    tiny.write(REVIEWS, review, header=REVIEW_HEADER)
    for path in tiny.folder.iterdir():
        content = b"\xef\xbb\xbf" + path.read_bytes().rstrip(b"\n")
        path.with_suffix(".csv.gz").write_bytes(gzip.compress(content))
        path.unlink()
    summary = tiny.load()
    assert of(summary, "order_reviews").file == tiny.folder / f"{REVIEWS}.csv.gz"
    assert admin("SELECT review_comment_title, review_comment_message FROM shop.order_reviews") == [
        (None, 'gostei,\r\nmuito "bom" \\ \\.')
    ]


@pytest.mark.parametrize("again", [False, True], ids=["empty database", "over an earlier load"])
def test_rows_that_cant_be_kept_go_to_the_rejects_file(tiny: Shop, admin: Admin, again: bool) -> None:
    if again:
        tiny.load()
    tiny.write(CUSTOMERS, "c2,,04571,sao paulo,SP", "c3,p3,04571,sao paulo")
    tiny.write(
        ORDERS,
        "o2,c2,delivered,2017-11-24 10:00:00,,,,",
        "o3,c1,delivered,2017-02-30 10:00:00,,,,",
        'o1,c1,"canceled\nor so",2017-11-24 10:00:00,,,,',
        "o4,c1,shipped,2017-11-24 10:00:00,,,,",
        ",c1,shipped,2017-11-24 10:00:00,,,,",
    )
    tiny.write(ITEMS, "o1,2,nope,s1,,1,1", "o3,1,g1,s1,,1,1", "o1,3,g1,s1,,NaN,1")
    tiny.write(PAYMENTS, "o2,1,boleto,1,5.00", "o4,1,boleto,1,-5.00", "o4,2,boleto,1,5.00")
    summary = tiny.load()
    found = [
        (row["file"], row["line"], row["column"], row["reason"], row["detail"]) for row in rejects(summary)
    ]
    customers, orders, items, payments = (f"{name}.csv" for name in (CUSTOMERS, ORDERS, ITEMS, PAYMENTS))
    no_customer = "refers to a row of customers that is not there"
    no_order = "refers to a row of orders that is not there"
    assert sorted(found) == sorted(
        [
            (customers, "3", "customer_unique_id", "missing value", ""),
            (customers, "4", "", "wrong number of fields", "has 4 fields instead of 5"),
            (orders, "3", "customer_id", no_customer, "c2"),
            (orders, "4", "order_purchase_timestamp", "not a date", "2017-02-30 10:00:00"),
            (orders, "5", "order_id", "duplicate key", "first on line 2"),
            (orders, "8", "order_id", "missing key", ""),
            (items, "3", "product_id", "refers to a row of products that is not there", "nope"),
            (items, "4", "order_id", no_order, "o3"),
            (items, "5", "price", "not a number", "NaN"),
            (payments, "3", "order_id", no_order, "o2"),
            (payments, "4", "payment_value", "out of range", "-5.00"),
        ]
    )
    row_of = {(row["file"], row["line"]): row["row"] for row in rejects(summary)}
    assert row_of[orders, "5"] == 'o1,c1,"canceled\nor so",2017-11-24 10:00:00,,,,'
    kept = 1 if again else 0
    assert counts(summary)["orders"] == (6, 2 - kept, 0, kept, 4)
    assert of(summary, "orders").rejected == {
        **{"not a date": 1, "missing key": 1, no_customer: 1, "duplicate key": 1}
    }
    assert admin("SELECT order_id, order_status FROM shop.orders ORDER BY 1") == [
        ("o1", "delivered"),
        ("o4", "shipped"),
    ]
    assert f"Rejected rows: {summary.rejects_file}" in shown(summary)
    assert f"orders: 1 × not a date; 1 × missing key; 1 × {no_customer}; 1 × duplicate key" in shown(summary)


def test_rejects_found_while_reading_do_not_keep_an_empty_database_from_being_filled_quickly(
    tiny: Shop, admin: Admin
) -> None:
    tiny.write(PAYMENTS, "o1,2,boleto,1,many")
    assert counts(tiny.load())["order_payments"] == (2, 1, 0, 0, 1)
    assert list(tiny.rejects_dir.iterdir()) != []
    assert admin("SELECT count(*) FROM shop.order_payments") == [(1,)]


def test_a_row_whose_parent_is_only_in_the_database_is_kept(tiny: Shop, admin: Admin) -> None:
    tiny.load()
    tiny.write(CUSTOMERS, "c2,p2,1,x,RJ", header=FILES[CUSTOMERS][0])
    tiny.write(ORDERS, "o2,c1,shipped,2017-11-24 10:00:00,,,,", header=FILES[ORDERS][0])
    summary = tiny.load()
    assert counts(summary)["orders"] == (1, 1, 0, 0, 0)
    assert admin("SELECT count(*) FROM shop.customers") == [(2,)]


def test_strict_makes_any_reject_an_error_that_names_the_rejects_file(tiny: Shop, admin: Admin) -> None:
    before = state(admin)
    tiny.write(PAYMENTS, "o1,2,boleto,1,many")
    with pytest.raises(
        LoadError, match=r"order_payments: 1 × not a number\. .*rejects-olist-.*\.csv lists them"
    ):
        tiny.load(strict=True)
    assert len(list(tiny.rejects_dir.glob("*.csv"))) == 1
    assert state(admin) == before
    assert admin("SELECT count(*) FROM dashboard.loads") == [(0,)]


def test_strict_loads_what_has_no_rejects(tiny: Shop) -> None:
    assert counts(tiny.load(strict=True))["orders"] == (1, 1, 0, 0, 0)
    assert not tiny.rejects_dir.exists()


def spoil_missing_file(folder: Path) -> None:
    (folder / f"{ORDERS}.csv").unlink()
    (folder / f"{PAYMENTS}.csv").unlink()


def spoil_both_forms(folder: Path) -> None:
    (folder / f"{ORDERS}.csv.gz").write_bytes(b"")


def spoil_header(folder: Path) -> None:
    path = folder / f"{PAYMENTS}.csv"
    path.write_text(path.read_text().replace("payment_type", "payment_sort"))


def spoil_nothing_in_it(folder: Path) -> None:
    (folder / f"{PAYMENTS}.csv").write_bytes(b"")


def spoil_encoding(folder: Path) -> None:
    with (folder / f"{PAYMENTS}.csv").open("ab") as stream:
        stream.write(b"o1,2,cart\xe3o,1,1.00\n")


def spoil_quote(folder: Path) -> None:
    with (folder / f"{PAYMENTS}.csv").open("ab") as stream:
        stream.write(b'o1,2,"boleto,1,1.00\n')


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (spoil_missing_file, rf"lacks {ORDERS}\.csv, {PAYMENTS}\.csv "),
        (spoil_both_forms, rf"holds both {ORDERS}\.csv and {ORDERS}\.csv\.gz"),
        (
            spoil_header,
            rf"{PAYMENTS}\.csv:1: unknown column 'payment_sort'; missing column 'payment_type'\. Expected",
        ),
        (spoil_nothing_in_it, rf"{PAYMENTS}\.csv:1: the file is empty"),
        (spoil_encoding, rf"{PAYMENTS}\.csv:3: column payment_type: byte 0xE3 is not UTF-8"),
        (spoil_quote, rf"{PAYMENTS}\.csv:3: a quote is opened in this line and never closed"),
    ],
)
@pytest.mark.parametrize("again", [False, True], ids=["empty database", "over an earlier load"])
def test_files_that_make_no_sense_are_an_error_and_nothing_is_written(
    tiny: Shop, admin: Admin, spoil: Callable[[Path], None], message: str, again: bool
) -> None:
    if again:
        tiny.load()
    before = state(admin)
    tiny.write(CUSTOMERS, "c2,,1,x,SP")  # a reject, so that there is a file of them to clean up
    spoil(tiny.folder)
    with pytest.raises(LoadError, match=message):
        tiny.load()
    assert state(admin) == before
    assert not tiny.rejects_dir.exists() or not list(tiny.rejects_dir.iterdir())


def test_a_folder_that_is_not_there_is_an_error(tiny: Shop) -> None:
    tiny.folder = tiny.folder / "nowhere"
    with pytest.raises(LoadError, match="nowhere is not a folder"):
        tiny.load()


def test_the_summary_says_which_optional_files_are_absent(tiny: Shop) -> None:
    summary = tiny.load()
    absent = [table.table for table in summary.tables if table.file is None]
    assert absent == ["category_translation", "sellers", "order_reviews", "geolocation"]
    assert shown(summary).count("no file (optional)") == len(absent)
    (tiny.folder / "olist_geolocation_dataset.csv").write_text("geolocation_zip_code_prefix\n")
    assert "geolocation: not kept" in shown(tiny.load())


def test_the_demo_shop_is_only_replaced_when_told_so(tiny: Shop, admin: Admin) -> None:
    tiny.load()
    admin(
        "INSERT INTO dashboard.loads (kind, source, duration_seconds, rows_read, rows_inserted, rows_updated,"
        " rows_rejected) VALUES ('demo', 'seed 1', 1, 1, 1, 0, 0)"
    )
    with pytest.raises(LoadError, match=r"holds the demo shop.* --replace"):
        tiny.load()
    tiny.write(CUSTOMERS, "c9,p9,1,x,SP", header=FILES[CUSTOMERS][0])
    tiny.write(ORDERS, "o9,c9,shipped,2017-11-24 10:00:00,,,,", header=FILES[ORDERS][0])
    summary = tiny.load(replace=True)
    assert counts(summary)["orders"] == (1, 1, 0, 0, 0)
    assert counts(summary)["order_items"] == (1, 0, 0, 0, 1)  # of an order that was replaced
    assert admin("SELECT order_id FROM shop.orders") == [("o9",)]
    assert admin("SELECT sum(total_orders) FROM dashboard.daily_sales_metrics") == [(1,)]
    assert counts(tiny.load())["orders"] == (1, 0, 0, 1, 0)


def test_who_began_to_read_before_a_replacement_sees_the_orders_from_before(
    tiny: Shop, database_url: str
) -> None:
    tiny.load()
    with psycopg.connect(database_url) as reader:
        reader.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        reader.execute("SELECT FROM dashboard.loads")
        tiny.load(replace=True)
        assert reader.execute("SELECT count(*) FROM shop.orders").fetchone() == (1,)


def test_a_load_beside_another_one_is_refused(tiny: Shop, database_url: str) -> None:
    with psycopg.connect(database_url) as other:
        other.execute("SELECT pg_advisory_xact_lock(hashtext('daybook load'))")
        with pytest.raises(LoadError, match="Another load is running"):
            tiny.load()
    assert counts(tiny.load())["orders"] == (1, 1, 0, 0, 0)


def test_keys_that_something_else_depends_on_are_left_in_place(tiny: Shop, admin: Admin) -> None:
    admin("CREATE VIEW public.theirs AS SELECT order_id, order_status FROM shop.orders GROUP BY order_id")
    before = state(admin)
    tiny.load()
    after = state(admin)
    assert (after["keys"], after["indexes"]) == (before["keys"], before["indexes"])
    assert admin("SELECT order_id FROM public.theirs") == [("o1",)]


LOAD = """
import sys
from pathlib import Path
from rich.progress import Progress
from dashboard.database import Database
from dashboard.loading.olist import load_olist
from dashboard.settings import Settings
url, folder, data = sys.argv[1:]
with Progress(disable=True) as progress:
    database = Database(url, Settings(_env_file=None, data_dir=Path(data)))
    load_olist(database, Path(folder), rejects_dir=Path(data), progress=progress)
"""


@pytest.mark.parametrize("again", [False, True], ids=["empty database", "over an earlier load"])
def test_after_a_kill_the_database_is_as_before(
    tiny: Shop, admin: Admin, database_url: str, tmp_path: Path, again: bool
) -> None:
    if again:
        tiny.load()
        tiny.write(CUSTOMERS, "c2,p2,1,x,SP")
    before = state(admin)
    with psycopg.connect(database_url) as other:
        other.execute("LOCK TABLE dashboard.loads IN SHARE MODE")  # its last statement will wait for this
        arguments = (database_url, str(tiny.folder), str(tmp_path))
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        process = subprocess.Popen([sys.executable, "-c", LOAD, *arguments], env=environment)
        try:
            wait_until(lambda: bool(admin("SELECT pid FROM pg_locks WHERE NOT granted")), process)
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()
    theirs = "FROM pg_stat_activity WHERE query LIKE '%INSERT INTO dashboard.loads%' AND state = 'active'"
    wait_until(lambda: not admin(f"SELECT pid {theirs} AND pid <> pg_backend_pid()"))
    assert state(admin) == before
    assert counts(tiny.load())["orders"][0] == 1


def wait_until(
    condition: Callable[[], bool], process: "subprocess.Popen[bytes] | None" = None, seconds: float = 30
) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert process is None or process.poll() is None, "the process ended too early"
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)
