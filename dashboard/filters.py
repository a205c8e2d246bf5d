"""The filter bar, the same on all pages. The URL is its state; widgets show it and change it."""

from collections.abc import Mapping, Sequence

import streamlit as st

from dashboard import app, ui
from dashboard.data import Extent
from dashboard.errors import WindowError
from dashboard.measures import MEASURES, Measure
from dashboard.window import AUTO_GRAIN, CUSTOM, PRESETS, Comparison, Grain, Span, Window, write_days

_KEYS = ("range", "compare", "grain")
_REMEMBERED = "filters"
_GRAIN_LABELS = {AUTO_GRAIN: "Auto"} | {str(grain): grain.name.capitalize() for grain in Grain}


def window() -> Window:
    """Draw the bar; the window that the page looks at. Stops the page, with advice, while there is no data."""
    extent = None
    with ui.guarded():
        extent = app.data().extent()
        if extent is None:
            ui.no_data()
    if extent is None:
        st.stop()
    return _drawn(extent)


def measure() -> Measure:
    """Draw the choice of a measure; the one that the page shows."""
    labels = {name: measure.label for name, measure in MEASURES.items()}
    return MEASURES[choice("measure", "Measure", labels)]


def asked(name: str, options: Sequence[str]) -> str:
    """Which of the options the URL says; the first, if it says none of them."""
    said = st.query_params.get(name, options[0])
    return said if said in options else options[0]


def choice(name: str, label: str, options: Mapping[str, str]) -> str:
    """Draw a choice of one of the options, given by name and label; the name of the one that the URL says."""
    chosen = asked(name, list(options))
    _set(name, chosen)
    st.segmented_control(
        label,
        list(options),
        format_func=options.__getitem__,
        key=name,
        required=True,
        label_visibility="collapsed",
        on_change=lambda: _ask(**{name: st.session_state[name]}),
    )
    return chosen


def _drawn(extent: Extent) -> Window:
    chosen = _readable(_asked(), extent)
    _show(chosen)
    query = chosen.to_query()
    if any(st.query_params.get(key) != query[key] for key in _KEYS):
        st.query_params.update(query)
    st.session_state[_REMEMBERED] = query
    return chosen


def _asked() -> Mapping[str, str]:
    """What the URL says; on a page that was reached through the menu, what the page before showed."""
    if any(key in st.query_params for key in _KEYS):
        return st.query_params.to_dict()
    remembered: Mapping[str, str] = st.session_state.get(_REMEMBERED, {})
    return remembered


def _readable(asked: Mapping[str, str], extent: Extent) -> Window:
    try:
        return Window.from_query(asked, extent.watermark, extent.first_day)
    except WindowError as error:
        st.warning(ui.escaped(f"The address can't be read, so the usual range is shown. {error}"))
        return Window.from_query({}, extent.watermark, extent.first_day)


def _show(chosen: Window) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="filter-bar"):
        _range_select(chosen)
        _days_input("Days", "days", chosen.span, "range")
        _step_button("Previous window", ":material/chevron_left:", chosen.previous())
        _step_button("Next window", ":material/chevron_right:", chosen.next())
        _grain_select(chosen)
        _comparison_select(chosen)
        if chosen.compared:
            _days_input("Days to compare with", "compared", chosen.compared, "compare")
    compared = chosen.comparison_span()
    against = f" compared with **{compared.label()}**" if compared else ""
    uneven = f" ({compared.days} days against {chosen.elapsed.days})" if compared and chosen.is_uneven else ""
    through = Span.through(chosen.watermark, chosen.watermark).label()
    st.caption(f"**{chosen.label()}**{against}{uneven} · complete data through {through}")


def _step_button(label: str, icon: str, target: Window | None) -> None:
    st.button(
        "",
        icon=icon,
        key=label,
        help=f"{label}: {target.label()}" if target else f"{label}: there is no data for it",
        disabled=target is None,
        on_click=_ask,
        kwargs=target.to_query() if target else {},
    )


def _range_select(chosen: Window) -> None:
    names = [*PRESETS, CUSTOM] if chosen.preset == CUSTOM else [*PRESETS]
    _set("range", chosen.preset)
    st.selectbox(
        "Range",
        names,
        format_func=lambda name: PRESETS[name].label if name in PRESETS else "Custom",
        key="range",
        help="Ranges count back from the last complete day in the data, not from today.",
        on_change=lambda: _ask(range=st.session_state["range"]),
        width=170,
    )


def _days_input(label: str, key: str, span: Span, parameter: str) -> None:
    shown, last_shown = (span.start, span.last), f"{key} last shown"
    # Its first click gives the first day only. Set back to the days of the URL then, it would forget that.
    is_half_picked = len(st.session_state.get(key, ())) == 1
    if not is_half_picked or st.session_state.get(last_shown) != shown:
        _set(key, shown)
    st.session_state[last_shown] = shown
    st.date_input(label, key=key, format="DD/MM/YYYY", on_change=_ask_days, args=(key, parameter), width=230)


def _ask_days(key: str, parameter: str) -> None:
    days = st.session_state[key]
    if len(days) == 2:  # noqa: PLR2004 - while only the first day is picked, there is one
        _ask(**{parameter: write_days(Span.through(*days))})


def _comparison_select(chosen: Window) -> None:
    _set("comparison", chosen.comparison)
    st.selectbox(
        "Compared with",
        list(Comparison),
        format_func=lambda comparison: comparison.label,
        key="comparison",
        on_change=_ask_comparison,
        args=(chosen.comparison_span() or chosen.shift(-chosen.days),),
        width=230,
    )


def _ask_comparison(shown: Span) -> None:
    """Other days begin as those that were compared before, to be changed from there."""
    comparison = st.session_state["comparison"]
    _ask(compare=write_days(shown) if comparison is Comparison.CUSTOM else str(comparison))


def _grain_select(chosen: Window) -> None:
    _set("grain", str(chosen.chosen_grain or AUTO_GRAIN))
    st.selectbox(
        "Grain",
        list(_GRAIN_LABELS),
        format_func=lambda name: _GRAIN_LABELS[name],
        key="grain",
        on_change=lambda: _ask(grain=st.session_state["grain"]),
        width=105,
    )


def _set(key: str, value: object) -> None:
    """Let a widget show what the URL says.

    Also when the state has that value: it may be that of the page before, whose widget was another one.
    """
    st.session_state[key] = value


def _ask(**changes: str) -> None:
    st.query_params.update(changes)
