"""Does every view show every change; what is in the way if not, and what becomes of it."""

from datetime import datetime

import streamlit as st

from dashboard import advice, app, charts, filters, freshness, jobs, ui
from dashboard.freshness import STATUSES, ViewState
from dashboard.measures import Column
from dashboard.notation import Format
from dashboard.settings import settings

ALL = "all"
ASKED = "what became of the refresh that was asked for"
ICONS = {"queued": "schedule", "running": "sync", "done": "check", "failed": "error", "canceled": "block"}
REFRESHES = (
    Column("finished_at", "Finished"),
    Column("view", "View"),
    Column("reason", "Reason"),
    Column("duration_seconds", "Duration", Format.SECONDS),
    Column("rows", "Rows", Format.COUNT),
    Column("months_changed", "Months changed", Format.COUNT),
    Column("error", "Error"),
)
JOBS = (
    Column("queued_at", "Queued"),
    Column("task", "Task"),
    Column("status", "Status"),
    Column("duration_seconds", "Duration", Format.SECONDS),
    Column("attempts", "Attempts", Format.COUNT),
    Column("error", "Last error"),
    Column("arguments", "Arguments"),
    Column("started_at", "Started"),
    Column("finished_at", "Finished"),
    Column("worker", "Worker"),
)
SOURCES = (
    Column("source", "Table of the shop"),
    Column("noticed_by", "Changes are noticed by"),
    Column("triggers", "Triggers at work", Format.COUNT),
)


def ask(views: list[str]) -> None:
    with ui.guarded():
        is_new = jobs.request(app.process_data().database, "refresh", views=views)
        st.session_state[ASKED] = "It is queued." if is_new else "It is queued already, and will run once."


def controls(views: list[str]) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        chosen = st.selectbox("Views", ["All views", *views], label_visibility="collapsed", width=260)
        wanted = [chosen] if chosen in views else views
        st.button("Refresh now", icon=":material/refresh:", type="primary", on_click=ask, args=(wanted,))
        if said := st.session_state.pop(ASKED, ""):
            st.caption(said, width="content")


def progress(pause_seconds: int | None) -> None:
    """What becomes of jobs: read again and again while there are any, and the page once more at their end."""

    @st.fragment(run_every=pause_seconds)
    def shown() -> None:
        with ui.guarded():
            doing = freshness.doing(app.process_data().database)
            for job in doing.jobs:
                ui.line(advice.job(advice.Now(doing.now, app.notation()), job), ICONS[job.status])
            if doing.pause_seconds != pause_seconds:
                st.rerun()

    shown()


def card(view: ViewState, now: advice.Now, nightly_at: datetime) -> None:
    is_tracked = settings().change_tracking != "off"
    with ui.card(view.view, help=view.title, tag=ui.Tag(view.status, advice.LEVELS[view.status])):
        left, right = st.columns([3, 2])
        with left:
            ui.figure("Last refresh", now.ago(view.refreshed_at), ui.exact(view.refreshed_at))
            ui.facts(advice.facts(now, view, nightly_at, is_tracked=is_tracked))
        with right:
            took = now.notation.exact(view.duration_seconds, Format.SECONDS)
            ui.figure("Duration", took, "Of the last refreshes that succeeded.", view.durations)
        if view.error:
            ui.raw(view.error)


status = filters.asked("status", (ALL, *STATUSES))
app.while_waiting()  # what is looked at may be slow
found = None
with ui.guarded():
    found = freshness.read(app.process_data().database, STATUSES if status == ALL else (status,))
if found is None:
    st.stop()
now = advice.Now(found.now, app.notation())
work, sources = found.jobs.otherwise(None), found.sources.otherwise(None)

with ui.guarded():
    views = found.views.get()
    ui.verdict(advice.freshness(now, views, sources, work, settings().change_tracking))
    controls([view.view for view in views])
if doing := found.doing.otherwise(None):
    progress(doing.pause_seconds)

nightly_at = freshness.nightly_at(settings().full_refresh_cron, now.moment)
views = found.views.otherwise(())
for first in range(0, len(views), 2):
    for column, view in zip(st.columns(2), views[first : first + 2], strict=False):
        with column:
            card(view, now, nightly_at)
for gap in found.gaps:
    ui.line(f"Not all is known of the views. {gap}", "warning")

with ui.card("Refreshes", help="The last ones of each view, also those that failed."):
    history = found.history.get()
    if not history.is_empty():
        figure = charts.durations(history, ui.zone(), now.notation)
        ui.drawing(figure, alt="Duration of the last refreshes by view.")
    ui.table(history, REFRESHES, alt="The last refreshes.", empty="No view was ever refreshed.")

with ui.card("Jobs", help="What the program does by itself, or was asked for."):
    counts = found.jobs.get().counts
    labels = {name: f"{name} {now.notation.exact(number, Format.COUNT)}" for name, number in counts.items()}
    filters.choice("status", "Status", {ALL: ALL} | labels)
    ui.table(found.last_jobs.get(), JOBS, alt="The last jobs.", empty="There is no such job.")

with ui.card("How changes are noticed", help="As it is in the database now."):
    tables = found.sources.get()
    ui.table(tables.noticed(settings().change_tracking), SOURCES, alt="What tells of changes.")
