"""Do the servers and workers live, what do they serve and how fast, and what are they configured with."""

import streamlit as st

from dashboard import advice, app, charts, system_state, ui
from dashboard.measures import Column
from dashboard.notation import Format
from dashboard.settings import settings
from dashboard.system_state import Process
from dashboard.telemetry import quantile, together

REQUESTS = (
    Column("endpoint", "Endpoint"),
    Column("method", "Method"),
    Column("status", "Status"),
    Column("requests", "Requests", Format.COUNT),
    Column("median_ms", "Half ≤ (ms)", Format.SCORE),
    Column("p95_ms", "95% ≤ (ms)", Format.SCORE),
)
RERUNS = (
    Column("page", "Page"),
    Column("runs", "Runs", Format.COUNT),
    Column("median_ms", "Half ≤ (ms)", Format.SCORE),
    Column("p95_ms", "95% ≤ (ms)", Format.SCORE),
)
POOLS = (
    Column("process", "Process"),
    Column("pool", "Pool"),
    Column("in_use", "In use", Format.COUNT),
    Column("size", "Size", Format.COUNT),
    Column("waiting", "Waiting", Format.COUNT),
)
VERSIONS = (Column("what", "What"), Column("version", "Version"), Column("where", "Where"))
SETTINGS = (
    Column("setting", "Setting"),
    Column("value", "Value"),
    Column("is_from", "Is"),
    Column("meaning", "Meaning"),
)
UNKNOWN = "Not known, since what the processes tell can't be read."


def card(told: Process, now: advice.Now) -> None:
    is_silent = told.is_silent(now.moment)
    tag = ui.Tag("silent", advice.Level.WARNING) if is_silent else ui.Tag(told.kind, advice.Level.GOOD)
    with ui.card(told.name, tag=tag):
        left, middle, right = st.columns([3, 3, 4])
        with left:
            of = f"Resident, of {now.notation.size(told.memory_bytes)} that the machine has."
            ui.figure("Memory", now.notation.size(told.resident_bytes), of, told.resident_course)
        with middle:
            share = now.notation.portion(told.cpu_share)
            ui.figure("Processor", share, "Of one core, since the heartbeat before.", told.cpu_course)
        with right:
            ui.facts(advice.process_facts(now, told))


app.while_waiting()  # what is looked at may be slow
found = None
with ui.guarded():
    found = system_state.read(app.process_data().database)
if found is None:
    st.stop()
now = advice.Now(found.now, app.notation())
is_known = found.processes.error is None
alive, lost, _ = system_state.roll(found.processes.otherwise(()), now.moment)
requests, reruns = system_state.all_requests(alive), system_state.all_reruns(alive)

with ui.guarded():
    for verdict in advice.system(now, found.processes.get()):
        ui.verdict(verdict)

    of_requests, of_reruns = together(requests.values()), together(reruns.values())
    sessions = now.notation.exact(sum(one.sessions for one in alive), Format.COUNT)
    asked = now.notation.exact(of_requests.count, Format.COUNT)
    runs = now.notation.exact(of_reruns.count, Format.COUNT)
    p95 = now.notation.exact(quantile(of_reruns, 0.95), Format.SECONDS)
    held = now.notation.size(sum(one.resident_bytes for one in alive))
    over_http = "Over HTTP in the last hour, Streamlit's own included."
    with st.container(horizontal=True):
        ui.figure("Open pages", sessions, "In browsers, at the last heartbeats.", is_framed=True)
        ui.figure("Requests", asked, over_http, is_framed=True)
        ui.figure("Runs of pages", runs, "In the last hour.", is_framed=True)
        ui.figure("95% of runs", p95, "Took up to so long in the last hour, waits included.", is_framed=True)
        ui.figure("Memory", held, "Of all processes that live.", is_framed=True)

shown = [*alive, *lost]
for first in range(0, len(shown), 2):
    for column, one in zip(st.columns(min(len(shown), 2)), shown[first : first + 2], strict=False):
        with column:
            card(one, now)

left, right = st.columns(2)
with left, ui.card("Requests", help="Over HTTP in the last hour, by the processes that live."):
    if requests:
        figure = charts.latencies(system_state.buckets(requests.values()), "requests", now.notation)
        ui.drawing(figure, alt=advice.spread(now, [*requests.values()], "request"))
    ui.line(advice.spread(now, [*requests.values()], "request") if is_known else UNKNOWN)
    if is_known:
        rows = system_state.request_rows(requests)
        ui.table(rows, REQUESTS, alt="Requests by endpoint and status.", empty="Nothing was asked.")
with right, ui.card("Runs of pages", help="A page runs when it is opened, and at each choice on it."):
    if reruns:
        figure = charts.latencies(system_state.buckets(reruns.values()), "runs", now.notation)
        ui.drawing(figure, alt=advice.spread(now, [*reruns.values()], "run"))
    ui.line(advice.spread(now, [*reruns.values()], "run") if is_known else UNKNOWN)
    if is_known:
        ui.table(system_state.rerun_rows(reruns), RERUNS, alt="Runs by page.", empty="No page was run.")

left, right = st.columns(2)
with left, ui.card("Pools", help="What reads and writes of the database have to get a place in."):
    rows = system_state.pool_rows(alive)
    ui.table(
        rows,
        POOLS,
        alt="Places and connections by process.",
        empty="No process lives." if is_known else UNKNOWN,
    )
with right, ui.card("Versions"):
    servers = {"PostgreSQL": found.database_version.otherwise("unknown")}
    below = app.process_data().reader.levels.backends[-1].stats()
    if below.version:
        servers["Cache"] = below.version
    ui.table(system_state.version_rows(alive, servers), VERSIONS, alt="Versions by process.")

with ui.card("Settings", help="Of the process that draws this page. What may be secret is not shown."):
    ui.table(system_state.setting_rows(settings()), SETTINGS, alt="Settings, those first that somebody set.")
