"""Reports: the figures of a window as a document, asked for here, made behind the page and kept to be fetched."""

from functools import partial

import streamlit as st

from dashboard import advice, app, filters, jobs, reports, ui
from dashboard.reports import Report, Shelf
from dashboard.window import Window

ASKED = "what became of the report that was asked for"
DOUBTED = "number of the report that may be deleted"


def ask(window: Window) -> None:
    with ui.guarded():
        jobs.request_report(app.process_data().database, st.session_state["title"], window)
        st.session_state["title"] = ""
        st.session_state[ASKED] = "It is queued."


def doubt(report_id: int | None) -> None:
    st.session_state[DOUBTED] = report_id


def delete(report: Report) -> None:
    with ui.guarded():
        reports.delete(app.process_data().database, report.report_id)


def order(window: Window) -> None:
    """Draw what a report is asked for with."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        st.text_input(
            "Title",
            key="title",
            placeholder=reports.default_title(window),
            max_chars=reports.LONGEST,
            width=420,
        )
        st.button("Generate report", icon=":material/note_add:", type="primary", on_click=ask, args=(window,))
        if said := st.session_state.pop(ASKED, ""):
            st.caption(said, width="content")


def card(report: Report, now: advice.Now) -> None:
    with ui.card(report.title, tag=ui.Tag(report.status, advice.OUTCOMES[report.status])):
        if report.error and report.status != "done":
            ui.raw(report.error)
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            with st.container():
                ui.line(advice.report(now, report))
            with st.container(horizontal=True, gap="small", width="content"):
                buttons = confirmation if st.session_state.get(DOUBTED) == report.report_id else actions
                buttons(report)


def actions(report: Report) -> None:
    number = report.report_id
    if report.generated_at:
        content = partial(reports.content, app.process_data().database, number)
        ui.download("Download", content, report.file_name, "text/html", key=f"download {number}")
    st.button("Delete", icon=":material/delete:", key=f"delete {number}", on_click=doubt, args=(number,))


def confirmation(report: Report) -> None:
    """Where Delete was clicked, a second click deletes nothing."""
    number = report.report_id
    st.button(
        "Delete for good", key=f"delete for good {number}", type="primary", on_click=delete, args=(report,)
    )
    st.button("Keep", icon=":material/undo:", key=f"keep {number}", on_click=doubt, args=(None,))


def shelf(pause_seconds: int | None) -> None:
    """The reports: read again and again while some are being made, and the page once more at the end."""

    @st.fragment(run_every=pause_seconds)
    def shown() -> None:
        with ui.guarded():
            found = reports.read(app.process_data().database)
            draw(found)
            if found.pause_seconds != pause_seconds:
                st.rerun()

    shown()


def draw(found: Shelf) -> None:
    now = advice.Now(found.now, app.notation())
    if problem := advice.shelf(now, found):
        ui.verdict(problem)
    for report in found.reports:
        card(report, now)
    if not found.reports:
        ui.line("No report was asked for yet.", "description")
    if len(found.reports) == reports.NUMBER:
        ui.line(f"Older ones than these {reports.NUMBER} are listed when some of these are deleted.")


order(filters.window())
with ui.guarded():
    shelf(reports.read(app.process_data().database).pause_seconds)
