"""By which columns statements look for rows, which indexes serve them, and which are too many."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from dashboard.catalogue import catalogue
from dashboard.database_state import Growth, Index, Statement, Table, Trouble, without_constants
from dashboard.database_state.columns import Column
from dashboard.database_state.indexes import findings
from dashboard.database_state.missing import candidates
from dashboard.database_state.predicates import scopes

NOW = datetime(2025, 3, 20, 12, tzinfo=UTC)
ORDERS, ITEMS = "shop.orders", "shop.order_items"
DISTINCT = {"order_id": -1.0, "person": 5_000.0, "day": 700.0, "status": 4.0, "state": 12.0, "note": None}


def table(relation: str = ORDERS, **chosen: Any) -> Table:
    schema, name = relation.split(".")
    facts = {
        "relation_id": sum(map(ord, relation)),
        "relation": relation,
        "schema_name": schema,
        "name": name,
        "kind": "table",
        "rows": 100_000,
        "table_bytes": 10_000_000,
        "heap_bytes": 10_000_000,
        "fill_share": 1.0,
        "index_bytes": 0,
        "dead_rows": 0,
        "modified_rows": 0,
        "inserted_rows": 0,
        "vacuumed_at": NOW,
        "analyzed_at": NOW,
        "seq_scans": 7,
        "seq_rows": 700_000,
        "index_scans": 0,
        "inserts": 100_000,
        "is_autovacuumed": True,
        "is_readable": True,
        "transaction_age": 100,
        "largest_partition": None,
    }
    return Table(**facts | chosen)


def index(*columns: str, relation: str = ORDERS, name: str = "", **chosen: Any) -> Index:
    name = name or f"shop.ix_{'_'.join(columns)}"
    facts = {
        "relation": relation,
        "name": name,
        "definition": f"CREATE INDEX {name} ON {relation} USING btree ({', '.join(columns)})",
        "method": "btree",
        "keys": tuple((column, 1, 0, 0, True) for column in columns),
        "columns": columns,
        "size_bytes": 1_000_000,
        "scans": 1,
        "used_at": None,
        "is_unique": False,
        "is_partial": False,
        "has_included": False,
        "is_valid": True,
        "is_being_built": False,
        "is_needed": False,
    }
    return Index(**facts | chosen)


def missing(sql: str, *indexes: Index, **chosen: Any) -> list[str]:
    """The columns of the indexes that a statement lacks, behind the name of their table."""
    tables = [table(**chosen), table(ITEMS, **chosen)]
    known = {name: Column(name, name, number, 8, has_order=True) for name, number in DISTINCT.items()}
    columns = {one.relation_id: known for one in tables}
    found = candidates(tables, columns, indexes, [Statement(sql)], {}, NOW)
    return [
        f"{one.table.name} {' '.join(column.name for column in one.wish.columns)}"
        + (" (join)" if one.wish.is_join else "")
        for one in found
    ]


class TestMissing:
    @pytest.mark.parametrize(
        ("sql", "expected"),
        [
            ("SELECT 1 FROM shop.orders WHERE person = $1", ["orders person"]),
            ("SELECT 1 FROM orders AS o WHERE o.person IN ($1,$2,$3)", ["orders person"]),
            ("SELECT 1 FROM orders WHERE person = ANY ($1::int[])", ["orders person"]),
            ("SELECT 1 FROM orders WHERE day >= $1 AND $2 > day", ["orders day"]),
            ("SELECT 1 FROM orders WHERE day BETWEEN $1 AND $2 AND state = $3", ["orders state day"]),
            ("SELECT 1 FROM orders WHERE day > $1 AND person = 7", ["orders person"]),
            ("SELECT 1 FROM orders WHERE status = 'delivered'", []),
            ("SELECT 1 FROM orders WHERE note = 'never analyzed'", []),
            ("SELECT 1 FROM orders WHERE lower(person) = $1", []),
            ("SELECT 1 FROM orders WHERE person = $1 OR day = $2", []),
            ("SELECT 1 FROM orders WHERE person = $1 OR (person = $2 OR $3 = person)", ["orders person"]),
            ("SELECT 1 FROM orders WHERE (status, person) = ($1, $2)", ["orders person"]),
            ("SELECT 1 FROM orders WHERE person = $1 AND day >= date $2 AND day < date$3", ["orders person"]),
            ("MERGE INTO orders USING few ON person = id WHEN MATCHED THEN UPDATE SET note = $1", []),
            ("UPDATE orders SET status = 'x' WHERE person = $1", ["orders person"]),
            ("DELETE FROM orders WHERE day < $1", ["orders day"]),
            ("WITH orders AS (SELECT 1 AS person) SELECT 1 FROM orders WHERE person = $1", []),
            ("SELECT 1 FROM other.orders WHERE person = $1", []),
            ("SELECT 1 FROM orders WHERE", []),
        ],
    )
    def test_of_one_table(self, sql: str, expected: list[str]) -> None:
        assert missing(sql) == expected

    @pytest.mark.parametrize(
        ("sql", "expected"),
        [
            ("SELECT * FROM orders ORDER BY day DESC, order_id DESC LIMIT 50", ["orders day order_id"]),
            ("SELECT * FROM orders AS o ORDER BY o.day FETCH FIRST 5 ROWS ONLY", ["orders day"]),
            ("SELECT o.day AS at FROM orders AS o ORDER BY at LIMIT $1", ["orders day"]),
            ("SELECT day FROM orders ORDER BY 1 LIMIT $1", ["orders day"]),
            ("SELECT 1 FROM orders WHERE status = $1 ORDER BY day LIMIT 50", ["orders status day"]),
            ("SELECT 1 FROM orders WHERE status = $1 ORDER BY status, day LIMIT 50", ["orders status day"]),
            (
                "SELECT 1 FROM orders WHERE (day, order_id) < ($1, $2) ORDER BY day DESC, order_id DESC LIMIT 9",
                ["orders day order_id"],
            ),
            (
                "SELECT 1 FROM orders JOIN order_items USING (order_id) ORDER BY orders.day LIMIT 9",
                ["orders day"],
            ),
            (
                "SELECT 1 FROM orders WHERE person = $1 ORDER BY day LIMIT 50",
                ["orders person"],
            ),  # few to sort
            ("SELECT * FROM orders ORDER BY day", []),
            ("SELECT * FROM orders ORDER BY day DESC NULLS LAST LIMIT 50", []),
            ("SELECT * FROM orders ORDER BY day, order_id DESC LIMIT 50", []),
            ("SELECT lower(note) AS day FROM orders ORDER BY day LIMIT 50", []),
            ("SELECT day FROM orders GROUP BY day ORDER BY day LIMIT 50", []),
            ("SELECT max(day) FROM orders ORDER BY 1 LIMIT 50", []),
            ("SELECT 1 FROM orders WHERE note LIKE $1 ORDER BY day LIMIT 50", []),
            ("SELECT 1 FROM orders, order_items AS i WHERE i.status = $1 ORDER BY orders.day LIMIT 50", []),
            ("SELECT 1 FROM orders WHERE status IN ($1, $2) ORDER BY day LIMIT 50", ["orders day"]),
            ("SELECT 1 FROM orders WHERE status = ANY ($1) ORDER BY day LIMIT 50", ["orders day"]),
            ("SELECT 1 FROM orders WHERE person IN ($1, $2) ORDER BY day LIMIT 50", ["orders person"]),
            (
                "SELECT 1 FROM orders WHERE (status, person) = ($1, $2) ORDER BY day LIMIT 50",
                ["orders person"],
            ),
            ("SELECT 1 FROM orders WHERE (status, state) IN (($1, $2), ($3, $4)) ORDER BY day LIMIT 50", []),
            ("SELECT o.*, day FROM orders AS o ORDER BY 2 LIMIT 50", []),
            ("SELECT day::date FROM orders ORDER BY day LIMIT 50", []),
            ("SELECT 1 FROM orders ORDER BY day LIMIT ALL", []),
            ("SELECT 1 FROM orders ORDER BY day LIMIT NULL", []),
            ("SELECT 1 FROM orders ORDER BY note LIMIT 50", []),  # never analyzed
            (
                "SELECT (SELECT 1 FROM order_items AS i WHERE i.order_id = o.order_id ORDER BY i.day LIMIT 1)"
                " FROM orders AS o",
                ["order_items order_id (join)"],
            ),
            (
                "WITH few AS (SELECT 7 AS id) SELECT 1 FROM orders JOIN few ON few.id = status ORDER BY day LIMIT 9",
                [],
            ),
            (
                "SELECT 1 FROM orders AS o LEFT JOIN order_items AS i ON i.order_id = o.order_id AND o.status = $1"
                " ORDER BY o.day LIMIT 9",
                ["orders day"],
            ),
            (
                "SELECT 1 FROM orders AS o LEFT JOIN order_items AS i ON i.order_id = o.order_id"
                " ORDER BY i.day LIMIT 9",
                [],
            ),
            (
                "SELECT 1 FROM orders AS o LEFT JOIN order_items AS i ON i.order_id = o.order_id"
                " ORDER BY i.day, o.person LIMIT 9",
                [],
            ),
            (
                "SELECT 1 FROM orders AS o RIGHT JOIN order_items AS i ON i.order_id = o.order_id AND i.person = $1"
                " ORDER BY o.day LIMIT 9",
                [],
            ),
        ],
    )
    def test_for_the_first_rows(self, sql: str, expected: list[str]) -> None:
        assert missing(sql) == expected

    @pytest.mark.parametrize(
        ("served", "is_served"),
        [
            (index("day"), False),
            (index("status", "day"), True),
            (index("status"), False),
            (index("status", method="hash"), False),
            (index("day", method="brin"), False),
            (index("state", "status", "day"), True),
        ],
    )
    def test_is_none_where_an_index_has_the_first_rows(self, served: Index, is_served: bool) -> None:
        sql = "SELECT 1 FROM orders WHERE status = $1 AND state = $2 ORDER BY day, order_id LIMIT 50"
        assert (missing(sql, served) == []) is is_served

    @pytest.mark.parametrize("key", [("day", 1, 0, 1, True), ("day", 1, 0, 2, True), ("day", 1, 0, 0, False)])
    def test_is_one_where_an_index_has_another_order(self, key: tuple[Any, ...]) -> None:
        sql = "SELECT 1 FROM orders ORDER BY day DESC LIMIT 50"
        assert missing(sql, index("day", keys=(("day", 1, 0, 3, True),))) == []
        assert missing(sql, index("day", keys=(key,))) == ["orders day"]

    def test_is_one_where_many_rows_are_alike_in_what_an_index_orders_by(self) -> None:
        sql = "SELECT 1 FROM orders ORDER BY status, day LIMIT 50"
        assert missing(sql, index("status")) == ["orders status day"]
        assert missing(sql, index("status", "day")) == []
        assert missing(sql.replace("status", "person"), index("person")) == []
        of_a_day = "SELECT 1 FROM orders ORDER BY day DESC, state DESC, order_id DESC LIMIT 50"
        assert missing(of_a_day, index("day", "order_id")) == []
        mixed = index("status", "day", keys=(("status", 1, 0, 0, True), ("day", 1, 0, 3, True)))
        assert missing(sql, mixed) == ["orders status day"]

    def test_of_a_long_condition_is_looked_for(self) -> None:
        alternatives = " OR ".join(f"person = {number}" for number in range(1_000))
        assert missing(f"SELECT 1 FROM orders WHERE {alternatives}") == ["orders person"]
        others = " AND ".join(f"status <> {number}" for number in range(1_000))
        assert missing(f"SELECT 1 FROM orders WHERE {others} AND person = 1") == ["orders person"]
        assert missing(f"SELECT 1 FROM orders WHERE {'(' * 3_000}person = 1{')' * 3_000}") == []

    def test_is_none_where_an_index_has_them_in_order_and_few_are_passed_over(self) -> None:
        sql = "SELECT 1 FROM orders WHERE status = $1 ORDER BY day LIMIT 50"
        assert missing(sql, index("day")) == []

    @pytest.mark.parametrize(
        ("sql", "expected"),
        [
            (
                "SELECT 1 FROM orders JOIN order_items USING (order_id) WHERE orders.person = $1",
                ["order_items order_id (join)", "orders person"],
            ),
            (
                "SELECT 1 FROM orders AS o, order_items AS i WHERE i.order_id = o.order_id AND o.day < $1",
                ["order_items order_id (join)", "orders day"],
            ),
            ("SELECT 1 FROM orders JOIN order_items USING (order_id)", []),  # all rows of both: a hash join
            (
                "SELECT (SELECT max(i.day) FROM order_items AS i WHERE i.order_id = o.order_id) FROM orders AS o",
                ["order_items order_id (join)"],
            ),
        ],
    )
    def test_in_joins(self, sql: str, expected: list[str]) -> None:
        assert sorted(missing(sql)) == expected

    @pytest.mark.parametrize(
        ("join", "expected"),
        [
            ("LEFT JOIN order_items AS i ON i.order_id = o.order_id AND i.day > $1", ["order_items day"]),
            ("LEFT JOIN order_items AS i ON i.order_id = o.order_id AND o.person = $1", []),
            ("RIGHT JOIN order_items AS i ON i.order_id = o.order_id AND o.person = $1", ["orders person"]),
            ("RIGHT JOIN order_items AS i ON i.order_id = o.order_id AND i.person = $1", []),
            ("FULL JOIN order_items AS i ON i.order_id = o.order_id AND o.person = $1", []),
            (
                "LEFT JOIN order_items AS i ON i.order_id = o.order_id WHERE i.person = $1",
                ["order_items person", "orders order_id (join)"],
            ),
            (
                "LEFT JOIN order_items AS i USING (order_id) WHERE o.person = $1",
                ["order_items order_id (join)", "orders person"],
            ),
        ],
    )
    def test_in_outer_joins_is_of_the_side_that_is_searched(self, join: str, expected: list[str]) -> None:
        assert sorted(missing(f"SELECT 1 FROM orders AS o {join}")) == expected

    def test_is_none_where_an_index_of_another_column_of_the_join_leaves_few_rows(self) -> None:
        sql = (
            "SELECT 1 FROM orders AS o JOIN order_items AS i ON i.order_id = o.order_id AND i.day = o.day"
            " WHERE o.person = $1"
        )
        of_orders = index("person")
        assert missing(sql, of_orders) == ["order_items order_id (join)"]
        assert missing(sql, of_orders, index("day", relation=ITEMS)) == []

    @pytest.mark.parametrize(
        "served",
        [
            index("person"),
            index("person", "day"),
            index("person", method="hash"),
            index("order_id", "person", "day", name="shop.x", columns=("person", "order_id")),
        ],
    )
    def test_is_none_where_an_index_serves(self, served: Index) -> None:
        assert missing("SELECT 1 FROM orders WHERE person = $1", served) == []

    @pytest.mark.parametrize(
        "other",
        [
            index("day", "person"),
            index("person", is_partial=True),
            index("person", is_valid=False),
            index("person", relation=ITEMS),
        ],
    )
    def test_is_one_where_no_index_serves(self, other: Index) -> None:
        assert missing("SELECT 1 FROM orders WHERE person = $1", other) == ["orders person"]

    @pytest.mark.parametrize(
        "chosen", [{"table_bytes": 80_000}, {"rows": 999}, {"seq_scans": 0}, {"index_bytes": None}]
    )
    def test_is_none_of_a_table_that_is_small_or_never_read_in_full_or_held(
        self, chosen: dict[str, Any]
    ) -> None:
        assert missing("SELECT 1 FROM orders WHERE person = $1", **chosen) == []

    def test_of_two_wishes_one_index_serves_both(self) -> None:
        sql = (
            "SELECT 1 FROM orders WHERE day > 1 AND state = 2 UNION ALL SELECT 1 FROM orders WHERE state = 3"
        )
        assert missing(sql) == ["orders state day"]


def test_all_our_own_queries_can_be_read() -> None:
    for query in catalogue().queries.values():
        assert scopes(query.sql), query.name


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SELECT 1 WHERE a = 'it''s' AND b = $1", "SELECT 1 WHERE a = $2 AND b = $1"),
        ("SELECT 1 WHERE a = E'it\\'s' AND b = 'c\\'", "SELECT 1 WHERE a = $1 AND b = $2"),
        ("SELECT $$it's$$, $a$ $$ $a$, $1,$2", "SELECT $3, $4, $1,$2"),
        (
            """SELECT "it's", 'a' -- don't\n/* it's */ /* name */""",
            """SELECT "it's", $1 -- don't\n/* it's */ /* name */""",
        ),
        ("SELECT 1 WHERE a = 'cut o", "SELECT 1 WHERE a = $1"),
        ("SELECT date'2017-01-01', U&'d', x'1F', $1", "SELECT date$2, $3, $4, $1"),
        ("SELECT 'costs $500', $1, a$b$c", "SELECT $2, $1, a$b$c"),
        (f"SELECT '{'$' + '9' * 5_000}'", "SELECT $1"),
    ],
)
def test_texts_that_postgresql_left_in_a_statement_become_parameters(text: str, expected: str) -> None:
    assert without_constants(text) == expected


class TestFindings:
    RECORD = Growth(date(2025, 3, 1), None, NOW - timedelta(days=19), 1, None)

    def troubles(
        self, *known: Index, days: int = 14, counted: datetime | None = None, used: date | None = None
    ) -> dict[str, str]:
        grown = {one.name: replace(self.RECORD, used_day=used) for one in known}
        found = findings(known, grown, counted, NOW, timedelta(days=days), {})
        return {one.index.name: str(one.trouble) for one in found}

    def test_the_needed_the_unique_and_the_used_one_stay(self) -> None:
        needed = index("a", name="needed", is_needed=True, scans=0)
        assert self.troubles(index("a", name="used"), needed) == {"used": "duplicate"}
        assert self.troubles(index("a", name="x", scans=0), index("a", name="y")) == {"x": "duplicate"}
        assert self.troubles(needed, index("a", name="other", is_needed=True)) == {}

    def test_the_beginning_of_another_can_go_unless_it_is_more_than_that(self) -> None:
        assert self.troubles(index("a"), index("a", "b")) == {"shop.ix_a": Trouble.OVERLAPPING}
        assert self.troubles(index("b"), index("a", "b")) == {}
        for more in ("is_unique", "is_needed", "is_partial", "has_included"):
            assert self.troubles(index("a", **{more: True}), index("a", "b")) == {}

    def test_one_that_is_being_built_is_not_invalid(self) -> None:
        assert self.troubles(index("a", is_valid=False)) == {"shop.ix_a": "invalid"}
        assert self.troubles(index("a", is_valid=False, is_being_built=True)) == {}

    def test_an_invalid_one_can_go_if_another_is_the_same(self) -> None:
        invalid = index("a", name="left", is_valid=False)
        assert findings([invalid], {}, None, NOW, timedelta(1), {})[0].ddl.startswith("REINDEX")
        for other, can_go in ((index("a"), True), (index("b"), False)):
            assert findings([invalid, other], {}, None, NOW, timedelta(1), {})[0].can_go is can_go
        unique = index("a", name="left", is_valid=False, is_unique=True)
        assert findings([unique, index("a")], {}, None, NOW, timedelta(1), {})[0].ddl.startswith("REINDEX")

    def test_a_unique_one_is_no_duplicate_of_one_that_is_not(self) -> None:
        unique = index("a", name="unique", is_unique=True)
        assert self.troubles(index("a", name="of a whole", is_needed=True), unique) == {}
        assert self.troubles(index("a", name="plain"), unique) == {"plain": "duplicate"}

    def test_unused_since_it_is_on_record_and_counted(self) -> None:
        assert self.troubles(index("a", scans=0), used=date(2025, 3, 5)) == {"shop.ix_a": "unused"}
        assert self.troubles(index("a", scans=0), used=date(2025, 3, 15)) == {}  # a crash took the count
        assert self.troubles(index("a", scans=0)) == {"shop.ix_a": "unused"}
        assert self.troubles(index("a", scans=0), days=30) == {}
        assert self.troubles(index("a", scans=0), counted=NOW - timedelta(days=2)) == {}
        assert self.troubles(index("a", scans=0, size_bytes=8_192)) == {}
        assert self.troubles(index("a", scans=0, relation="dashboard.reports")) == {}
        assert self.troubles(index("a", scans=0, is_unique=True)) == {}
