"""A plan of PostgreSQL's, from its JSON: what each node does, expects and costs. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_BLOCK_BYTES = 8_192
_KB = 1_024
_CONDITIONS = ("Index Cond", "Recheck Cond", "Hash Cond", "Merge Cond", "Join Filter", "Filter")
_JOINED = {"Inner": "", "Left": "Left ", "Full": "Full ", "Right": "Right ", "Semi": "Semi ", "Anti": "Anti "}
# These read all before they give a row. An aggregate does, too, unless it is of sorted groups.
_READS_ALL = ("Sort", "Hash", "Bitmap Heap Scan", "SetOp")
_STRATEGIES = {"Hashed": "Hash ", "Sorted": "Group ", "Mixed": "Mixed "}


@dataclass(frozen=True, slots=True)
class Node:
    """A step of a plan. Of a plan that was not measured, what is of a run is None.

    ``table`` is ``schema.name``. ``rows_expected`` and ``rows`` are those that it gives in one of its ``loops``, and
    ``rows_left_out`` those that its filter took away, in all of them. ``self_ms`` is its own time, without that of
    the nodes below it, by the clock: of what parallel workers did at the same time, the mean. So are ``hit_bytes``, of
    blocks in PostgreSQL's own memory, and ``read_bytes``, of those that were not there. ``disk_bytes`` is what it
    sorted, hashed or held on disk, for want of ``work_mem``. One that ``may_be_cut`` may have been asked for no more
    rows than the nodes above it wanted, as by a LIMIT: that these are fewer than expected says nothing.
    """

    kind: str
    depth: int
    table: str | None
    alias: str | None
    index: str | None
    conditions: tuple[tuple[str, str], ...]
    rows_expected: float
    rows: float | None
    loops: float | None
    rows_left_out: float
    total_ms: float | None
    self_ms: float | None
    hit_bytes: int
    read_bytes: int
    disk_bytes: int
    may_be_cut: bool

    @property
    def is_never_run(self) -> bool:
        return self.loops == 0

    @property
    def factor(self) -> float | None:
        """How far the expected number of rows is off, as a factor of at least 1; None if nothing was measured."""
        if self.rows is None or not self.loops:
            return None
        more, less = max(self.rows, self.rows_expected), min(self.rows, self.rows_expected)
        return max(more, 1.0) / max(less, 1.0)

    def condition(self, kind: str) -> str:
        """The text of one of its conditions, as ``Filter``; empty without it."""
        return dict(self.conditions).get(kind, "")


@dataclass(frozen=True, slots=True)
class Plan:
    """``nodes`` from the top down, each before those below it. Times are in milliseconds."""

    nodes: tuple[Node, ...]
    is_measured: bool
    planning_ms: float | None
    execution_ms: float | None
    settings: tuple[tuple[str, str], ...]

    @property
    def tables(self) -> tuple[str, ...]:
        """``schema.name`` of each table that is looked at, once."""
        return tuple(dict.fromkeys(node.table for node in self.nodes if node.table))

    def share(self, node: Node) -> float | None:
        """The node's own part of the time of all nodes."""
        total = sum(one.self_ms or 0.0 for one in self.nodes)
        return None if node.self_ms is None or not total else node.self_ms / total


def parse(told: Sequence[Mapping[str, Any]]) -> Plan:
    """A plan from what ``EXPLAIN (FORMAT JSON)`` gives, measured or not. Raises ValueError for anything else."""
    try:
        whole = told[0]
        top = whole["Plan"]
        nodes = tuple(_walked(top, 0, 1.0, _common(top), may_be_cut=False))
    except (IndexError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"This is no plan of PostgreSQL's: {error!r} is not as it should be.") from error
    return Plan(
        nodes=nodes,
        is_measured="Actual Loops" in top,
        planning_ms=whole.get("Planning Time"),
        execution_ms=whole.get("Execution Time"),
        settings=tuple((str(name), str(value)) for name, value in whole.get("Settings", {}).items()),
    )


def _walked(
    told: Mapping[str, Any],
    depth: int,
    workers: float,
    common: Mapping[str, Mapping[str, Any]],
    *,
    may_be_cut: bool,
) -> Iterator[Node]:
    """The node and those below it; ``workers`` are the processes among which its loops are spread."""
    below = told.get("Plans", [])
    within = told["Workers Launched"] + 1.0 if told.get("Workers Launched") else workers
    total_ms = _total_ms(told, workers)
    yield Node(
        kind=_kind(told),
        depth=depth,
        table=f"{told['Schema']}.{told['Relation Name']}"
        if "Schema" in told and "Relation Name" in told
        else None,
        alias=told.get("Alias"),
        index=told.get("Index Name"),
        conditions=tuple((name, str(told[name])) for name in _CONDITIONS if name in told),
        rows_expected=float(told["Plan Rows"]),
        rows=told.get("Actual Rows"),
        loops=told.get("Actual Loops"),
        rows_left_out=_left_out(told),
        total_ms=total_ms,
        self_ms=None if total_ms is None else max(0.0, total_ms - _below_ms(told, within, common)),
        hit_bytes=_own_bytes(told, "Shared Hit Blocks", common),
        read_bytes=_own_bytes(told, "Shared Read Blocks", common),
        disk_bytes=_disk_bytes(told, common),
        may_be_cut=may_be_cut,
    )
    for one in below:
        is_cut = _may_cut(told, one, may_be_cut=may_be_cut)
        yield from _walked(one, depth + 1, within, common, may_be_cut=is_cut)


def _may_cut(told: Mapping[str, Any], below: Mapping[str, Any], *, may_be_cut: bool) -> bool:
    """Whether a node may want no more rows of one below it, though there are some."""
    kind, relation = told["Node Type"], below.get("Parent Relationship")
    if relation in ("InitPlan", "SubPlan") or kind in ("Limit", "Merge Join"):
        return True
    if kind == "Nested Loop" and relation == "Inner":
        is_one_enough = told.get("Inner Unique") or told.get("Join Type") in ("Semi", "Anti")
        return bool(is_one_enough) or may_be_cut
    is_reading_all = kind in _READS_ALL or (kind == "Aggregate" and told.get("Strategy") != "Sorted")
    return may_be_cut and not is_reading_all


def _total_ms(told: Mapping[str, Any], workers: float) -> float | None:
    """Of all loops together, with the nodes below it; None if it was not measured."""
    if "Actual Total Time" not in told:
        return None
    loops = told.get("Actual Loops", 1)
    return float(told["Actual Total Time"] * max(loops / workers, 1.0 if loops else 0.0))


def _below_ms(told: Mapping[str, Any], workers: float, common: Mapping[str, Mapping[str, Any]]) -> float:
    """What the nodes below took, of the time of this one."""
    taken = sum(_total_ms(one, workers) or 0.0 for one in _below(told))
    read = common.get(told.get("CTE Name", ""))
    return taken + (_total_ms(read, 1.0) or 0.0 if read else 0.0)


def _own_bytes(told: Mapping[str, Any], blocks: str, common: Mapping[str, Mapping[str, Any]]) -> int:
    """Of blocks that the node counted, without those of the nodes below it."""
    read = common.get(told.get("CTE Name", ""), {})
    others = sum(one.get(blocks, 0) for one in (*_below(told), read))
    return max(0, int(told.get(blocks, 0) - others)) * _BLOCK_BYTES


def _below(told: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The nodes that run within this one: a CTE runs when it is read, not where it is written."""
    return (one for one in told.get("Plans", []) if not _is_common(one))


def _common(told: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The CTEs, by their names."""
    found = {str(told["Subplan Name"]).removeprefix("CTE "): told} if _is_common(told) else {}
    for one in told.get("Plans", []):
        found |= _common(one)
    return found


def _is_common(told: Mapping[str, Any]) -> bool:
    return str(told.get("Subplan Name", "")).startswith("CTE ")


def _left_out(told: Mapping[str, Any]) -> float:
    removed = sum(
        told.get(f"Rows Removed by {what}", 0) for what in ("Filter", "Join Filter", "Index Recheck")
    )
    return float(removed * max(told.get("Actual Loops", 1), 1))


def _kind(told: Mapping[str, Any]) -> str:
    kind = str(told["Node Type"])
    if kind == "Aggregate":
        kind = _STRATEGIES.get(str(told.get("Strategy")), "") + kind
        kind = {"Partial": "Partial ", "Finalize": "Finalize "}.get(str(told.get("Partial Mode")), "") + kind
    elif joined := _JOINED.get(str(told.get("Join Type", "Inner"))):
        kind = f"{joined}{kind}" if kind.endswith("Join") else f"{kind} ({joined.strip()})"
    return f"Parallel {kind}" if told.get("Parallel Aware") and not kind.startswith("Parallel") else kind


def _disk_bytes(told: Mapping[str, Any], common: Mapping[str, Mapping[str, Any]]) -> int:
    """What did not fit into ``work_mem``: of a sort, of a hash that came in several batches, of groups, of rows held.

    A sort writes its rows more than once, and what a join writes is told by its hash.
    """
    workers = told.get("Workers", [])
    sorted_kb = sum(
        one.get("Sort Space Used", 0) for one in (told, *workers) if one.get("Sort Space Type") == "Disk"
    )
    grouped_kb = sum(one.get("Disk Usage", 0) for one in (told, *workers))
    batches = told.get("Hash Batches", 1)
    hashed_kb = told.get("Peak Memory Usage", 0) * (batches - 1) if batches > 1 else 0
    found = int((sorted_kb + grouped_kb + hashed_kb) * _KB)
    return found or (
        _own_bytes(told, "Temp Written Blocks", common) if told["Node Type"] != "Hash Join" else 0
    )
