"""Is the database well; which indexes does it lack or have too many of, and who waits for whom?"""

import streamlit as st

from dashboard import advice, app, database_state, filters, ui
from dashboard.database_state import Candidate, DatabaseState
from dashboard.measures import Column
from dashboard.notation import Format
from dashboard.settings import settings

TRIED = "what came of trying indexes"
INDEXES, TABLES = "indexes", "tables"
STATEMENTS = 3
FINDINGS = (
    Column("name", "Index"),
    Column("relation", "Table"),
    Column("trouble", "It is"),
    Column(
        "other", "Has what it has", definition="An index that is the same, or begins with the same columns."
    ),
    Column("size_bytes", "Size", Format.BYTES),
    Column("since", "Unused since", definition="Or longer: since it is on record, or PostgreSQL counts."),
)
SCANNED = (
    Column("relation", "Table", definition="Those over 80,000 bytes."),
    Column("table_bytes", "Size", Format.BYTES),
    Column("seq_scans", "Read in full", Format.COUNT),
    Column("index_scans", "By an index", Format.COUNT),
    Column("rows_each", "Rows each time", Format.COUNT, definition="That it is read in full."),
    Column(
        "wanted",
        "Searched by",
        definition="In statements that are known; without an index for it. A sum over all rows needs none.",
    ),
)
SESSIONS = (
    Column("pid", "Session"),
    Column("who", "User"),
    Column("application_name", "Program"),
    Column("state", "State"),
    Column("waits_for", "Waits for", definition="The sessions that hold what this one needs."),
    Column("transaction_since", "Transaction since"),
    Column("statement_since", "Statement since"),
    Column("query", "Statement", definition="The one that runs, or the last one."),
)
TABLE_COLUMNS = (
    Column("relation", "Table"),
    Column("rows", "Rows", Format.COUNT, definition="As PostgreSQL estimates them."),
    Column("table_bytes", "Size", Format.BYTES),
    Column("index_bytes", "Indexes", Format.BYTES),
    Column(
        "grown_bytes",
        "Grown",
        Format.BYTES,
        definition="Without indexes, in 30 days, or since it is on record.",
    ),
    Column("dead_share", "Dead rows", Format.SHARE, definition="As PostgreSQL estimates them."),
    Column(
        "empty_share",
        "Empty",
        Format.SHARE,
        definition="By the number and width of rows; measured with pgstattuple, if it is there, where it is most.",
    ),
    Column("vacuumed_at", "Vacuumed"),
    Column("analyzed_at", "Analyzed"),
    Column("modified_rows", "Changed since", Format.COUNT, definition="Rows since it was analyzed last."),
    Column("seq_scans", "Read in full", Format.COUNT),
    Column("index_scans", "By an index", Format.COUNT),
)
INDEX_COLUMNS = (
    Column("name", "Index"),
    Column("relation", "Table"),
    Column("shape", "On"),
    Column("size_bytes", "Size", Format.BYTES),
    Column("grown_bytes", "Grown", Format.BYTES, definition="In 30 days, or since it is on record."),
    Column("empty_share", "Empty", Format.SHARE, definition="By the number and width of entries."),
    Column("scans", "Used", Format.COUNT),
    Column("used_at", "Last used", definition="Known from PostgreSQL 16 on."),
)


def attempt(one: Candidate) -> None:
    with ui.guarded():
        found = database_state.tried(app.process_data().database, one)
        st.session_state.setdefault(TRIED, {})[one.ddl] = found


def figures(state: DatabaseState) -> None:
    notation, sizes = now.notation, state.sizes.otherwise(())
    server = state.server.get()
    size = notation.exact(server.size_bytes, Format.BYTES)
    taken = f"{server.connections} of {server.max_connections}"
    hit = notation.exact(server.hit_share, Format.SHARE)
    age = notation.exact(server.transaction_age / server.freeze_age, Format.SHARE)
    replicas = advice.replication(now, server, state.replicas.otherwise(None))
    with st.container(horizontal=True):
        ui.figure("Size", size, "Of this database, and its course by day.", sizes, is_framed=True)
        ui.figure("Connections", taken, advice.connections(server), is_framed=True)
        ui.figure("Found in memory", hit, advice.found_in_memory(now, server), is_framed=True)
        ui.figure("Transaction age", age, advice.transactions(now, server), is_framed=True)
        ui.figure("PostgreSQL", server.version, replicas, is_framed=True)


def wanted(one: Candidate) -> None:
    st.code(one.ddl, language="sql", wrap_lines=True)
    ui.facts(advice.searched(now, one))
    with st.expander("Statements", icon=":material/code:"):
        for statement in one.statements[:STATEMENTS]:
            ui.raw(statement.text)
    if one.ddl in st.session_state.get(TRIED, {}):
        ui.verdict(advice.trial(now, one, st.session_state[TRIED][one.ddl]))
    st.button(
        "Try it on a copy",
        icon=":material/experiment:",
        key=f"try {one.ddl}",
        on_click=attempt,
        args=(one,),
        help="Copies some rows, and takes all of it back: nothing is changed, and nobody waits.",
    )


app.while_waiting()  # what is looked at may be slow
state = None
with ui.guarded():
    state = database_state.read(app.process_data().database)
if state is None:
    st.stop()
now = advice.Now(state.now, app.notation())
long_seconds, unused_days = settings().long_statement_seconds, settings().unused_index_days
findings = state.findings(unused_days)

for verdict in advice.database(now, state, long_seconds=long_seconds, unused_days=unused_days):
    ui.verdict(verdict)
with ui.guarded():
    figures(state)

with ui.card("Missing indexes", help="By what statements search large tables that are read in full."):
    for candidate in state.missing.get():
        wanted(candidate)
    if not state.missing.get():
        st.caption("No statement that is known searches a large table without an index for it.")
    st.caption("By PostgreSQL's counters alone, these are read in full more often than by an index:")
    none = "None: every table that is not small is read by an index as often as in full."
    ui.table(state.scanned_rows(), SCANNED, alt="Tables that are read in full.", empty=none)

with ui.card("Indexes that cost more than they give", help="Each write has to keep them up to date."):
    none = "There is none that is invalid, the same as another, or known to be unused."
    ui.table(state.finding_rows(unused_days), FINDINGS, alt="Indexes that can go.", empty=none)
    if findings:
        st.code("\n".join(finding.ddl for finding in findings), language="sql", wrap_lines=True)

with ui.card("Sessions", help="Those that run a statement, wait, or hold a transaction open."):
    sessions = state.session_rows()
    ui.table(sessions, SESSIONS, alt="Sessions.", empty="Nobody else is doing anything.")

with ui.card("Tables and indexes", help="The largest ones."):
    if filters.choice("show", "Show", {TABLES: "Tables", INDEXES: "Indexes"}) == INDEXES:
        rows = state.index_rows()
        ui.table(rows, INDEX_COLUMNS, alt="The largest indexes.", empty="There are no indexes.")
    else:
        rows = state.table_rows()
        ui.table(rows, TABLE_COLUMNS, alt="The largest tables.", empty="There are no tables.")
