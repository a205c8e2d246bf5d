"""The bar with the window of time, and with what the page is filtered by."""

import streamlit as st

from dashboard import app, ui
from dashboard.data import Extent
from dashboard.errors import WindowError
from dashboard.explore import Filters
from dashboard.filters import address
from dashboard.filters.address import ask, let_show
from dashboard.filters.members import chips, choices, readable
from dashboard.window import AUTO_GRAIN, CUSTOM, PRESETS, Comparison, Grain, Span, Window, write_days

_GRAIN_LABELS = {AUTO_GRAIN: "Auto"} | {str(grain): grain.name.capitalize() for grain in Grain}


def window() -> Window:
    """Draw the bar; the window that the page looks at. Stops the page, with advice, while there is no data."""
    return _drawn(has_filters=False)[0]


def bar() -> tuple[Window, Filters]:
    """Draw the bar; the window that the page looks at, and what it is filtered by. Stops as ``window`` does."""
    return _drawn(has_filters=True)


def _drawn(*, has_filters: bool) -> tuple[Window, Filters]:
    extent = None
    with ui.guarded():
        extent = app.data().extent()
        if extent is None:
            ui.no_data()
    if extent is None:
        st.stop()
    address.recall()
    chosen, only = _readable(extent), readable()
    shown = chosen.without_incomplete() if address.leaves_out_incomplete() else chosen
    _show(chosen, shown, only if has_filters else None)
    address.keep(chosen.to_query())
    return shown, only


def _readable(extent: Extent) -> Window:
    try:
        return Window.from_query(st.query_params.to_dict(), extent.watermark, extent.first_day)
    except WindowError as error:
        st.warning(ui.escaped(f"The address can't be read, so the usual range is shown. {error}"))
        return Window.from_query({}, extent.watermark, extent.first_day)


def _show(chosen: Window, shown: Window, only: Filters | None) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="filter-bar"):
        _range_select(chosen)
        _days_input("Days", "days", chosen.span, "range")
        _step_button("Previous window", ":material/chevron_left:", chosen.previous())
        _step_button("Next window", ":material/chevron_right:", chosen.next())
        _grain_select(chosen)
        _comparison_select(chosen)
        if chosen.compared:
            _days_input("Days to compare with", "compared", chosen.compared, "compare")
        if only is not None:
            choices(chosen.elapsed, only)
    if only:
        chips(only)
    compared = shown.comparison_span()
    against = f" compared with **{compared.label()}**" if compared else ""
    uneven = f" ({compared.days} days against {shown.elapsed.days})" if compared and shown.is_uneven else ""
    through = Span.through(chosen.watermark, chosen.watermark).label()
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="window"):
        st.caption(f"**{shown.label()}**{against}{uneven} · complete data through {through}", width="content")
        if chosen.without_incomplete() != chosen:
            _incomplete_toggle(chosen.grain)


def _incomplete_toggle(grain: Grain) -> None:
    let_show("whole", address.leaves_out_incomplete())
    st.toggle(
        f"Whole {grain}s only",
        key="whole",
        help=f"Leave out what comes after the last complete {grain}.",
        on_change=lambda: ask(incomplete="out" if st.session_state["whole"] else ""),
        width="content",
    )


def _step_button(label: str, icon: str, target: Window | None) -> None:
    st.button(
        "",
        icon=icon,
        key=label,
        help=f"{label}: {target.label()}" if target else f"{label}: there is no data for it",
        disabled=target is None,
        on_click=ask,
        kwargs=target.to_query() if target else {},
    )


def _range_select(chosen: Window) -> None:
    names = [*PRESETS, CUSTOM] if chosen.preset == CUSTOM else [*PRESETS]
    let_show("range", chosen.preset)
    st.selectbox(
        "Range",
        names,
        format_func=lambda name: PRESETS[name].label if name in PRESETS else "Custom",
        key="range",
        help="Ranges count back from the last complete day in the data, not from today.",
        on_change=lambda: ask(range=st.session_state["range"]),
        width=150,
    )


def _days_input(label: str, key: str, span: Span, parameter: str) -> None:
    shown, last_shown = (span.start, span.last), f"{key} last shown"
    # Its first click gives the first day only. Set back to the days of the URL then, it would forget that.
    is_half_picked = len(st.session_state.get(key, ())) == 1
    if not is_half_picked or st.session_state.get(last_shown) != shown:
        let_show(key, shown)
    st.session_state[last_shown] = shown
    st.date_input(label, key=key, format="DD/MM/YYYY", on_change=_ask_days, args=(key, parameter), width=225)


def _ask_days(key: str, parameter: str) -> None:
    days = st.session_state[key]
    if len(days) == 2:  # noqa: PLR2004 - while only the first day is picked, there is one
        ask(**{parameter: write_days(Span.through(*days))})


def _comparison_select(chosen: Window) -> None:
    let_show("comparison", chosen.comparison)
    st.selectbox(
        "Compared with",
        list(Comparison),
        format_func=lambda comparison: comparison.label,
        key="comparison",
        on_change=_ask_comparison,
        args=(chosen.comparison_span() or chosen.shift(-chosen.days),),
        width=205,
    )


def _ask_comparison(shown: Span) -> None:
    """Other days begin as those that were compared before, to be changed from there."""
    comparison = st.session_state["comparison"]
    ask(compare=write_days(shown) if comparison is Comparison.CUSTOM else str(comparison))


def _grain_select(chosen: Window) -> None:
    let_show("grain", str(chosen.chosen_grain or AUTO_GRAIN))
    st.selectbox(
        "Grain",
        list(_GRAIN_LABELS),
        format_func=lambda name: _GRAIN_LABELS[name],
        key="grain",
        on_change=lambda: ask(grain=st.session_state["grain"]),
        width=105,
    )
