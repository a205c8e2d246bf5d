"""What a plan could do better, from its nodes."""

import re
from collections.abc import Iterator

from dashboard import statements
from dashboard.advice.verdict import Level, Now, Verdict, listed
from dashboard.notation import Format
from dashboard.statements import Explained, Node, Plan, Table

COSTLY = 0.25
"""A node with this part of the time of all is where to look first."""
LEAST_MS = 1.0
"""Less than that is costly in no plan."""
FAR_OFF = 10.0
"""An expectation of rows that is off by this factor makes PostgreSQL choose badly."""
MANY_ROWS = 1_000
"""Of fewer rows, neither a bad expectation nor a missing index matters."""
SELECTIVE = 0.1
"""A filter that keeps at most this part of the rows of a table is worth an index."""
MUCH_CHANGED = 0.1
"""Statistics are old if this part of a table changed since."""

_MEGABYTE = 1 << 20
_IN_MEMORY = 3  # times what a sort takes on disk
_MOST_MEMORY_MB = 1_024

_NAME = r'(?:(?:\w+|"[^"]+")\.)?(\w+|"[^"]+")'
_PLAIN = re.compile(rf"\(\(?{_NAME}\)?(?:::[\w ]+)? (=|<>|<=|>=|<|>|~~|IS NOT NULL|IS NULL)(?=[ )])")


def is_far_off(node: Node) -> bool:
    """Whether PostgreSQL expected quite another number of rows of a node, and there are enough for it to matter."""
    if node.may_be_cut and (node.rows or 0.0) < node.rows_expected:
        return False
    rows = max(node.rows or 0.0, node.rows_expected) * (node.loops or 1)
    return (node.factor or 1.0) >= FAR_OFF and rows >= MANY_ROWS


def marks(of: Plan) -> list[str]:
    """What is to be noticed of each node, in its order; empty where nothing is."""
    return [", ".join(_marks(of, node)) for node in of.nodes]


def _marks(of: Plan, node: Node) -> Iterator[str]:
    if (of.share(node) or 0.0) >= COSTLY and (node.self_ms or 0.0) >= LEAST_MS:
        yield "costly"
    if is_far_off(node):
        yield f"{node.factor or 1.0:,.0f} times {'more' if (node.rows or 0) > node.rows_expected else 'fewer'} rows"
    if node.disk_bytes:
        yield "on disk"
    if node.is_never_run:
        yield "never run"


def plan_line(now: Now, told: Explained) -> str:
    """What the plan took, and which settings it was made under."""
    made = told.plan
    parts = [told.note] if told.note else []
    if made.execution_ms is not None:
        parts.append(f"It ran for {_ms(now, made.execution_ms)}.")
    if made.planning_ms is not None:
        parts.append(f"Planning took {_ms(now, made.planning_ms)}.")
    if made.settings:
        parts.append(f"Settings: {', '.join(f'{name} {value}' for name, value in made.settings)}.")
    return " ".join(parts)


def _ms(now: Now, milliseconds: float) -> str:
    return now.notation.duration(milliseconds / 1_000) if milliseconds >= LEAST_MS else "less than 1 ms"


def plan(now: Now, told: Explained) -> list[Verdict]:
    """What could be better, the most important first; one good verdict if nothing is found."""
    found = [
        *_spills(now, told),
        *_functions(told),
        *_scans(now, told),
        *_misestimates(now, told),
    ]
    if found:
        return list(dict.fromkeys(found))
    if not told.plan.is_measured:
        return [
            Verdict(Level.NOTE, "What this costs is only expected: the statement was not run.", told.note)
        ]
    return [Verdict(Level.GOOD, "Nothing in this plan stands out.")]


def _spills(now: Now, told: Explained) -> Iterator[Verdict]:
    spilled = [node for node in told.plan.nodes if node.disk_bytes]
    if not spilled:
        return
    worst = max(spilled, key=lambda node: node.disk_bytes)
    written = now.notation.exact(max(1, round(worst.disk_bytes / 1e6)), Format.COUNT)
    had = dict(told.plan.settings).get("work_mem")
    yield Verdict(
        Level.WARNING,
        f"{worst.kind} needed more memory than `work_mem` grants{f' ({had})' if had else ''}, and wrote {written} MB "
        "to disk.",
        _more_memory(told, f"{_memory_mb(worst.disk_bytes)}MB"),
    )


def _more_memory(told: Explained, size: str) -> str:
    if told.query is None:
        return f"It is in no query file: whoever runs it may `SET LOCAL work_mem = '{size}'` before."
    file = f"queries/{told.query}.sql"
    return f"Write `-- set: work_mem={size}` into the header of {file}: it holds for this statement alone."


def _memory_mb(disk_bytes: int) -> int:
    """The power of two that holds in memory what was on disk."""
    needed = 8
    while needed * _MEGABYTE < disk_bytes * _IN_MEMORY and needed < _MOST_MEMORY_MB:
        needed *= 2
    return needed


def _functions(told: Explained) -> Iterator[Verdict]:
    """Conditions that no index serves, though there is one on their column."""
    for node in told.plan.nodes:
        table = told.tables.get(node.table or "")
        if table is None or "Seq Scan" not in node.kind:
            continue
        kept, seen = _kept(node), _scanned(node, table)
        if seen < MANY_ROWS or kept / seen > SELECTIVE:
            continue
        for column, what, is_cast_to_text in statements.wrapped(node.condition("Filter")):
            name = column.strip('"')
            # As text, an index on a varchar serves.
            if name in table.indexed and not (is_cast_to_text and name in table.varchars):
                yield Verdict(
                    Level.WARNING,
                    f"The index on {column} of {table.name} is of no use here: the condition is about {what}.",
                    f"Compare {column} itself, for a range of its values, or index the expression.",
                )


def _scans(now: Now, told: Explained) -> Iterator[Verdict]:
    for node in told.plan.nodes:
        table = told.tables.get(node.table or "")
        if table is None or "Seq Scan" not in node.kind:
            continue
        kept, seen = _kept(node), _scanned(node, table)
        columns = _columns(node.condition("Filter"), table)
        if seen < MANY_ROWS or kept / seen > SELECTIVE or not columns:
            continue
        write = now.notation.exact
        yield Verdict(
            Level.WARNING,
            f"All {write(round(seen), Format.COUNT)} rows of {table.name} are looked at for the "
            f"{write(round(kept), Format.COUNT)} that pass {listed(columns)}.",
            f"If it is asked often, an index would help: "
            f"`CREATE INDEX CONCURRENTLY ON {table.name} ({', '.join(columns)});`. Each write of the table would "
            "cost a little more.",
        )


def _scanned(node: Node, table: Table) -> float:
    """Rows that a scan looked at, or would."""
    return table.rows if node.rows is None else _kept(node) + node.rows_left_out


def _kept(node: Node) -> float:
    return node.rows_expected if node.rows is None else node.rows * max(node.loops or 0.0, 1.0)


def _columns(text: str, table: Table) -> list[str]:
    """Those for an index that would serve a condition; none if one that is there begins as it would."""
    columns = statements.compared(text)
    return [] if columns and columns[0].strip('"') in table.indexed else columns


def _misestimates(now: Now, told: Explained) -> Iterator[Verdict]:
    """Of those that are off, the lowest: those above it follow from it."""
    off = [node for node in told.plan.nodes if is_far_off(node)]
    lowest = [node for node in off if node.table in told.tables] or off[-1:]
    for node in lowest[:2]:
        table = told.tables.get(node.table or "")
        write = now.notation.exact
        where = f" of {table.name}" if table else f" of {node.kind}"
        finding = (
            f"PostgreSQL expected {now.counted(round(node.rows_expected), 'row')}{where} and got "
            f"{write(round(node.rows or 0), Format.COUNT)}: such plans are built on sand."
        )
        yield Verdict(Level.WARNING, finding, _better_statistics(now, node, table))


def _better_statistics(now: Now, node: Node, table: Table | None) -> str:
    if table is None:
        return "Run `ANALYZE` on the tables below it, and look again."
    if table.analyzed_at is None:
        return f"It has no statistics: run `ANALYZE {table.name};`."
    if table.changed_rows > MUCH_CHANGED * max(table.rows, 1.0):
        changed = now.counted(table.changed_rows, "row")
        made = now.ago(table.analyzed_at)
        return f"{changed} changed since its statistics were made {made}: run `ANALYZE {table.name};`."
    texts = (text for _, text in node.conditions)
    columns = list(dict.fromkeys(column for text in texts for column, _ in _PLAIN.findall(text)))
    if len(columns) > 1:
        return (
            "Its statistics are new, so its columns probably depend on each other: "
            f"`CREATE STATISTICS ON {', '.join(columns)} FROM {table.name};`, with a name before PostgreSQL 16, then "
            f"`ANALYZE {table.name};`."
        )
    alter = f"ALTER TABLE {table.name} ALTER {columns[0] if columns else '…'} SET STATISTICS 1000;"
    return f"Its statistics are new; more detailed ones may help: `{alter}`, then `ANALYZE {table.name};`."
