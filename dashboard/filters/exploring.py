"""What the explore page breaks down, and how it shows it: controls over the URL."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

import streamlit as st

from dashboard.explore import Sort, is_possible
from dashboard.filters.address import ask, asked, choice, let_show
from dashboard.measures import ALL_MEASURES, DIMENSIONS, REVENUE, STATE, Dimension, Measure

MOST_MEASURES, MOST_DIMENSIONS = 4, 3
T = TypeVar("T", Measure, Dimension)

_TOPS = ("10", "5", "20", "50", "200")


class Look(StrEnum):
    """How a breakdown is shown; the value is how a URL says it."""

    BARS = "bars"
    LINES = "lines"
    HEAT = "heat"
    TREEMAP = "treemap"
    TABLE = "table"

    @property
    def label(self) -> str:
        return _LABELS[self]


_LABELS = {
    Look.BARS: ":material/bar_chart: Bars",
    Look.LINES: ":material/show_chart: Lines",
    Look.HEAT: ":material/grid_on: Heat map",
    Look.TREEMAP: ":material/dashboard: Treemap",
    Look.TABLE: ":material/table: Table",
}


@dataclass(frozen=True, slots=True)
class Exploration:
    """What is chosen. ``look`` is one that fits what is broken down."""

    measures: tuple[Measure, ...]
    dimensions: tuple[Dimension, ...]
    look: Look
    sort: Sort
    top: int

    @property
    def times(self) -> list[Dimension]:
        return [one for one in self.dimensions if one.dtype.is_temporal()]


def exploration() -> Exploration:
    """Draw the controls; what they say."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="explore-bar"):
        measures = _several("measure", "Measures", ALL_MEASURES, REVENUE.name, MOST_MEASURES)
        possible = {
            name: one for name, one in DIMENSIONS.items() if all(is_possible(each, one) for each in measures)
        }
        dimensions = _several("by", "Broken down by", possible, STATE.name, MOST_DIMENSIONS, is_needed=False)
        top = _select("top", "Rows", {top: f"Top {top}" for top in _TOPS}, 95)
        sort = _select("sort", "Order", {str(sort): sort.label for sort in Sort}, 190)
    looks = {str(look): look.label for look in Look if _fits(look, measures, dimensions)}
    look = choice("look", "Shown as", looks) if len(looks) > 1 else next(iter(looks))
    return Exploration(measures, dimensions, Look(look), Sort(sort), int(top))


def _fits(look: Look, measures: Sequence[Measure], dimensions: Sequence[Dimension]) -> bool:
    times = sum(one.dtype.is_temporal() for one in dimensions)
    match look:
        case Look.LINES:
            return times == 1 and len(dimensions) <= 2  # noqa: PLR2004 - the lines are of the other one
        case Look.HEAT:
            return len(dimensions) == 2  # noqa: PLR2004 - rows and columns
        case Look.TREEMAP:
            return 1 <= len(dimensions) <= 2 and times == 0 and measures[0].adds_up  # noqa: PLR2004 - likewise
        case Look.BARS:
            return bool(dimensions)
    return True


def _several(
    name: str, label: str, options: Mapping[str, T], default: str, most: int, *, is_needed: bool = True
) -> tuple[T, ...]:
    said = [each for each in st.query_params.get_all(name) if each in options][:most]
    is_said = name in st.query_params
    chosen = said if said or (is_said and not is_needed) else [default]
    let_show(name, chosen)
    st.multiselect(
        label,
        list(options),
        format_func=lambda each: options[each].label,
        key=name,
        max_selections=most,
        select_all=False,
        help="  \n".join(f"**{one.label}**: {one.definition}" for one in options.values()),
        on_change=lambda: ask(**{name: st.session_state[name] or ([] if is_needed else "none")}),
        width=280,
    )
    return tuple(options[each] for each in chosen)


def _select(name: str, label: str, options: Mapping[str, str], width: int) -> str:
    chosen = asked(name, list(options))
    let_show(name, chosen)
    st.selectbox(
        label,
        list(options),
        format_func=options.__getitem__,
        key=name,
        on_change=lambda: ask(**{name: st.session_state[name]}),
        width=width,
    )
    return chosen
