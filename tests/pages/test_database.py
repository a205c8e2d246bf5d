"""The operators' database page: when all is well, in trouble, and while some of it can't be read."""

import psycopg
import pytest
from streamlit.testing.v1 import AppTest

from tests.pages.conftest import OpenPage, Show
from tests.reads import Admin
from tests.servers import free_port

CARDS = ["Missing indexes", "Indexes that cost more than they give", "Sessions", "Tables and indexes"]
VIEWS = (
    "CREATE TABLE shop.page_views (visitor integer, path text)",
    "INSERT INTO shop.page_views SELECT n, 'x' FROM generate_series(1, 20000) AS n",
    "ANALYZE shop.page_views",
)
STRANGE = "**bold** <b>x</b> `y` $z$"


@pytest.fixture
def page(open_page: OpenPage, show: Show, own_shop_url: str, admin: Admin) -> AppTest:
    """The page of a shop where all is well."""
    admin("VACUUM (ANALYZE)")
    show(own_shop_url)
    return open_page("database")


def titles(page: AppTest) -> list[str]:
    return [block.value.split("**")[1] for block in page.markdown if block.value.startswith("**")]


def test_all_is_well(page: AppTest) -> None:
    assert not page.exception
    assert not page.error
    assert not page.warning
    assert page.subheader[0].value == "Database"
    assert "The database is well" in page.success[0].value
    assert titles(page) == CARDS
    assert [metric.label for metric in page.metric] == [
        *("Size", "Connections", "Found in memory", "Transaction age", "PostgreSQL"),
    ]
    assert len(page.dataframe) == 1
    assert "shop.orders" in str(page.dataframe[0].value)


def test_choice_of_tables_or_indexes_is_part_of_the_address(page: AppTest, open_page: OpenPage) -> None:
    shown = open_page("database", show="indexes")
    assert "shop.orders_pkey" in str(shown.dataframe[0].value["name"].tolist())


def test_missing_index_is_shown_with_its_statement_and_can_be_tried(page: AppTest, admin: Admin) -> None:
    for statement in VIEWS:
        admin(statement)
    admin("GRANT pg_monitor TO daybook_reader")
    try:
        admin(f"SELECT '{STRANGE}' FROM shop.page_views WHERE visitor = 7")
        admin("SELECT pg_stat_force_next_flush()")
        page.run()
        ddl = "CREATE INDEX CONCURRENTLY ON shop.page_views (visitor);"
        codes = [code.value for code in page.code]
        assert codes[0] == ddl
        assert codes[1].endswith("FROM shop.page_views WHERE visitor = $2")
        assert any("An index is missing" in info.value for info in page.info)
        page.button[0].click().run()
        assert not page.exception
        assert any("It is worth making" in success.value for success in page.success)
    finally:
        admin("REVOKE pg_monitor FROM daybook_reader")


def test_names_are_no_markup(page: AppTest, admin: Admin) -> None:
    admin("CREATE INDEX ON shop.products (product_weight_g, product_id)")
    admin(f'CREATE INDEX "{STRANGE}" ON shop.products (product_weight_g)')
    page.run()
    assert not page.exception
    [told] = [info.value for info in page.info if "superfluous" in info.value]
    assert r"\*\*bold\*\* \<b\>x" in told
    assert f'DROP INDEX CONCURRENTLY shop."{STRANGE}";' in [code.value for code in page.code]


class TestParts:
    def test_without_a_right_the_others_live(self, page: AppTest, admin: Admin) -> None:
        admin("REVOKE SELECT ON dashboard.relation_sizes FROM daybook_reader")
        assert not page.run().error
        assert titles(page) == CARDS
        assert "GRANT pg_monitor TO daybook_reader;" in page.info[-1].value

    def test_of_a_table_that_is_held_the_others_are_shown(self, page: AppTest, own_shop_url: str) -> None:
        with psycopg.connect(own_shop_url) as connection:
            connection.execute("LOCK TABLE shop.orders IN ACCESS EXCLUSIVE MODE")
            page.run()
        assert not page.error
        assert "shop.customers" in str(page.dataframe[0].value)


def test_on_a_database_that_never_answered(open_page: OpenPage, show: Show) -> None:
    show(f"postgresql://nobody@127.0.0.1:{free_port()}/none")
    page = open_page("database")
    assert not page.exception
    [error] = page.error
    assert "Check that it runs" in error.value
