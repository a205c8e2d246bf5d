"""Figures as data: what is drawn for which rows, and that text from the data stays text."""

import json
from base64 import b64decode
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import plotly.graph_objects as go
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from plotly.io import to_json
from streamlit.elements.lib import streamlit_plotly_theme

from dashboard import charts
from dashboard.charts import look
from dashboard.charts.look import TEXT, Drawing
from dashboard.measures import AVERAGE_ORDER_VALUE, ITEM_SALES, ORDERS, REVENUE, Measure
from dashboard.notation import Notation
from dashboard.window import Grain

ENGLISH, BRAZILIAN = Notation("en_US", "BRL"), Notation("pt_BR", "BRL")
MONEY = pl.Decimal(38, 2)
START = date(2018, 1, 1)  # a Monday
NO_VALUE = float("nan")

SERIES = {
    "date": pl.Date,
    "is_complete": pl.Boolean,
    "revenue": MONEY,
    "orders": pl.Int64,
    "average_order_value": pl.Float64,
    "date_before": pl.Date,
    "revenue_before": MONEY,
    "orders_before": pl.Int64,
    "average_order_value_before": pl.Float64,
}
RANKING = {"member": pl.String, "value": MONEY, "value_before": MONEY}


def series(parts: str, step_days: int = 1, *, compared: Sequence[int | None] = ()) -> pl.DataFrame:
    """Rows of ``explore.series``, one a letter: c complete, i incomplete; revenue is 10, 20, …"""
    days = [START + timedelta(days=n * step_days) for n in range(len(parts))]
    opposite = [*compared, *[None] * (len(parts) - len(compared))]
    return pl.DataFrame(
        {
            "date": days,
            "is_complete": [part == "c" for part in parts],
            "revenue": [Decimal(10 * (n + 1)) for n in range(len(parts))],
            "orders": range(1, len(parts) + 1),
            "average_order_value": [10.0] * len(parts),
            "date_before": [
                None if value is None else day - timedelta(days=364)
                for day, value in zip(days, opposite, strict=True)
            ],
            "revenue_before": [None if value is None else Decimal(value) for value in opposite],
            "orders_before": opposite,
            "average_order_value_before": [None if value is None else float(value) for value in opposite],
        },
        schema=SERIES,
    )


def timeline(
    rows: pl.DataFrame, grain: Grain = Grain.DAY, measure: Measure = REVENUE, notation: Notation = ENGLISH
) -> go.Figure:
    figure = charts.timeline(rows, measure, grain, notation)
    json.loads(figure.to_json())  # what a browser gets
    return figure


def ranking(*rows: tuple[str, Any, Any], notation: Notation = ENGLISH) -> go.Figure:
    frame = pl.DataFrame(rows, schema=RANKING, orient="row")
    figure = charts.ranking(frame, REVENUE, str, notation)
    json.loads(figure.to_json())
    return figure


def ys(trace: Any) -> list[float | None]:
    return [None if np.isnan(value) else float(value) for value in trace.y]


def xs(trace: Any) -> list[str]:
    """The days of a trace, written out or as a start and a step in milliseconds."""
    if trace.x is not None:
        return list(trace.x)
    first, step = date.fromisoformat(trace.x0), timedelta(milliseconds=trace.dx)
    return [str(first + n * step) for n in range(len(trace.y))]


class TestParts:
    @pytest.mark.parametrize(
        ("parts", "drawn"),
        [
            ("cccc", [("solid", [10, 20, 30, 40])]),
            ("ccci", [("solid", [10, 20, 30]), ("dot", [30, 40])]),
            ("iccc", [("dot", [10, 20]), ("solid", [20, 30, 40])]),
            ("icci", [("dot", [10, 20]), ("solid", [20, 30]), ("dot", [30, 40])]),
            ("ccii", [("solid", [10, 20]), ("dot", [20, 30, 40])]),
            ("iiii", [("dot", [10, 20, 30, 40])]),
            ("ici", [("dot", [10, 20]), ("solid", [20]), ("dot", [20, 30])]),
        ],
    )
    def test_incomplete_buckets_are_dashed_and_joined_to_the_complete_ones(
        self, parts: str, drawn: list[tuple[str, list[float]]]
    ) -> None:
        figure = timeline(series(parts))
        assert [(trace.line.dash, ys(trace)) for trace in figure.data] == drawn

    def test_each_kind_of_part_stands_in_the_legend_once(self) -> None:
        shown = [trace.name for trace in timeline(series("icci")).data if trace.showlegend]
        assert shown == ["Revenue (incomplete)", "Revenue"]

    def test_complete_neighbour_is_not_called_incomplete(self) -> None:
        _, dashed = timeline(series("cci", 7), Grain.WEEK).data
        assert list(dashed.hoverinfo) == ["none", "text"]
        assert dashed.hovertext[1] == "week from 15 Jan 2018 (incomplete): <b>R$30.00</b>"
        assert dashed.hovertemplate is None  # Plotly would ask it first


class TestComparison:
    def test_comparison_is_drawn_behind_at_the_places_of_its_opposites(self) -> None:
        before, now = timeline(series("ccc", compared=[7, 8, 9])).data
        assert (before.name, now.name) == ("Comparison", "Revenue")
        assert xs(before) == xs(now) == ["2018-01-01", "2018-01-02", "2018-01-03"]
        assert ys(before) == [7, 8, 9]
        assert list(before.customdata) == ["Mon 2 Jan 2017", "Tue 3 Jan 2017", "Wed 4 Jan 2017"]

    def test_no_comparison_draws_none(self) -> None:
        assert [trace.name for trace in timeline(series("ccc")).data] == ["Revenue"]

    @pytest.mark.parametrize(
        "compared", [[7, 8], [None, 8, 9], [7, None, 9]], ids=["shorter", "later", "leap day"]
    )
    def test_bucket_without_opposite_is_a_gap(self, compared: list[int | None]) -> None:
        before, now = timeline(series("ccc", compared=compared)).data
        assert ys(before) == [*compared, *[None] * (3 - len(compared))]
        assert ys(now) == [10, 20, 30]


class TestDates:
    @pytest.mark.parametrize(("grain", "days"), [(Grain.DAY, 1), (Grain.WEEK, 7)])
    def test_even_steps_are_sent_as_a_start_and_a_step(self, grain: Grain, days: int) -> None:
        [trace] = timeline(series("cccc", days), grain).data
        assert (trace.x, trace.x0, trace.dx) == (None, "2018-01-01", days * 86_400_000)

    def test_uneven_steps_are_sent_day_by_day(self) -> None:
        [trace] = timeline(series("cccc").filter(pl.col("revenue") != 20)).data
        assert list(trace.x) == ["2018-01-01", "2018-01-03", "2018-01-04"]
        assert (trace.x0, trace.dx) == (None, None)

    def test_week_cut_off_by_the_window_stands_at_its_first_day(self) -> None:
        rows = series("icc", 7).with_columns(
            date=pl.Series([date(2018, 1, 4), date(2018, 1, 8), date(2018, 1, 15)])
        )
        dashed, solid = timeline(rows, Grain.WEEK).data
        assert xs(dashed) == ["2018-01-04", "2018-01-08"]
        assert dashed.x0 is None
        assert xs(solid) == ["2018-01-08", "2018-01-15"]

    def test_months_are_sent_one_by_one(self) -> None:
        [trace] = timeline(series("ccc", 31), Grain.MONTH).data
        assert list(trace.x) == ["2018-01-01", "2018-02-01", "2018-03-04"]


class TestGaps:
    ROWS = series("ccccc").with_columns(average_order_value=pl.Series([10.0, None, 20.0, 30.0, None]))

    def test_no_value_is_a_gap_and_not_zero(self) -> None:
        [trace] = timeline(self.ROWS, measure=AVERAGE_ORDER_VALUE).data
        assert ys(trace) == [10, None, 20, 30, None]
        assert not trace.connectgaps

    def test_area_is_left_out_where_plotly_would_fill_gaps(self) -> None:
        [with_gaps] = timeline(self.ROWS, measure=AVERAGE_ORDER_VALUE).data
        [without] = timeline(self.ROWS, measure=ORDERS).data
        assert (with_gaps.fill, without.fill) == (None, "tozeroy")

    def test_value_between_gaps_is_a_dot_since_no_line_shows_it(self) -> None:
        [trace] = timeline(self.ROWS, measure=AVERAGE_ORDER_VALUE).data
        assert trace.mode == "lines+markers"
        assert [size > 0 for size in trace.marker.size] == [True, False, False, False, False]

    def test_line_without_gaps_has_no_dots(self) -> None:
        [trace] = timeline(series("ccc")).data
        assert (trace.mode, trace.marker.size) == ("lines", None)

    def test_one_bucket_is_a_dot(self) -> None:
        [trace] = timeline(series("c")).data
        assert ("markers" in trace.mode, xs(trace), ys(trace)) == (True, ["2018-01-01"], [10])

    def test_nothing_is_an_empty_chart(self) -> None:
        assert timeline(series("")).data == ()

    def test_no_value_at_all_is_an_empty_line(self) -> None:
        rows = series("cc").with_columns(average_order_value=pl.lit(None, pl.Float64))
        [trace] = timeline(rows, measure=AVERAGE_ORDER_VALUE).data
        assert ys(trace) == [None, None]


class TestNumbers:
    @given(cents=st.lists(st.integers(0, 10**14), min_size=1, max_size=50))
    def test_amounts_are_exact_to_the_cent(self, cents: list[int]) -> None:
        amounts = [Decimal(cent) / 100 for cent in cents]
        rows = series("c" * len(cents)).with_columns(revenue=pl.Series(amounts, dtype=MONEY))
        [trace] = timeline(rows).data
        assert trace.y.dtype == np.float64
        assert [round(Decimal(value), 2) for value in trace.y] == amounts

    @pytest.mark.parametrize(
        ("notation", "separators"), [(ENGLISH, ".,"), (BRAZILIAN, ",.")], ids=["en_US", "pt_BR"]
    )
    def test_numbers_are_written_as_the_locale_does(self, notation: Notation, separators: str) -> None:
        figures = [timeline(series("c"), notation=notation), ranking(("SP", 1, None), notation=notation)]
        for figure in figures:
            assert figure.layout.separators == separators
            assert "R$%{" in figure.data[-1].hovertemplate

    def test_axis_begins_at_zero_and_holds_the_greatest_value_of_both_lines(self) -> None:
        axis = timeline(series("ccc", compared=[7, 8, 1_234]), notation=BRAZILIAN).layout.yaxis
        assert axis.range[0] == 0
        assert axis.range[1] > 1_234
        assert axis.ticktext[0].startswith("R$")

    def test_counts_have_no_currency_and_no_cents(self) -> None:
        figure = timeline(series("ccc"), measure=ORDERS)
        assert "$" not in figure.to_json()
        assert ",.0f" in figure.data[0].hovertemplate
        assert all(tick == int(tick) for tick in figure.layout.yaxis.tickvals)


class TestRanking:
    def test_greatest_member_is_on_top_over_its_comparison(self) -> None:
        before, now = ranking(("SP", 30, 20), ("RJ", 10, 40)).data
        assert list(now.x) == [10, 30]  # Plotly draws from the bottom
        assert list(before.x) == [40, 20]
        assert list(now.y) == list(before.y) == [0, 1]
        assert before.width > now.width

    def test_label_holds_figure_and_change(self) -> None:
        text = ranking(("SP", 30, 20), ("RJ", 10, 40), ("MG", 5, 0)).to_json()
        assert all(part in text for part in ("+50.0%", "-75.0%"))
        assert text.count("%)") + text.count("% ") <= 2 + text.count("%{")

    def test_no_comparison_is_not_in_the_legend(self) -> None:
        before, now = ranking(("SP", 30, None), ("RJ", 10, None)).data
        assert (before.showlegend, now.showlegend) == (False, True)

    @pytest.mark.parametrize(
        ("member", "shown"),
        [
            ("<b>SP</b>", "&lt;b&gt;SP&lt;/b&gt;"),
            ("Cama & mesa", "Cama &amp; mesa"),
            ('<a href="javascript:x">', '&lt;a href="javascript:x"&gt;'),
            ("&lt;b&gt;", "&amp;lt;b&amp;gt;"),
            ("2018", "2018"),
            ("", ""),
        ],
    )
    def test_member_is_text_and_never_markup(self, member: str, shown: str) -> None:
        figure = ranking((member, 1, None))
        assert list(figure.layout.yaxis.ticktext) == [shown]
        assert list(figure.data[-1].y) == [0]  # its place, so that no name is taken for a number or a day

    def test_nothing_is_an_empty_chart(self) -> None:
        assert all(len(trace.x) == 0 for trace in ranking().data)

    def test_only_zeros_can_be_drawn(self) -> None:
        before, now = ranking(("SP", 0, 0)).data
        assert list(now.x) == list(before.x) == [0]

    def test_dimension_names_its_figure(self) -> None:
        frame = pl.DataFrame([("Toys", 1, None)], schema=RANKING, orient="row")
        assert charts.ranking(frame, ITEM_SALES, str, ENGLISH).data[-1].name == ITEM_SALES.label


HISTORY = {
    "view": pl.String,
    "finished_at": pl.Datetime("us", "UTC"),
    "duration_seconds": pl.Float64,
    "error": pl.String,
}
NOON = datetime(2025, 3, 20, 12, tzinfo=UTC)


def history(*refreshes: tuple[str, float, str | None]) -> pl.DataFrame:
    """Refreshes of a view, each a second before the one that stands before it."""
    rows = [
        (view, NOON - timedelta(seconds=n), seconds, error)
        for n, (view, seconds, error) in enumerate(refreshes)
    ]
    return pl.DataFrame(rows, HISTORY, orient="row")


class TestDurations:
    def test_each_view_has_its_line_and_failures_are_crosses(self) -> None:
        figure = charts.durations(
            history(("b", 0.2, None), ("a", 0.3, None), ("b", 9, "No."), ("b", 0.1, None)), "UTC", ENGLISH
        )
        assert [(trace.name, trace.mode, list(trace.y)) for trace in figure.data] == [
            ("a", "lines+markers", [0.3]),
            ("b", "lines+markers", [0.1, 0.2]),
            ("failed", "markers", [9]),
        ]
        assert len({trace.marker.color for trace in figure.data}) == 3

    def test_times_are_those_of_the_reader(self) -> None:
        [trace] = charts.durations(history(("a", 1, None)), "America/Sao_Paulo", ENGLISH).data
        assert list(trace.x) == ["2025-03-20 09:00:00.000"]

    def test_durations_are_told_in_words(self) -> None:
        [trace] = charts.durations(history(("a", 200, None)), "UTC", BRAZILIAN).data
        assert [list(said) for said in trace.customdata] == [["a", "3 min"]]

    @pytest.mark.parametrize(
        ("seconds", "ticks"),
        [
            ([0.2, 0.9], ["0.1 s", "0.2 s", "0.5 s", "1 s", "2 s", "5 s"]),
            ([0.02, 3], ["10 ms", "0.1 s", "1 s", "10 s"]),
            ([0.0], ["1 ms", "2 ms", "5 ms", "10 ms", "20 ms", "50 ms"]),
            ([1.0], ["1 s", "2 s", "5 s", "10 s", "20 s", "50 s"]),
        ],
    )
    def test_axis_is_logarithmic_and_its_numbers_are_round(
        self, seconds: list[float], ticks: list[str]
    ) -> None:
        axis = charts.durations(
            history(*(("a", each, None) for each in seconds)), "UTC", ENGLISH
        ).layout.yaxis
        assert axis.type == "log"
        assert list(axis.ticktext) == ticks
        low, high = axis.range
        assert all(low <= np.log10(max(each, 0.001)) <= high for each in seconds)

    def test_nothing_was_refreshed(self) -> None:
        assert not charts.durations(history(), "UTC", ENGLISH).data


CELLS = {"row": pl.String, "column": pl.String, "value": pl.Float64, "text": pl.String, "said": pl.String}


def heat(*cells: tuple[str, str, float | None, str | None, str], across: str = "") -> go.Figure:
    figure = charts.heat(pl.DataFrame(cells, CELLS, orient="row"), ENGLISH, across)
    json.loads(figure.to_json())
    return figure


class TestHeat:
    def test_cells_stand_where_their_row_and_column_cross_first_row_on_top(self) -> None:
        figure = heat(("Mon", "9", 1, "one", "a"), ("Mon", "8", 2, "two", "b"), ("Tue", "8", 3, "three", "c"))
        [shades] = figure.data
        assert [[None if np.isnan(z) else z for z in row] for row in shades.z] == [[1, 2], [None, 3]]
        assert list(figure.layout.xaxis.ticktext) == ["9", "8"]
        assert list(figure.layout.yaxis.ticktext) == ["Mon", "Tue"]
        assert figure.layout.yaxis.range[0] > figure.layout.yaxis.range[1]
        assert [list(row) for row in shades.text] == [["one", "two"], ["", "three"]]
        assert shades.texttemplate == "%{text}"

    def test_cell_without_a_value_is_blank_and_says_nothing(self) -> None:
        [shades] = heat(("Mon", "9", None, "hidden", "hidden"), ("Mon", "10", 0, None, "zero")).data
        assert [list(row) for row in shades.hovertext] == [["", "zero"]]
        assert [list(row) for row in shades.text] == [["", ""]]
        assert not shades.hoverongaps

    @pytest.mark.parametrize(("columns", "is_written"), [(12, True), (13, False)])
    def test_texts_that_a_phone_has_no_room_for_are_left_to_pointing(
        self, columns: int, is_written: bool
    ) -> None:
        [shades] = heat(*(("Mon", str(hour), 1, "1.2K", "said") for hour in range(columns))).data
        assert bool(shades.texttemplate) == is_written

    def test_shades_begin_at_zero(self) -> None:
        [shades] = heat(("Mon", "9", 40, None, ""), ("Mon", "10", 50, None, "")).data
        assert (shades.zmin, shades.zmax) == (0, 50)

    def test_text_is_never_markup(self) -> None:
        figure = heat(("<b>r</b>", "<i>c</i>", 1, "<u>t</u>", "<a>s</a>"), across="<s>x</s>")
        assert not {"<b>", "<i>", "<u>", "<a>", "<s>"} & {figure.to_json()[n : n + 3] for n in range(9_999)}
        assert "&lt;b&gt;" in figure.layout.yaxis.ticktext[0]

    @pytest.mark.parametrize("cells", [[], [("Mon", "9", None, None, "")], [("Mon", "9", 0, "0", "none")]])
    def test_nothing_and_zeros_can_be_drawn(self, cells: list[Any]) -> None:
        assert heat(*cells).data[0].zmax == 1


class TestText:
    def test_color_is_the_one_that_streamlit_replaces_by_its_own(self) -> None:
        assert streamlit_plotly_theme.GRAY_90 == TEXT


COHORTS = {
    "cohort": pl.Date,
    "people": pl.Int64,
    "month": pl.Int64,
    "returned": pl.Int64,
    "revenue": MONEY,
    "share": pl.Float64,
    "revenue_share": pl.Float64,
}


class TestCohorts:
    ROWS = pl.DataFrame(
        [
            (START, 4_000, 1, 10, Decimal("99.50"), 0.0025, 0.01),
            (START, 4_000, 2, 0, Decimal(0), 0.0, 0.0),
            (date(2018, 2, 1), 8, 1, 2, Decimal(1), 0.25, None),
            (date(2018, 2, 1), 8, 2, None, None, None, None),
        ],
        COHORTS,
        orient="row",
    )

    def test_cells_hold_per_cent_of_the_people_and_say_it_in_a_sentence(self) -> None:
        [shades] = charts.cohorts(self.ROWS, ENGLISH, by_revenue=False).data
        assert [list(row) for row in shades.text] == [["0.2", "0"], ["25", ""]]
        assert shades.hovertext[0][0] == (
            "Of 4,000 people whose first order was in Jan 2018, 10 (0.2%) ordered in the next month."
        )
        assert np.isnan(shades.z[1][1])

    def test_cells_hold_per_cent_of_the_first_months_revenue(self) -> None:
        figure = charts.cohorts(self.ROWS, BRAZILIAN, by_revenue=True)
        assert [list(row) for row in figure.data[0].text] == [["1", "0"]]
        assert "R$\xa099,50 in the next month: 1,0%" in figure.data[0].hovertext[0][0]
        assert list(figure.layout.yaxis.ticktext) == ["Jan 2018 · 4.000"]

    def test_nobody_is_an_empty_map(self) -> None:
        assert charts.cohorts(self.ROWS.clear(), ENGLISH, by_revenue=False).data[0].z.size == 0


class TestStack:
    PARTS = (REVENUE, ITEM_SALES)

    def stack(self, parts: str, compared: Sequence[int | None] = (), grain: Grain = Grain.DAY) -> go.Figure:
        rows = series(parts, compared=compared).with_columns(
            item_sales=pl.col("revenue") + 1, item_sales_before=pl.col("revenue_before") + 1
        )
        figure = charts.stack(rows, self.PARTS, grain, ENGLISH)
        json.loads(figure.to_json())
        return figure

    def test_parts_stand_on_each_other_and_incomplete_buckets_are_hatched(self) -> None:
        figure = self.stack("cci")
        assert figure.layout.barmode == "stack"
        assert [(bar.name, list(bar.y), bar.marker.pattern.shape) for bar in figure.data] == [
            ("Revenue", [10, 20], None),
            ("Revenue (incomplete)", [30], "/"),
            ("Item sales", [11, 21], None),
            ("Item sales (incomplete)", [31], "/"),
        ]
        assert [bar.name for bar in figure.data if bar.showlegend] == ["Revenue", "Item sales"]

    def test_buckets_keep_their_order_though_an_incomplete_one_comes_first(self) -> None:
        figure = self.stack("icc")
        assert list(figure.layout.xaxis.categoryarray) == [
            "Mon 1 Jan 2018",
            "Tue 2 Jan 2018",
            "Wed 3 Jan 2018",
        ]

    def test_comparison_is_the_sum_of_both_parts_then(self) -> None:
        *_, before = self.stack("ccc", compared=[7, None, 9]).data
        assert (before.name, ys(before)) == ("Comparison, both", [15, None, 19])

    def test_axis_holds_the_whole_bar(self) -> None:
        assert self.stack("ccc", compared=[7, 8, 500]).layout.yaxis.range[1] > 1_001
        assert self.stack("ccc").layout.yaxis.range[1] > 61

    def test_nothing_is_an_empty_chart(self) -> None:
        assert self.stack("").data == ()


SPENDING = {
    "from": pl.Int64,
    "up_to": pl.Int64,
    "people": pl.Int64,
    "revenue": MONEY,
    "people_share": pl.Float64,
}


class TestHistogram:
    ROWS = pl.DataFrame(
        [
            (0, 50, 30, Decimal(900), 0.75),
            (50, 100, 0, Decimal(0), 0.0),
            (100, None, 10, Decimal(5_000), 0.25),
        ],
        SPENDING,
        orient="row",
    )

    def test_bars_stand_between_round_amounts_and_the_last_is_open(self) -> None:
        figure = charts.histogram(self.ROWS, ENGLISH)
        [bars] = figure.data
        assert (list(bars.x), list(bars.y)) == ([0.5, 1.5, 2.5], [30, 0, 10])
        assert list(figure.layout.xaxis.ticktext) == ["R$0", "R$100+"]
        assert "R$0.00 up to R$50.00: <b>30 people</b>, 75.0% of all;" in bars.hovertext[0]
        assert "R$100.00 or more" in bars.hovertext[2]

    def test_nothing_is_an_empty_chart(self) -> None:
        assert charts.histogram(self.ROWS.clear(), ENGLISH).data[0].x == ()


class TestShares:
    ROWS = pl.DataFrame({"member": ["<b>A</b>", "B"], "one": [0.75, 0.25], "two": [None, 1.0]})

    def test_first_member_is_on_top_and_each_part_has_its_bar(self) -> None:
        figure = charts.shares(self.ROWS, {"one": "of people", "two": "of revenue"}, ENGLISH)
        assert list(figure.layout.yaxis.ticktext) == ["B", "&lt;b&gt;A&lt;/b&gt;"]
        two, one = figure.data
        assert (one.name, list(one.x), list(one.text)) == ("of people", [0.25, 0.75], ["25.0%", "75.0%"])
        assert (two.name, list(two.text)) == ("of revenue", ["100.0%", "–"])
        assert figure.layout.xaxis.range[1] > 1

    def test_nothing_is_an_empty_chart(self) -> None:
        figure = charts.shares(self.ROWS.clear(), {"one": "of people"}, ENGLISH)
        assert len(figure.data[0].x) == 0


class TestDrawing:
    def test_is_what_plotly_would_make_of_it(self) -> None:
        traces = [{"type": "bar", "x": np.arange(3.0), "y": ["a", "b", "c"], "marker": {"color": "#2e7de1"}}]
        layout = {"height": 300, "xaxis": {"visible": False}, "legend": {"x": 0}}
        drawn, checked = (each(traces, layout) for each in (Drawing, go.Figure))
        written = [json.loads(to_json(figure.to_dict(), validate=False)) for figure in (drawn, checked)]
        numbers = written[1]["data"][0]["x"]
        assert np.frombuffer(b64decode(numbers["bdata"]), numbers["dtype"]).tolist() == [0, 1, 2]
        written[1]["data"][0]["x"] = [0, 1, 2]
        assert written[0] == written[1]

    def test_tests_have_plotly_check_what_charts_say(self) -> None:
        with pytest.raises(ValueError, match="nonsense"):
            look.figure(ENGLISH, [], nonsense=1)
