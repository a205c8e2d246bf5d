from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from dashboard.catalogue import Catalogue, Query, catalogue, load_catalogue
from dashboard.errors import CatalogueError, ParameterError, UnknownQuery


class Folder:
    """A folder of query files in the making."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, name: str, content: str | bytes) -> Path:
        path = self.path / f"{name}.sql"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def query(self, sql: str, headers: str = "") -> Query:
        """The query made of a title, these headers and this SQL, which starts on the line after them."""
        self.write("business/asked", f"-- A question.\n{headers}{sql}\n")
        return load_catalogue(self.path)["business/asked"]

    def view(self, name: str, reads: str = "", after: str = "") -> None:
        """A proper view, with more after its key."""
        source = f" FROM {reads}" if reads else ""
        self.write(
            f"views/{name}",
            f"-- A view.\nCREATE MATERIALIZED VIEW dashboard.{name} AS\nSELECT 1 AS a{source};\n"
            f"CREATE UNIQUE INDEX {name}_key ON dashboard.{name} (a);\n{after}",
        )

    def load(self) -> Catalogue:
        return load_catalogue(self.path)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "queries")


def test_all_of_our_own_files_are_sound() -> None:
    known = catalogue()
    assert known["business/daily_sales"].split == "date"
    assert {"daily_sales_metrics", "customer_metrics"} <= {view.name for view in known.views}


def test_a_query_file_says_what_it_is_asked_with_and_what_it_depends_on(folder: Folder) -> None:
    query = folder.query(
        "SELECT date, n FROM dashboard.days JOIN shop.orders USING (id)\n"
        "WHERE date >= :start AND date < :end AND s = :s ORDER BY date",
        "-- It has two lines.\n-- reads: days, orders\n-- params: start, end, s text\n"
        "-- split: month(date)\n-- ttl: session\n",
    )
    assert (query.name, query.title) == ("business/asked", "A question. It has two lines.")
    assert query.params == {"start": "date", "end": "date", "s": "text"}
    assert (query.reads, query.split, query.ttl) == (("days", "orders"), "date", "session")
    assert query.sql.endswith("WHERE date >= $1::date AND date < $2::date AND s = $3::text ORDER BY date")
    assert query.text.endswith(":s ORDER BY date")


ORDERS = "FROM shop.orders"

BROKEN_QUERIES = {
    "unknown header": ("-- A question.\n-- read: orders\nSELECT 1", 2, "unknown header 'read'"),
    "header twice": (
        "-- A question.\n-- ttl: default\n-- ttl: session\nSELECT 1",
        3,
        "ttl stands here a second",
    ),
    "no title": ("SELECT 1", 1, "begin the file with a comment"),
    "only headers": ("-- ttl: default\nSELECT 1", 1, "begin the file with a comment"),
    "empty comment": ("--\nSELECT 1", 1, "begin the file with a comment"),
    "empty file": ("", 1, "begin the file with a comment"),
    "no SQL": ("-- A question.\n\n", 3, "the file has no SQL"),
    "comment only": ("-- A question.\n/* nothing */\n", 2, "one SELECT"),
    "no type": ("-- A question.\n-- params: top\nSELECT :top", 2, "write the type of 'top' after its name"),
    "wrong type": ("-- A question.\n-- params: top money\nSELECT :top", 2, "one of boolean, date"),
    "parameter twice": (
        "-- A question.\n-- params: a text, a text\nSELECT :a",
        2,
        "a is declared a second time",
    ),
    "undeclared": ("-- A question.\nSELECT 1,\n  'é', :top", 3, ":top is not declared"),
    "unused": (
        "-- A question.\n-- params: start, end\nSELECT :start",
        2,
        "declares end, which the SQL does not use",
    ),
    "wrong ttl": (
        "-- A question.\n-- ttl: forever\nSELECT 1",
        2,
        "ttl is 'forever', not one of analytics, default",
    ),
    "wrong split": (
        "-- A question.\n-- split: date\n-- params: start, end\nSELECT :start, :end",
        2,
        "month(COLUMN)",
    ),
    "split without a range": (
        "-- A question.\n-- split: month(date)\nSELECT 1",
        2,
        "needs params start and end",
    ),
    "reads nothing said": (
        f"-- A question.\nSELECT 1 {ORDERS}",
        1,
        "the SQL reads orders, but the header says ''",
    ),
    "reads too much": (
        f"-- A question.\n-- reads: orders, days\nSELECT 1 {ORDERS}",
        2,
        "the SQL reads orders, but",
    ),
    "reads nothing": ("-- A question.\n-- reads: orders\nSELECT 1", 2, "the SQL reads nothing"),
    "two statements": ("-- A question.\nSELECT 1;\nSELECT 2", 2, "one SELECT"),
    "no SELECT": ("-- A question.\nDELETE FROM shop.orders", 2, "one SELECT, which only reads"),
    "makes a table": ("-- A question.\nSELECT 1 INTO mine", 2, "which only reads"),
    "locks rows": (f"-- A question.\n-- reads: orders\nSELECT 1 {ORDERS} FOR UPDATE", 3, "which only reads"),
    "deletes within WITH": (
        "-- A question.\n-- reads: orders\nWITH gone AS (DELETE FROM shop.orders RETURNING 1) SELECT * FROM gone",
        3,
        "which only reads",
    ),
    "locks rows below": (
        f"-- A question.\n-- reads: orders\nSELECT 1 FROM (SELECT 1 {ORDERS} FOR SHARE) AS x",
        3,
        "which only reads",
    ),
    "drops within WITH": (
        "-- A question.\nWITH gone AS (DROP TABLE shop.orders) SELECT 1",
        2,
        "which only reads",
    ),
    "copies": ("-- A question.\nCOPY shop.orders TO '/orders'", 2, "one SELECT, which only reads"),
    "sets": ("-- A question.\nSET search_path = shop", 2, "one SELECT, which only reads"),
    "nested without end": (f"-- A question.\n\nSELECT {'(' * 400}1{')' * 400}", 3, "nested too deeply"),
    "syntax": ("-- A question.\n\nSELECT 'ééé',\n  'ü'\n  FORM x y", 5, 'syntax error at or near "x"'),
    "open string": ("-- A question.\nSELECT 1,\n 'é", 3, "unterminated quoted string"),
    "open name": ('-- A question.\nSELECT 1,\n "é\n\n', 3, "unterminated quoted string"),
    "open dollars": ("-- A question.\nSELECT 1,\n\n $é$ $$\n", 4, "unterminated quoted string"),
    "open comment": ("-- A question.\nSELECT 1\n\n/* /* */\n", 4, "unterminated comment"),
    "other encoding": ("-- A question.\n-- ü\n".encode() + "SELECT 'é'".encode("latin-1"), 3, "not UTF-8"),
}


@pytest.mark.parametrize(("content", "line", "problem"), BROKEN_QUERIES.values(), ids=BROKEN_QUERIES)
def test_a_broken_query_file_is_named_with_its_line(
    folder: Folder, content: str | bytes, line: int, problem: str
) -> None:
    path = folder.write("business/broken", content)
    with pytest.raises(CatalogueError) as caught:
        folder.load()
    assert problem in str(caught.value)
    assert str(caught.value).startswith(f"{path}:{line}: ")


def test_what_only_looks_like_a_parameter_is_left_alone(folder: Folder) -> None:
    sql = """SELECT ':no', E'\\':no', $$:no$$, x::date, y[1:2], y[a:b], y[f(1):z[1]], y[date:b], y[a : b], @ a -- :no
/* :no */ FROM f(a => 1) AS "y:no" WHERE j @> '{"a": 1}' OR JSON_OBJECT('k':no) = E'\\n:no'"""
    assert folder.query(sql).sql == sql


def test_parameters_are_found_wherever_a_value_may_stand(folder: Folder) -> None:
    query = folder.query(
        "SELECT :a, (:b), ARRAY[:a,:b], :a::text, 'é' || :a, x[:b], t AT TIME ZONE :a\n"
        "WHERE x=:a AND y BETWEEN :a AND :b LIMIT :end",
        "-- params: a text,  b   integer, end\n",
    )
    assert query.sql == (
        "SELECT $1::text, ($2::integer), ARRAY[$1::text,$2::integer], $1::text::text, 'é' || $1::text, "
        "x[$2::integer], t AT TIME ZONE $1::text\n"
        "WHERE x=$1::text AND y BETWEEN $1::text AND $2::integer LIMIT $3::date"
    )


def test_a_parameter_may_be_called_like_a_keyword_or_in_any_language(folder: Folder) -> None:
    query = folder.query(
        "SELECT '😀é', :end, :select, :größe", "-- params: end, select text, größe numeric\n"
    )
    assert query.sql == "SELECT '😀é', $1::date, $2::text, $3::numeric"


def test_names_defined_in_the_query_are_not_read_from_the_database(folder: Folder) -> None:
    sql = """WITH RECURSIVE a AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM a), b AS (SELECT * FROM shop.orders)
SELECT * FROM a JOIN b USING (x) WHERE EXISTS (SELECT FROM dashboard.days WHERE y IN (SELECT z FROM other.things))
UNION SELECT * FROM LATERAL (WITH c AS (TABLE dashboard.more) SELECT * FROM c) AS d, unnest(ARRAY[1]), pg_class"""
    query = folder.query(sql, "-- reads: more, orders, other.things,days\n")
    assert query.reads == ("days", "more", "orders", "other.things")


def test_a_name_defined_in_the_query_does_not_hide_a_relation(folder: Folder) -> None:
    query = folder.query("WITH days AS (SELECT * FROM dashboard.days) SELECT * FROM days", "-- reads: days\n")
    assert query.reads == ("days",)


def test_a_name_defined_in_the_query_hides_only_what_it_reaches(folder: Folder) -> None:
    sql = """WITH a AS (SELECT * FROM b), b AS (SELECT 1), e AS (SELECT 1)
SELECT * FROM a, b, e, dashboard.e, shop.c, f(1), (WITH c AS (SELECT 1) TABLE c) AS x
WHERE EXISTS (SELECT FROM c WHERE n IN (SELECT n FROM a))"""
    assert folder.query(sql, "-- reads: b, c, e\n").reads == ("b", "c", "e")


def test_names_are_folded_as_postgresql_folds_them(folder: Folder) -> None:
    sql = 'WITH Recent AS (SELECT 1) SELECT * FROM RECENT, Shop.Orders, SHOP.orders AS o, other."Things"'
    assert folder.query(sql, "-- reads: orders, other.Things\n").reads == ("orders", "other.Things")


def test_files_of_any_editor_are_read(folder: Folder) -> None:
    folder.write(
        "business/asked", "\ufeff-- A question.\r\n\r\n-- ttl: session\r\n\r\nSELECT 'é'\r\n  ,1;\r\n\r\n"
    )
    query = folder.load()["business/asked"]
    assert (query.title, query.ttl, query.text) == ("A question.", "session", "SELECT 'é'\n  ,1;")


def test_a_position_in_the_sql_leads_to_the_line_in_the_file(folder: Folder) -> None:
    query = folder.query("\nSELECT 'é',\n  :start,\n  wrong", "-- params: start\n")
    assert query.line_at(query.sql.index("SELECT")) == 4
    assert query.line_at(query.sql.index("wrong")) == 6


def test_an_unknown_query_is_answered_with_the_known_ones(folder: Folder) -> None:
    folder.query("SELECT 1")
    with pytest.raises(UnknownQuery, match="no query 'business/asekd'; there are business/asked"):
        folder.load()["business/asekd"]


SPLIT = "-- params: start, end\n-- split: month(date)\n"
BETWEEN = "FROM (VALUES (:start), (:end)) AS days (date)"

JOINABLE = {
    "by name": f"SELECT date {BETWEEN} ORDER BY date",
    "in other letters": f"SELECT date {BETWEEN} ORDER BY DATE ASC NULLS LAST, 1",
    "quoted": f'SELECT date {BETWEEN} ORDER BY "date"',
    "of a WITH": f"WITH days AS (SELECT date {BETWEEN} ORDER BY date DESC) SELECT date FROM days ORDER BY date",
    "of a UNION": "SELECT :start AS date UNION ALL SELECT :end ORDER BY date",
}


@pytest.mark.parametrize("sql", JOINABLE.values(), ids=JOINABLE)
def test_a_split_query_comes_in_the_order_of_its_days(folder: Folder, sql: str) -> None:
    assert folder.query(sql, SPLIT).split == "date"


UNORDERED = {
    "not at all": "",
    "by another column": "ORDER BY state",
    "only then": "ORDER BY state, date",
    "backwards": "ORDER BY date DESC",
    "by an expression": "ORDER BY date + 1",
    "by a column that may not be the answer's": "ORDER BY days.date",
    "by number": "ORDER BY 1",
}


@pytest.mark.parametrize("order", UNORDERED.values(), ids=UNORDERED)
def test_a_split_query_in_another_order_is_refused(folder: Folder, order: str) -> None:
    with pytest.raises(CatalogueError, match=r"asked\.sql:3: .* needs ORDER BY date first, ascending"):
        folder.query(f"SELECT date, 'SP' AS state {BETWEEN} {order}", SPLIT)


def test_order_within_a_subquery_is_not_the_order_of_a_split_query(folder: Folder) -> None:
    with pytest.raises(CatalogueError, match="ORDER BY date first"):
        folder.query(f"SELECT * FROM (SELECT date {BETWEEN} ORDER BY date) AS x", SPLIT)


def test_a_large_query_says_so(folder: Folder) -> None:
    asked = f"SELECT date {BETWEEN} ORDER BY date"
    assert not folder.query(asked, SPLIT).is_large
    large = folder.query(asked, SPLIT.replace("(date)", "(date), large"))
    assert (large.split, large.is_large) == ("date", True)


CUT_OFF = {
    "LIMIT": f"SELECT date {BETWEEN} ORDER BY date LIMIT 5",
    "OFFSET": f"SELECT date {BETWEEN} ORDER BY date OFFSET 5",
    "FETCH": f"SELECT date {BETWEEN} ORDER BY date FETCH FIRST 5 ROWS ONLY",
    "below": f"WITH few AS (SELECT date {BETWEEN} LIMIT 5) SELECT date FROM few ORDER BY date",
}


@pytest.mark.parametrize("sql", CUT_OFF.values(), ids=CUT_OFF)
def test_a_split_query_that_cuts_rows_off_is_refused(folder: Folder, sql: str) -> None:
    with pytest.raises(CatalogueError, match=r"asked\.sql:3: .* no LIMIT, OFFSET or FETCH"):
        folder.query(sql, SPLIT)


def test_a_query_that_is_not_split_may_come_in_any_order_and_be_cut_off(folder: Folder) -> None:
    assert folder.query("SELECT 1 AS a ORDER BY a DESC LIMIT 5").split is None


READABLE = {
    "date": ("2017-11-24", date(2017, 11, 24)),
    "text": ("São Paulo", "São Paulo"),
    "integer": ("-12", -12),
    "numeric": ("12.30", Decimal("12.30")),
    "boolean": ("true", True),
    "text[]": ("SP,RJ", ["SP", "RJ"]),
    "date[]": ("2017-11-24,2018-01-01", [date(2017, 11, 24), date(2018, 1, 1)]),
}


@pytest.mark.parametrize(
    ("kind", "written", "value"), [(kind, *pair) for kind, pair in READABLE.items()], ids=READABLE
)
def test_text_is_read_as_the_parameters_type(folder: Folder, kind: str, written: str, value: object) -> None:
    query = folder.query("SELECT :x", f"-- params: x {kind}\n")
    assert query.bind({"x": written}) == (value,)
    assert query.bind({"x": value}) == (value,)
    assert query.bind({"x": None}) == (None,)


@pytest.mark.parametrize("kind", ["text[]", "date[]"])
def test_empty_text_is_an_empty_list(folder: Folder, kind: str) -> None:
    assert folder.query("SELECT :x", f"-- params: x {kind}\n").bind({"x": ""}) == ([],)


@pytest.mark.parametrize(
    ("kind", "written"),
    [
        ("date", "2017-02-29"),
        ("date", ""),
        ("integer", "1.5"),
        ("integer", "2147483648"),
        ("numeric", "1,5"),
        ("boolean", "yes"),
        ("date[]", "2017-01-01,"),
        ("text", "a\0b"),
        ("text[]", "a,\udc80"),
    ],
)
def test_text_that_is_not_of_the_parameters_type_is_refused(folder: Folder, kind: str, written: str) -> None:
    query = folder.query("SELECT :x", f"-- params: x {kind}\n")
    with pytest.raises(ParameterError) as caught:
        query.bind({"x": written})
    assert str(caught.value) == f"business/asked: x is {written!r}, which is no {kind}."


def test_values_come_in_the_order_of_the_numbers(folder: Folder) -> None:
    query = folder.query("SELECT :b, :a", "-- params: a text, b text\n")
    assert query.sql == "SELECT $2::text, $1::text"
    assert query.bind({"b": "2", "a": "1"}) == ("1", "2")


def test_missing_and_unknown_parameters_are_named(folder: Folder) -> None:
    query = folder.query("SELECT :start, :end", "-- params: start, end\n")
    with pytest.raises(ParameterError, match=r"business/asked needs end\."):
        query.bind({"start": "2017-01-01"})
    with pytest.raises(ParameterError, match=r"knows no top; it takes end, start\."):
        query.bind({"start": "2017-01-01", "end": "2017-01-02", "top": "5"})


KEY = "CREATE UNIQUE INDEX v_key ON dashboard.v (a);\n"
VIEW = "-- A view, é.\nCREATE MATERIALIZED VIEW dashboard.v AS\nSELECT 'é' AS a;\n"

BROKEN_VIEWS = {
    "no title": ("CREATE MATERIALIZED VIEW dashboard.v AS SELECT 1", 1, "begin the file with a comment"),
    "nothing": ("-- A view.\n", 2, "the file has no SQL"),
    "comment only": ("-- A view.\n/* nothing */", 2, "begin with CREATE MATERIALIZED VIEW dashboard.v"),
    "no SELECT": (
        "-- A view.\nCREATE MATERIALIZED VIEW dashboard.v",
        2,
        "begin with CREATE MATERIALIZED VIEW",
    ),
    "plain view": (
        "-- A view.\nCREATE VIEW dashboard.v AS SELECT 1",
        2,
        "begin with CREATE MATERIALIZED VIEW",
    ),
    "table": (
        "-- A view.\nCREATE TABLE dashboard.v AS SELECT 1 AS a;\n" + KEY,
        2,
        "a table is kept by days",
    ),
    "other name": (
        VIEW.replace("dashboard.v", "dashboard.w"),
        2,
        "begin with CREATE MATERIALIZED VIEW dashboard.v",
    ),
    "other schema": (VIEW.replace("dashboard.v", "v"), 2, "begin with CREATE MATERIALIZED VIEW dashboard.v"),
    "no data": (VIEW.replace(";", " WITH NO DATA;") + KEY, 2, "with data"),
    "header": (
        VIEW.replace("\nCREATE", "\n-- reads: orders\nCREATE", 1) + KEY,
        2,
        "a view has no header 'reads'",
    ),
    "no index": (VIEW, 2, "needs a unique index on plain columns"),
    "plain index": (VIEW + KEY.replace("UNIQUE", ""), 2, "needs a unique index on plain columns"),
    "on an expression": (
        VIEW + KEY.replace("(a)", "(a, lower(a))"),
        2,
        "needs a unique index on plain columns",
    ),
    "partial": (VIEW + KEY.replace(";", " WHERE a > '';"), 2, "needs a unique index on plain columns"),
    "index elsewhere": (
        VIEW + KEY + KEY.replace("dashboard.v", "shop.orders"),
        5,
        "only its indexes may follow",
    ),
    "foreign statement": (
        VIEW + "\n-- é\n" + KEY + "\nDROP TABLE shop.orders;",
        8,
        "only its indexes may follow",
    ),
    "syntax": (VIEW + "CREATE UNIQUE INDEX ON dashboard.v a", 4, "syntax error"),
    "no columns": (VIEW + KEY + "\nCREATE INDEX ON dashboard.v", 6, "an index has columns"),
    "syntax of the view": (VIEW.replace("AS a", "FORM a b") + KEY, 3, 'syntax error at or near "a"'),
    "parameter": (VIEW.replace("'é'", "\n:a") + KEY, 4, "a view has no parameters"),
    "deletes within WITH": (
        VIEW.replace("SELECT", "WITH gone AS (DELETE FROM shop.orders RETURNING 1) SELECT") + KEY,
        2,
        "one SELECT, which only reads",
    ),
}


@pytest.mark.parametrize(("content", "line", "problem"), BROKEN_VIEWS.values(), ids=BROKEN_VIEWS)
def test_a_broken_view_file_is_named_with_its_line(
    folder: Folder, content: str, line: int, problem: str
) -> None:
    path = folder.write("views/v", content)
    with pytest.raises(CatalogueError) as caught:
        folder.load()
    assert problem in str(caught.value)
    assert str(caught.value).startswith(f"{path}:{line}: ")


def test_a_view_is_taken_apart_into_its_statements(folder: Folder) -> None:
    folder.write("views/v", VIEW + "-- ü;\n" + KEY + "CREATE INDEX ON dashboard.v (lower(a)) WHERE a > 'é'")
    view = folder.load().view("v")
    assert view.title == "A view, é."
    assert view.statements == (
        "CREATE MATERIALIZED VIEW dashboard.v AS\nSELECT 'é' AS a",
        "CREATE UNIQUE INDEX v_key ON dashboard.v (a)",
        "CREATE INDEX ON dashboard.v (lower(a)) WHERE a > 'é'",
    )


def test_a_view_is_cut_at_semicolons_between_its_statements_only(folder: Folder) -> None:
    select = """SELECT 'é;' AS a, $é$;$é$ AS ";", E'\\';' AS c -- ;
  /* ; /* ; */ ; */ FROM shop.orders"""
    folder.write(
        "views/v", f"-- A view.\nCREATE MATERIALIZED VIEW dashboard.v AS {select} /* ü; */;;\n{KEY};"
    )
    view = folder.load().view("v")
    assert view.statements == (f"CREATE MATERIALIZED VIEW dashboard.v AS {select}", KEY.strip(";\n"))
    assert view.reads == ("orders",)


@pytest.mark.parametrize("options", ["WITH (fillfactor = 70)", '("as")'])
def test_a_view_may_have_options_and_say_that_it_has_data(folder: Folder, options: str) -> None:
    folder.write("views/v", VIEW.replace("v AS", f"v {options} AS").replace(";", " WITH DATA;") + KEY)
    assert options in folder.load().view("v").statements[0]


def test_a_key_may_state_order_collation_and_further_columns(folder: Folder) -> None:
    key = KEY.replace("(a)", '(a text_pattern_ops DESC, b COLLATE "C" NULLS FIRST) INCLUDE (c)')
    folder.write("views/v", VIEW + key)
    assert folder.load().view("v").statements[1] == key.strip(";\n")


def test_a_view_has_another_fingerprint_when_its_statements_change_and_only_then(folder: Folder) -> None:
    folder.write("views/v", VIEW + KEY)
    before = folder.load().view("v").definition
    folder.write("views/v", "-- Another comment.\n" + VIEW + KEY)
    assert folder.load().view("v").definition == before
    folder.write("views/v", VIEW + KEY.replace("(a)", "(a DESC)"))
    assert folder.load().view("v").definition != before


def test_views_come_after_the_views_that_they_read(folder: Folder) -> None:
    folder.view("a", reads="dashboard.z")
    folder.view("b", reads="dashboard.a")
    folder.view("c")
    folder.view("z", reads="shop.orders")
    known = folder.load()
    names = [view.name for view in known.views]
    assert names.index("z") < names.index("a") < names.index("b")
    assert known.view("z").reads == ("orders",)
    assert [view.name for view in known.reading({"z"})] == ["z", "a", "b"]
    assert [view.name for view in known.reading({"a", "c"}) if view.name != "c"] == ["a", "b"]
    assert known.reading(set()) == ()
    assert "z" in {view.name for view in known.reading({"orders"})}


def test_views_that_read_each_other_are_named(folder: Folder) -> None:
    folder.view("a", reads="dashboard.b")
    folder.view("b", reads="dashboard.a")
    with pytest.raises(CatalogueError, match=r"views read each other: (a → b → a|b → a → b)"):
        folder.load()


def test_an_unknown_view_is_answered_with_the_known_ones(folder: Folder) -> None:
    folder.view("days")
    with pytest.raises(UnknownQuery, match="no view 'dyas'; there are days"):
        folder.load().view("dyas")
