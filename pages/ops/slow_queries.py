"""Which statements are slow or fail, what all of them cost PostgreSQL, and how it goes about one."""

from functools import partial

import streamlit as st

from dashboard import advice, app, filters, statements, ui
from dashboard.measures import Column
from dashboard.notation import Format
from dashboard.settings import settings
from dashboard.statements import Period, Subject

PERIODS = {
    "day": ("24 hours", Period(24)),
    "hour": ("Hour", Period(1)),
    "week": ("7 days", Period(168)),
    "all": ("Since reset", Period(336, is_since_reset=True)),
    "between": ("Between two moments", Period(336)),
}
ORDERS = {
    "total_seconds": "Total time",
    "mean_ms": "Mean time",
    "calls": "Calls",
    "rows": "Rows",
    "buffer_bytes": "Buffers",
    "read_bytes": "Read",
    "spilled_bytes": "Spilled",
}
BUFFERS = "Blocks that were looked at, in PostgreSQL's own memory or read; one counts each time."
READ = "From outside of PostgreSQL's own memory."
SLOW = (
    Column("finished_at", "Finished"),
    Column("query", "Query"),
    Column("total_seconds", "Took", Format.SECONDS),
    Column("wait_seconds", "Waited", Format.SECONDS, definition="For a place and a connection."),
    Column("run_seconds", "Ran", Format.SECONDS, definition="In PostgreSQL, until its rows were here."),
    Column("rows", "Rows", Format.COUNT),
    Column("asker", "For"),
    Column("outcome", "Outcome"),
    Column("parameters", "Parameters"),
    Column("error", "Error"),
)
COUNTED = (
    Column("statement", "Statement"),
    Column("total_seconds", "Total", Format.SECONDS),
    Column("share", "Share", Format.SHARE, definition="Of the time of all statements in this database."),
    Column("mean_ms", "Mean", Format.MILLISECONDS),
    Column("calls", "Calls", Format.COUNT),
    Column("rows", "Rows", Format.COUNT),
    Column("buffer_bytes", "Buffers", Format.BYTES, definition=BUFFERS),
    Column("read_bytes", "Read", Format.BYTES, definition=READ),
    Column("hit_share", "In memory", Format.SHARE, definition="Blocks that were in PostgreSQL's own memory."),
    Column(
        "spilled_bytes", "Spilled", Format.BYTES, definition="Sorted or hashed on disk, for want of work_mem."
    ),
    Column("users", "User"),
)
STEPS = (
    Column("step", "Step"),
    Column("marks", "Notice"),
    Column("self_ms", "Own time", Format.MILLISECONDS),
    Column("share", "Share", Format.SHARE),
    Column("rows", "Rows", Format.COUNT),
    Column("rows_expected", "Expected", Format.COUNT),
    Column("rows_left_out", "Left out", Format.COUNT, definition="Rows that its condition took away."),
    Column("buffer_bytes", "Buffers", Format.BYTES, definition=BUFFERS),
    Column("read_bytes", "Read", Format.BYTES, definition=READ),
    Column(
        "disk_bytes",
        "On disk",
        Format.BYTES,
        definition="Sorted, hashed or held there, for want of work_mem.",
    ),
    Column("conditions", "Conditions"),
)
MANY_LINES, TALL_PX = 20, 420
DIGITS = 9  # of a snapshot's number
NO_HINTS = """
Hints such as `/*+ … */` are not offered: plain PostgreSQL takes them for comments. Nor is `SET enable_nestloop = off`:
it stays with a pooled connection, and so reaches whoever gets that next. To help one query, write a line
`-- set: work_mem=64MB` into the header of its file: it holds for the transaction of this one statement.
"""


def pick(kind: str, numbers: list[object], row: int) -> None:
    filters.ask(plan=f"{kind}:{numbers[row]}")


def chosen() -> Period:
    name = filters.choice("period", "Time", {name: label for name, (label, _) in PERIODS.items()})
    period = PERIODS[name][1]
    if name != "between":
        return period
    return Period(period.hours, said("after"), said("through"))


def said(edge: str) -> int | None:
    """The snapshot that the URL names for an edge of the time."""
    text = st.query_params.get(edge, "")
    return int(text) if text.isdecimal() and len(text) <= DIGITS else None


def only(query: str) -> None:
    if query:
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.caption(f":material/filter_alt: Only {ui.escaped(query)} is shown.", width="content")
            st.button("All queries", type="tertiary", on_click=filters.ask, kwargs={"query": "", "plan": ""})


def choose(edge: str) -> None:
    filters.ask(**{edge: str(st.session_state[f"choice of {edge}"])})


def moments(taken: dict[int, str]) -> None:
    """Between which snapshots; without a choice, all of the time that they cover."""
    with st.container(horizontal=True):
        for edge, label in (("after", "From"), ("through", "To")):
            ids, named = [*taken], said(edge)
            first = ids[-1] if edge == "after" else ids[0]
            st.selectbox(
                label,
                ids,
                index=ids.index(named if named in taken else first),
                format_func=taken.__getitem__,
                key=f"choice of {edge}",
                on_change=choose,
                args=(edge,),
            )


def subject_of(asked: str) -> None:
    subject = statements.subject(app.process_data().database, asked)
    ui.line(advice.subject_line(subject))
    height = TALL_PX if subject.sql.count("\n") > MANY_LINES else None
    st.code(subject.sql.strip(), language="sql", wrap_lines=True, height=height)
    if st.button("Measure its plan" if subject.values is not None else "Show its plan", type="primary"):
        plan_of(subject)


def plan_of(subject: Subject) -> None:
    with ui.guarded():
        with st.spinner("PostgreSQL is asked for the plan …"):
            explained = statements.explain(app.process_data().database, subject)
        for verdict in advice.plan(now, explained):
            ui.verdict(verdict)
        ui.line(advice.plan_line(now, explained))
        steps = statements.tree(explained.plan, advice.marks(explained.plan))
        ui.table(steps, STEPS, alt="The plan, step by step.")


query = st.query_params.get("query", "")
app.while_waiting()  # what is looked at may be slow
found = None
with st.container(horizontal=True, vertical_alignment="center"):
    period = chosen()
with ui.guarded():
    found = statements.read(app.process_data().database, period, query)
if found is None:
    st.stop()
now = advice.Now(found.now, app.notation())

for verdict in advice.statements(now, found, settings().slow_statement_seconds):
    ui.verdict(verdict)
only(query)

with ui.card("Slow and failed statements", help=advice.slow_help(now, settings().slow_statement_seconds)):
    last = found.last.get()
    picked = partial(pick, "slow", last["statement_id"].to_list())
    ui.table(last, SLOW, "The last slow statements.", "None in this time.", "slow statements", picked)

with ui.card(
    "What PostgreSQL ran", help="By pg_stat_statements: all statements in this database, of all users."
):
    counted = found.counted.get()
    ui.line(advice.counted_line(now, counted))
    if st.query_params.get("period") == "between" and not counted.snapshots.is_empty():
        taken = dict(counted.snapshots.iter_rows())
        moments({number: ui.exact(at) for number, at in taken.items()})
    by = filters.choice("order", "Order", ORDERS)
    rows = statements.ordered(counted, by)
    picked = partial(pick, "statement", rows["queryid"].to_list())
    ui.table(rows, COUNTED, "Statements that PostgreSQL counted.", "Nothing is known yet.", "counted", picked)

with ui.card("Plan", help="How PostgreSQL goes about a statement, and what that takes."):
    if asked := st.query_params.get("plan", statements.planned_first(query)):
        with ui.guarded():
            subject_of(asked)
    else:
        st.caption("Choose a row in a table above, at its left edge.")
    st.caption(NO_HINTS)
