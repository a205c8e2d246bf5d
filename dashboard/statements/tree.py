"""A plan as rows of a table, each step below the one that it works for."""

from collections.abc import Sequence

import polars as pl

from dashboard.statements.plan import Node, Plan

_INDENT, _BRANCH = "\u2003", "└ "


def tree(plan: Plan, marks: Sequence[str]) -> pl.DataFrame:
    """A row for each node from the top down, with what is to be noticed of it in ``marks``.

    Columns: ``step``, ``marks``, ``conditions`` (String); ``self_ms``, ``share`` of the time of all,
    ``rows_expected``, ``rows``, ``loops``, ``rows_left_out`` (Float64); ``buffer_bytes`` (in PostgreSQL's own memory or
    not), ``read_bytes``, ``disk_bytes`` (Int64). What
    is of a run is null if there was none. Rows are those of all loops.
    """
    rows = [_row(plan, node, mark) for node, mark in zip(plan.nodes, marks, strict=True)]
    return pl.DataFrame(rows, _SCHEMA, orient="row")


def _row(plan: Plan, node: Node, mark: str) -> tuple[object, ...]:
    loops = node.loops if node.loops is not None else 1.0
    is_run = plan.is_measured
    return (
        f"{_INDENT * node.depth}{_BRANCH if node.depth else ''}{_name(node)}",
        mark,
        node.self_ms,
        plan.share(node),
        node.rows_expected * max(loops, 1.0),
        None if node.rows is None else node.rows * loops,
        node.loops,
        node.rows_left_out if is_run else None,
        node.hit_bytes + node.read_bytes if is_run else None,
        node.read_bytes if is_run else None,
        node.disk_bytes if is_run else None,
        "; ".join(f"{kind}: {text}" for kind, text in node.conditions),
    )


def _name(node: Node) -> str:
    on = f" on {node.table}" if node.table else ""
    by = f" by {node.index}" if node.index else ""
    known_as = node.table.rpartition(".")[2] if node.table else None
    alias = f" ({node.alias})" if node.alias and node.table and node.alias != known_as else ""
    return f"{node.kind}{on}{alias}{by}"


_SCHEMA = {
    "step": pl.String,
    "marks": pl.String,
    "self_ms": pl.Float64,
    "share": pl.Float64,
    "rows_expected": pl.Float64,
    "rows": pl.Float64,
    "loops": pl.Float64,
    "rows_left_out": pl.Float64,
    "buffer_bytes": pl.Int64,
    "read_bytes": pl.Int64,
    "disk_bytes": pl.Int64,
    "conditions": pl.String,
}
