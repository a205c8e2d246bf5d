"""Plans as PostgreSQL writes them, and what is to be said of them. Real ones are in tests/integration."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dashboard import advice, statements
from dashboard.advice import Level, Now
from dashboard.notation import Notation
from dashboard.statements import Explained, Plan, Table
from dashboard.statements.plan import parse

MOMENT = datetime(2025, 3, 20, 12, tzinfo=UTC)
NOW = Now(MOMENT, Notation("en_US", "BRL"))


def node(kind: str, ms: float = 1.0, loops: float = 1, **more: Any) -> dict[str, Any]:
    """A node that was measured; names with ``_`` for spaces."""
    facts = {"Plan Rows": 1, "Actual Rows": 1, "Actual Total Time": ms, "Actual Loops": loops}
    return {"Node Type": kind} | facts | {name.replace("_", " "): value for name, value in more.items()}


def plan(top: dict[str, Any], **more: Any) -> Plan:
    return parse([{"Plan": top, "Planning Time": 0.2, "Execution Time": top.get("Actual Total Time")} | more])


def own_ms(top: dict[str, Any]) -> list[float | None]:
    return [one.self_ms for one in plan(top).nodes]


class TestTimes:
    def test_own_time_is_without_what_lies_below_in_all_loops(self) -> None:
        inner = node("Index Scan", ms=2, loops=10)
        assert own_ms(node("Nested Loop", ms=50, Plans=[node("Seq Scan", ms=5), inner])) == [25, 5, 20]

    def test_parallel_workers_share_the_time(self) -> None:
        scan = node("Seq Scan", ms=30, loops=3)
        gather = node("Gather", ms=40, Workers_Launched=2, Plans=[scan])
        assert own_ms(gather) == [10, 30]

    def test_a_common_table_runs_where_it_is_read(self) -> None:
        common = node("Seq Scan", ms=30, Subplan_Name="CTE days", Parent_Relationship="InitPlan")
        reading = node("CTE Scan", ms=40, CTE_Name="days")
        assert own_ms(node("Aggregate", ms=45, Plans=[common, reading])) == [5, 30, 10]

    def test_blocks_are_those_of_the_step_alone(self) -> None:
        common = node("Seq Scan", Subplan_Name="CTE days", Shared_Hit_Blocks=10, Shared_Read_Blocks=5)
        reading = node("CTE Scan", CTE_Name="days", Shared_Hit_Blocks=10, Shared_Read_Blocks=5)
        inner = node("Index Scan", Shared_Hit_Blocks=7)
        whole = plan(
            node("Nested Loop", Shared_Hit_Blocks=18, Shared_Read_Blocks=5, Plans=[common, reading, inner])
        )
        assert [one.hit_bytes for one in whole.nodes] == [8_192, 81_920, 0, 57_344]
        assert [one.read_bytes for one in whole.nodes] == [0, 40_960, 0, 0]
        rows = statements.tree(whole, [""] * 4)
        assert rows["buffer_bytes"].to_list() == [8_192, 122_880, 0, 57_344]

    def test_what_is_never_run_takes_nothing(self) -> None:
        never = plan(node("Append", Plans=[node("Seq Scan", ms=0, loops=0)])).nodes[1]
        assert never.is_never_run
        assert (never.self_ms, never.factor) == (0, None)

    def test_a_plan_that_was_not_measured_has_none(self) -> None:
        told = plan({"Node Type": "Result", "Plan Rows": 1})
        assert not told.is_measured
        assert told.nodes[0].self_ms is told.nodes[0].rows is told.share(told.nodes[0]) is None


@pytest.mark.parametrize("told", [[], [{}], [{"Plan": {}}], [1], {"Plan": 1}, [{"Plan": {"Node Type": "X"}}]])
def test_what_is_no_plan_is_told(told: Any) -> None:
    with pytest.raises(ValueError, match="plan"):
        parse(told)


def test_tree_shows_each_step_below_the_one_it_works_for() -> None:
    scan = node("Seq Scan", ms=8, Schema="shop", Relation_Name="orders", Alias="o", Filter="(a > 1)")
    whole = plan(node("Aggregate", ms=10, Strategy="Hashed", Disk_Usage=100, Plans=[scan]))
    rows = statements.tree(whole, advice.marks(whole))
    assert rows["step"].to_list() == ["Hash Aggregate", "\u2003└ Seq Scan on shop.orders (o)"]
    assert rows["marks"].to_list() == ["on disk", "costly"]
    assert rows["conditions"].to_list() == ["", "Filter: (a > 1)"]
    assert rows["share"].to_list() == [0.2, 0.8]


def told(top: dict[str, Any], **chosen: Any) -> list[advice.Verdict]:
    facts = {
        "rows": 100_000.0,
        "analyzed_at": MOMENT - timedelta(hours=1),
        "changed_rows": 0,
        "indexed": ("at",),
    }
    table = Table(name="shop.orders", **facts | chosen)
    return advice.plan(NOW, Explained(plan(top), {table.name: table}, "", "business/x"))


def scan(filter: str = "", **more: Any) -> dict[str, Any]:
    facts = {"Schema": "shop", "Relation_Name": "orders", "Alias": "orders", "Filter": filter}
    return node("Seq Scan", **facts | more)


class TestAdvice:
    def test_nothing_stands_out(self) -> None:
        assert [verdict.level for verdict in told(node("Result"))] == [Level.GOOD]

    def test_hash_in_batches_needs_memory(self) -> None:
        [verdict] = told(node("Hash", Hash_Batches=4, Peak_Memory_Usage=4096))
        assert "wrote 13 MB to disk" in verdict.finding
        assert "`-- set: work_mem=64MB` into the header of queries/business/x.sql" in verdict.advice

    def test_rows_that_are_held_on_disk_need_memory(self) -> None:
        held = node("Materialize", Temp_Written_Blocks=2_000, Plans=[node("Seq Scan")])
        [verdict] = told(node("Nested Loop", Temp_Written_Blocks=2_000, Plans=[held]))
        assert verdict.finding.startswith("Materialize needed more memory")

    @pytest.mark.parametrize(
        ("filter", "columns"),
        [
            ("(orders.kind = 'rare'::text)", "kind"),
            ("((orders.id > 10) AND ((orders.kind)::text = 'rare'::text))", "kind, id"),
            ('("Kind" IS NULL)', '"Kind"'),
            ("(orders.kind = ANY ('{a,b}'::text[]))", "kind"),
            ("((orders.id > 10) AND (orders.id <= 20) AND (orders.kind IS NULL))", "kind, id"),
            ("((orders.a = 1) AND ((orders.b = 2) OR (orders.c = 3)))", "a"),
            ("((10 < orders.id) AND (NOT (hashed SubPlan 1)))", "id"),
        ],
    )
    def test_selective_scan_wants_an_index(self, filter: str, columns: str) -> None:
        [verdict] = told(scan(filter, **{"Rows_Removed_by_Filter": 50_000}))
        assert f"`CREATE INDEX CONCURRENTLY ON shop.orders ({columns});`" in verdict.advice

    @pytest.mark.parametrize(
        ("filter", "left_out"),
        [
            ("(orders.kind = 'a'::text)", 500),
            ("(orders.at > '2017-01-01'::date)", 50_000),
            ("(orders.kind <> 'a'::text)", 50_000),
            ("(orders.sent > orders.promised)", 50_000),
            ("((orders.kind = 'a'::text) OR (orders.id = 1))", 50_000),
            ("((orders.sent)::date = '2018-01-01'::date)", 50_000),
            ("(orders.kind IS NOT NULL)", 50_000),
            ("(orders.kind ~~ '%a%'::text)", 50_000),
        ],
    )
    def test_few_rows_an_index_that_is_there_and_differences_want_none(
        self, filter: str, left_out: int
    ) -> None:
        [verdict] = told(scan(filter, **{"Rows_Removed_by_Filter": left_out}))
        assert verdict.level is Level.GOOD

    @pytest.mark.parametrize(
        ("filter", "said"),
        [
            ("(date_trunc('month'::text, orders.at) = '2018-01-01'::timestamp)", "date_trunc() of it"),
            ("((orders.at)::date = '2018-01-01'::date)", "a cast to date of it"),
            ("('2018-01-01'::date = (orders.at)::date)", "a cast to date of it"),
            ("(EXTRACT(year FROM orders.at) = '2018'::numeric)", "extract() of it"),
            ("(to_char(orders.at, 'YYYY-MM'::text) = '2018-01'::text)", "to_char() of it"),
            ("(upper(orders.at) ~~ 'X%'::text)", "upper() of it"),
            ("(abs(orders.at) = ANY ('{1,2}'::integer[]))", "abs() of it"),
            ("(lower(TRIM(BOTH FROM orders.at)) = 'x'::text)", "lower() of it"),
            ("(COALESCE(orders.at, ''::text) = $1)", "coalesce() of it"),
            ("((orders.at + '1 day'::interval) < '2018-01-01'::timestamp)", "what is computed from it"),
            ("((lower(orders.at) = 'x'::text) AND (NOT (hashed SubPlan 1)))", "lower() of it"),
            ("((orders.at)::date >= (InitPlan 1).col1)", "a cast to date of it"),
        ],
    )
    def test_a_function_hides_a_column_from_its_index(self, filter: str, said: str) -> None:
        assert said in told(scan(filter, **{"Rows_Removed_by_Filter": 50_000}))[0].finding

    def test_what_is_sorted_below_a_limit_is_read_to_its_end(self) -> None:
        below = scan(Plan_Rows=50_000, Actual_Rows=100, Parent_Relationship="Outer")
        assert told(node("Limit", Plans=[below]))[0].level is Level.GOOD
        whole = node("Limit", Plans=[node("Sort", Plans=[below])])
        assert "expected 50,000 rows of shop.orders and got 100" in told(whole)[0].finding

    @pytest.mark.parametrize(
        "filter",
        [
            "(lower(orders.at) = lower(others.at))",
            "(orders.at = lower('X'::text))",
            "(lower(orders.at) <> 'x'::text)",
            "(lower(orders.b) = 'x'::text)",
            "((orders.v)::text = 'x'::text)",
            "(no sql at all",
        ],
    )
    def test_what_no_index_would_serve_or_one_does_is_not_told(self, filter: str) -> None:
        top = scan(filter, Rows_Removed_by_Filter=50_000)
        found = told(top, indexed=("at", "v"), varchars=("v",))
        assert not [verdict for verdict in found if "of no use" in verdict.finding]

    def test_a_function_on_what_most_rows_pass_hides_nothing(self) -> None:
        top = scan("((orders.at)::date > '1970-01-01'::date)", Actual_Rows=50_000, Plan_Rows=50_000)
        assert [verdict.level for verdict in told(top)] == [Level.GOOD]

    @pytest.mark.parametrize(
        ("filter", "chosen", "said"),
        [
            ("", {"analyzed_at": None}, "run `ANALYZE shop.orders;`"),
            ("", {"changed_rows": 50_000}, "50,000 rows changed since its statistics were made"),
            ("((orders.a = 1) AND (orders.b = 2))", {}, "CREATE STATISTICS ON a, b FROM shop.orders"),
            ("(orders.a = 1)", {}, "ALTER a SET STATISTICS"),
        ],
    )
    def test_misestimate(self, filter: str, chosen: dict[str, Any], said: str) -> None:
        top = scan(filter, Actual_Rows=20_000)
        assert "expected 1 row of shop.orders and got 20,000" in told(top, **chosen)[0].finding
        assert said in told(top, **chosen)[0].advice
