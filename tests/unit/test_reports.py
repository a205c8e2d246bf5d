"""The document of a report, whatever the data says."""

import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from html.parser import HTMLParser
from typing import Any

import polars as pl
import pytest

from dashboard.data import Extent
from dashboard.measures import CATEGORY, ITEM_SALES, REVENUE, STATE
from dashboard.notation import Notation
from dashboard.reports.document import TOP, render
from dashboard.reports.drawing import HEIGHT, WIDTH, timeline
from dashboard.reports.making import Figures
from dashboard.reports.title import LONGEST, file_name, readable
from dashboard.window import Grain, Span, Window

NOTATION = Notation("en_US", "BRL")
MOMENT = datetime(2018, 12, 3, 14, 5, tzinfo=UTC)
FIRST, LAST = date(2018, 11, 1), date(2018, 11, 4)
HOSTILE = "<script>alert('x')</script> & \"q\" {{ 7 * 7 }} {% raw %} </style> <img src=x onerror=y>"
SPOKEN = {"src", "href", "onerror", "onload", "srcset", "action", "background"}


class Seen(HTMLParser):
    """Tags, attributes and words of a document, the latter without its style sheet."""

    def __init__(self, document: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: set[str] = set()
        self.words: list[str] = []
        self._is_style = False
        self.feed(document)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes.update(name for name, _ in attrs)
        self._is_style = tag == "style"

    def handle_endtag(self, _: str) -> None:
        self._is_style = False

    def handle_data(self, data: str) -> None:
        if not self._is_style and data.strip():
            self.words.append(" ".join(data.split()))

    @property
    def text(self) -> str:
        return " ".join(self.words)


def money(*values: float | None) -> pl.Series:
    written = [None if value is None else Decimal(f"{value:.2f}") for value in values]
    return pl.Series(written, dtype=pl.Decimal(38, 2))


def totals(revenue: float = 100.0, orders: int = 4) -> pl.DataFrame:
    average = revenue / orders if orders else None
    return pl.DataFrame({"revenue": money(revenue), "orders": [orders], "customers": [orders]}).with_columns(
        average_order_value=pl.lit(average, pl.Float64)
    )


def series(*revenue: float, before: tuple[float | None, ...] = (), incomplete: int = 0) -> pl.DataFrame:
    """A row a day from the first; ``incomplete`` are so many of the last."""
    number = len(revenue)
    before = before or (None,) * number
    days = [FIRST + timedelta(days=place) for place in range(number)]
    then = [
        day - timedelta(days=30) if value is not None else None
        for day, value in zip(days, before, strict=True)
    ]
    return pl.DataFrame(
        {
            "date": pl.Series(days, dtype=pl.Date),
            "is_complete": pl.Series(
                [place < number - incomplete for place in range(number)], dtype=pl.Boolean
            ),
            "revenue": money(*revenue),
            "orders": pl.Series([1] * number, dtype=pl.Int64),
            "customers": pl.Series([1] * number, dtype=pl.Int64),
            "average_order_value": pl.Series([10.0] * number, dtype=pl.Float64),
            "date_before": pl.Series(then, dtype=pl.Date),
            "revenue_before": money(*before),
        }
    )


def members(**values: tuple[float, float | None]) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "member": pl.Series(list(values), dtype=pl.String),
            "value": money(*(now for now, _ in values.values())),
            "value_before": money(*(before for _, before in values.values())),
        }
    )


def figures(compare: str = "none", watermark: date = LAST, **chosen: Any) -> Figures:
    window = Window.from_query({"range": f"{FIRST}..{LAST}", "compare": compare}, watermark, FIRST)
    values = {
        "totals": totals(),
        "totals_before": None,
        "series": series(10, 20, 30, 40),
        "rankings": (
            (CATEGORY, ITEM_SALES, members(Toys=(60, None))),
            (STATE, REVENUE, members(SP=(60, None), RJ=(40, None))),
        ),
    }
    return Figures(
        window=window,
        extent=Extent(date(2018, 1, 1), watermark),
        data_version=42,
        **(values | chosen),
    )


def seen(title: str = "November", **chosen: Any) -> Seen:
    return Seen(render(title, figures(**chosen), NOTATION, MOMENT))


def test_it_says_what_it_is_of_and_when() -> None:
    text = seen(compare="period").text
    for words in (
        "November 1–4 Nov 2018 compared with 28–31 Oct 2018",
        "Complete data through 4 Nov 2018",
        "Data version 42",
        "Generated 3 Dec 2018, 14:05 UTC",
        "Amounts in BRL (R$)",
    ):
        assert words in text


@pytest.mark.parametrize("name", [HOSTILE, "]]>", "--><b>", "&lt;b&gt;"])
def test_text_of_the_data_is_text(name: str) -> None:
    plain, hostile = seen(), seen(name, rankings=((STATE, REVENUE, members(**{name: (60, None)})),))
    assert " ".join(name.split()) in hostile.words  # the title, and the member
    assert hostile.words.count(" ".join(name.split())) >= 2
    assert set(hostile.tags) <= set(plain.tags)
    assert hostile.tags.count("style") == 1
    assert "script" not in hostile.tags


def test_it_asks_nobody_for_anything_and_runs_nothing() -> None:
    document = render("x", figures(compare="period"), NOTATION, MOMENT)
    assert not SPOKEN & Seen(document).attributes
    assert not re.search(r"https?:|url\(|@import|<script|<link|<iframe", document)
    assert "default-src 'none'" in document


def test_tiles_tell_the_change() -> None:
    before = totals(80.0, 5)
    text = seen(compare="period", totals_before=before).text
    assert "Revenue R$100.00 ▲ +25.0% from R$80.00" in text
    assert "Orders 4 ▼ -20.0% from 5" in text
    assert "Average order value R$25.00 ▲ +56.2% from R$16.00" in text
    assert "nothing to compare with" not in text


def test_change_too_small_to_be_written_has_no_direction() -> None:
    text = seen(compare="period", totals_before=totals(100.01, 4)).text
    assert "R$100.00 -0.0%" not in text
    assert "Revenue R$100.00 +0.0% from R$100.01" in text


def test_without_anything_to_compare_with_tiles_say_so() -> None:
    text = seen(compare="period", totals_before=totals(0.0, 0)).text
    assert text.count("nothing to compare with") == 4


def test_without_a_comparison_nothing_speaks_of_one() -> None:
    page = seen()
    assert "compared with nothing" in page.text
    assert "nothing to compare with" not in page.text
    assert "Change" not in page.words
    assert "Compared with" not in page.words


def test_days_without_orders_say_which_days_there_are() -> None:
    page = seen(totals=totals(0.0, 0), series=series(), rankings=((STATE, REVENUE, members()),))
    assert page.text.count("No orders on these days. The data covers 1 Jan – 4 Nov 2018.") == 3
    assert "svg" not in page.tags
    assert "Average order value –" in page.text


def test_days_that_are_not_over_are_told() -> None:
    page = seen(watermark=date(2018, 11, 3), series=series(10, 20, 30, 5, incomplete=1))
    assert "Totals count the days that are over: 1–3 Nov 2018." in page.text
    assert "Sun 4 Nov 2018 incomplete" in page.text
    assert page.text.count("incomplete") == 1
    assert page.words.count("Incomplete") == 2  # legend and meaning


def test_comparison_that_reaches_beyond_the_data_is_told() -> None:
    chosen = figures(compare="2017-12-30..2018-01-02")
    text = Seen(render("x", chosen, NOTATION, MOMENT)).text
    assert "The data begins on 1 Jan 2018, so the comparison lacks days." in text


def test_members_beyond_the_top_are_one_and_all_add_up() -> None:
    many = members(**{f"state {number}": (10, 5) for number in range(TOP + 3)})
    page = seen(compare="period", rankings=((STATE, REVENUE, many),))
    assert f"state {TOP - 1}" in page.words
    assert f"state {TOP}" not in page.words
    assert "3 others R$30.00 23.1% ▲ +100.0%" in page.text
    assert "All R$130.00 100.0% ▲ +100.0%" in page.text


def test_bars_measure_the_greatest_of_now_and_before() -> None:
    document = render(
        "x",
        figures(compare="period", rankings=((STATE, REVENUE, members(SP=(50, 100), RJ=(25, 0), MG=(0, 0))),)),
        NOTATION,
        MOMENT,
    )
    assert re.findall(r'class="(before|now)" style="width: ([\d.]+)%"', document) == [
        ("before", "100.0"),
        ("now", "50.0"),
        ("before", "0.0"),
        ("now", "25.0"),
    ]
    assert "MG" not in Seen(document).words


class TestTimeline:
    def test_incomplete_buckets_are_dashed_and_joined_to_their_neighbours(self) -> None:
        drawn = timeline(series(10, 20, 30, 40, incomplete=1), REVENUE, Grain.DAY, NOTATION)
        assert drawn.complete.count(",") == 3
        assert drawn.incomplete.count(",") == 2
        assert drawn.incomplete.startswith(f"M{drawn.complete.rsplit('L')[-1]} L{WIDTH}.0")
        assert drawn.before == drawn.dots == drawn.before_dots == ""

    def test_comparison_has_gaps_where_there_is_no_data(self) -> None:
        rows = series(10, 20, 30, 40, before=(5, None, 7, 8))
        drawn = timeline(rows, REVENUE, Grain.DAY, NOTATION)
        assert drawn.before.count("M") == 1
        assert drawn.before.count(",") == 2
        assert drawn.before_dots.startswith("M0.0,")

    @pytest.mark.parametrize("incomplete", [0, 1])
    def test_bucket_alone_is_a_dot_in_the_middle(self, incomplete: int) -> None:
        drawn = timeline(series(10, incomplete=incomplete), REVENUE, Grain.DAY, NOTATION)
        dots, none = (drawn.dots, drawn.incomplete_dots)[:: -1 if incomplete else 1]
        assert dots.startswith(f"M{WIDTH / 2:.1f},")
        assert none == drawn.complete == drawn.incomplete == drawn.area == ""
        assert [date.percent for date in drawn.dates] == [50]

    def test_axis_begins_at_zero_and_is_not_left(self) -> None:
        drawn = timeline(series(0, 95_000), REVENUE, Grain.DAY, NOTATION)
        assert [line.text for line in drawn.lines] == ["R$0", "R$20K", "R$40K", "R$60K", "R$80K", "R$100K"]
        assert drawn.lines[0].percent == 100
        assert drawn.lines[-1].percent > 0
        assert drawn.complete.startswith(f"M0.0,{HEIGHT}.0")

    def test_nothing_sold_is_a_line_at_the_bottom(self) -> None:
        drawn = timeline(series(0, 0), REVENUE, Grain.DAY, NOTATION)
        assert drawn.complete == f"M0.0,{HEIGHT}.0 L{WIDTH}.0,{HEIGHT}.0"


class TestTitles:
    SPAN = Span.through(FIRST, LAST)

    @pytest.mark.parametrize("title", ["", "  \n", "\x00\u202e", "\ud800"])
    def test_without_one_the_days_are(self, title: str) -> None:
        assert readable(title, self.SPAN) == "Sales 1–4 Nov 2018"

    def test_what_can_not_be_seen_is_left_out_and_too_much_is_cut_off(self) -> None:
        assert readable(" a\x00\n\tb\u202e ", self.SPAN) == "a b"
        assert len(readable("é" * 500, self.SPAN)) == LONGEST

    @pytest.mark.parametrize(
        ("title", "name"),
        [
            ("../../etc/passwd", "-..-etc-passwd.html"),
            ('Q4: <"all"> a/b\\c?', "Q4- -all- a-b-c-.html"),
            ("...", "report.html"),
            ("Março – São Paulo", "Março – São Paulo.html"),
        ],
    )
    def test_file_is_named_so_that_every_system_takes_it(self, title: str, name: str) -> None:
        assert file_name(title) == name
