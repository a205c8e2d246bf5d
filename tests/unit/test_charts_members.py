"""Charts of members: their colours, their lines over time, and how few of them make most."""

import json
from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from itertools import combinations
from typing import Any

import numpy as np
import plotly.graph_objects as go
import polars as pl
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.typing import NDArray

from dashboard import charts, explore
from dashboard.charts.look import MANY, colors
from dashboard.charts.pareto import STEPS, thinned
from dashboard.measures import CATEGORY, ITEM_SALES, LATE_SHARE, REVIEW_SCORE, Measure
from dashboard.notation import Notation
from dashboard.window import Grain

ENGLISH = Notation("en_US", "BRL")
MONEY = pl.Decimal(38, 2)
NAMES = ["Toys", "Auto", "Baby", "Health beauty", "Watches gifts", "Sports leisure", "Garden tools", "Drinks"]
SEEN_AS = {
    "everybody": np.eye(3),
    "without red": np.array([[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]]),
    "without green": np.array([[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]]),
}
"""Linear colours as people see them: Machado, Oliveira and Fernandes (2009)."""


def linear(color: str) -> NDArray[np.float64]:
    parts = np.array([int(color[place : place + 2], 16) for place in (1, 3, 5)]) / 255
    return np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)


def contrast(one: str, other: str) -> float:
    low, high = sorted(float(linear(each) @ [0.2126, 0.7152, 0.0722]) for each in (one, other))
    return (high + 0.05) / (low + 0.05)


def oklab(parts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Björn Ottosson's space, in which distances are about what people see."""
    cones = np.array([[0.4122, 0.5363, 0.0514], [0.2119, 0.6807, 0.1074], [0.0883, 0.2817, 0.6300]])
    lab = np.array([[0.2105, 0.7936, -0.0041], [1.9780, -2.4286, 0.4506], [0.0259, 0.7828, -0.8087]])
    return lab @ np.cbrt(cones @ np.clip(parts, 0, 1))


class TestColors:
    @pytest.mark.parametrize("seen", SEEN_AS.values(), ids=SEEN_AS)
    def test_no_two_are_alike_to_those_who_see_less_red_or_green(self, seen: NDArray[np.float64]) -> None:
        shades = [oklab(seen @ linear(color)) for color in MANY]
        assert min(float(np.linalg.norm(one - other)) for one, other in combinations(shades, 2)) > 0.065

    @pytest.mark.parametrize("page", ["#ffffff", "#10151e"])
    def test_all_stand_out_from_the_page(self, page: str) -> None:
        assert min(contrast(color, page) for color in MANY) > 2.2

    @given(st.lists(st.text(), unique=True, max_size=30))
    def test_as_many_are_used_as_there_are(self, members: list[str]) -> None:
        found = colors(members)
        assert len(found) == len(members)
        for start in range(0, len(found), len(MANY)):
            of_one_round = found[start : start + len(MANY)]
            assert len(set(of_one_round)) == len(of_one_round)

    @given(st.permutations(NAMES))
    def test_first_member_has_its_own_on_every_chart(self, members: Sequence[str]) -> None:
        assert colors(members)[0] == colors(members[:1])[0]

    @given(st.permutations(NAMES), st.integers(0, len(NAMES)))
    def test_another_member_changes_none_of_those_before(self, members: Sequence[str], some: int) -> None:
        assert colors(members)[:some] == colors(members[:some])

    def test_charts_agree(self) -> None:
        rows = pl.DataFrame({"category": NAMES, "item_sales": [Decimal(9 - n) for n in range(8)]})
        [areas] = charts.treemap(rows, [CATEGORY], ITEM_SALES, ENGLISH).data
        drawn = lines(*((name, START, True, 1.0) for name in NAMES))
        assert dict(zip(areas.labels, areas.marker.colors, strict=True)) == {
            line.name: line.line.color for line in drawn.data
        }


START = date(2018, 1, 1)
LINES = {"member": pl.String, "date": pl.Date, "is_complete": pl.Boolean, "value": pl.Float64}


def lines(*rows: tuple[str, date, bool, float | None], measure: Measure = LATE_SHARE) -> go.Figure:
    frame = pl.DataFrame(rows, LINES, orient="row")
    members = frame["member"].unique(maintain_order=True).to_list()
    figure = charts.lines(frame, members, measure, Grain.DAY, str, ENGLISH)
    json.loads(figure.to_json())
    return figure


class TestLines:
    def test_lines_differ_without_their_colours(self) -> None:
        dashes = [line.line.dash for line in lines(*((name, START, True, 1.0) for name in NAMES[:6])).data]
        assert len(set(dashes)) == 6

    def test_incomplete_points_are_hollow_and_say_so(self) -> None:
        days = [START + timedelta(days=n) for n in range(3)]
        [line] = lines(*(("Toys", day, day != days[-1], 0.5) for day in days)).data
        assert list(line.marker.symbol) == ["circle", "circle", "circle-open"]
        assert list(line.hovertext) == ["", "", " (incomplete)"]

    def test_of_many_points_only_hollow_ones_are_drawn(self) -> None:
        days = [START + timedelta(days=n) for n in range(100)]
        [line] = lines(*(("Toys", day, day != days[0], 0.5) for day in days)).data
        assert [place for place, size in enumerate(line.marker.size) if size] == [0]

    def test_no_value_is_a_gap(self) -> None:
        [line] = lines(("Toys", START, True, None)).data
        assert np.isnan(line.y).all()

    @pytest.mark.parametrize(("measure", "written"), [(LATE_SHARE, ":.1%"), (REVIEW_SCORE, ":,.2f")])
    def test_figures_of_a_mark_have_their_decimals(self, measure: Measure, written: str) -> None:
        [line] = lines(("Toys", START, True, 0.25), measure=measure).data
        assert f"%{{y{written}}}" in line.hovertemplate

    def test_members_are_text_and_never_markup(self) -> None:
        [line] = lines(("<b>Toys</b>", START, True, 1.0)).data
        assert line.name == "&lt;b&gt;Toys&lt;/b&gt;"


amounts = st.lists(st.integers(0, 10**8), min_size=1, max_size=2_000)


def members(cents: Sequence[int]) -> pl.DataFrame:
    values = pl.Series([Decimal(each) / 100 for each in cents], dtype=MONEY)
    return pl.DataFrame({"member": [f"m{n}" for n in range(len(cents))], "value": values})


class TestPareto:
    @given(amounts)
    def test_as_many_are_needed_as_come_to_four_fifths(self, cents: list[int]) -> None:
        ordered, needed, together = sorted(cents, reverse=True), 0, 0
        while together * 5 < sum(cents) * 4:
            together += ordered[needed]
            needed += 1
        rows = explore.pareto(members(cents))
        assert explore.needed(rows) == needed
        assert len(rows) == sum(each > 0 for each in cents)
        assert rows["together"].to_list() == [Decimal(sum(ordered[: n + 1])) / 100 for n in range(len(rows))]

    def test_exactly_four_fifths_is_enough(self) -> None:
        assert explore.needed(explore.pareto(members([40, 40, 10, 10]))) == 2
        assert explore.needed(explore.pareto(members([40, 39, 11, 10]))) == 3

    @given(amounts)
    def test_fewer_points_have_the_same_shape(self, cents: list[int]) -> None:
        assume(any(cents))
        rows = explore.pareto(members(cents))
        drawn = thinned(rows, explore.needed(rows))
        assert len(drawn) <= 2 * STEPS + 3
        along = np.interp(rows["place"], drawn["place"], drawn["share_together"])
        assert np.abs(along - rows["share_together"].to_numpy()).max(initial=0) < 1 / STEPS

    def test_thirty_thousand_products_are_a_few_hundred_points(self) -> None:
        rows = explore.pareto(members([round(10**8 / (n + 1)) for n in range(30_000)]))
        needed = explore.needed(rows)
        [curve] = self.drawn(rows).data
        assert 200 < len(curve.x) < 2 * STEPS + 5
        assert (curve.x[0], curve.x[-1], needed in curve.x) == (1, 30_000, True)

    def test_one_member_alone_has_an_axis_of_whole_numbers(self) -> None:
        axis = self.drawn(explore.pareto(members([7]))).layout.xaxis
        assert [*zip(axis.tickvals, axis.ticktext, strict=True)] == [(0, "0"), (1, "1")]

    def test_lines_lead_to_what_is_needed(self) -> None:
        across, up = self.drawn(explore.pareto(members([40, 40, 10, 10]))).layout.shapes
        assert (across.y1, up.x1, up.y1) == (0.8, 2, 0.8)

    def test_members_are_text_and_never_markup(self) -> None:
        rows = explore.pareto(pl.DataFrame({"member": ["<b>"], "value": [1]}))
        [curve] = self.drawn(rows).data
        assert curve.text[0] == "&lt;b&gt;"

    def test_nothing_sold_draws_nothing(self) -> None:
        rows = explore.pareto(members([0, 0]))
        assert (len(rows), explore.needed(rows)) == (0, 0)
        assert not len(self.drawn(rows).data[0].x)

    def drawn(self, rows: pl.DataFrame) -> Any:
        figure = charts.pareto(rows, explore.needed(rows), ITEM_SALES, str, ENGLISH)
        json.loads(figure.to_json())
        return figure
