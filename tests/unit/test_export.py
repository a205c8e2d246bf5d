import csv
import io
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import polars as pl
import pyarrow.parquet as pq
import pytest
from openpyxl.worksheet.worksheet import Worksheet

from dashboard import export
from dashboard.data import Provenance
from dashboard.explore import filters
from dashboard.export import FileType, Sheet, workbook
from dashboard.measures import REVENUE, Column
from dashboard.notation import Format, Notation
from dashboard.settings import ROOT
from dashboard.window import Window

REALS = Notation("en_US", "BRL")
KINDS = tuple(FileType)

ROWS = pl.DataFrame(
    {
        "date": [date(2017, 11, 24), date(2017, 11, 25), None],
        "revenue": pl.Series([Decimal("7200.50"), Decimal("-0.10"), None], dtype=pl.Decimal(38, 2)),
        "orders": [49, 0, None],
        "late_share": [0.125, 1e-7, None],
        "is_complete": [True, False, None],
        "state": pl.Series(["SP", "RJ", None], dtype=pl.Categorical()),
        "remark": ['São "Paulo", SP', "two\nlines", None],
        "at": pl.Series(
            [datetime(2017, 11, 24, 12, 30, tzinfo=UTC)] * 2 + [None], dtype=pl.Datetime("us", "UTC")
        ),
    }
)
COLUMNS = (
    Column("date", "Day"),
    Column("revenue", "Revenue", Format.MONEY),
    Column("orders", "Orders", Format.COUNT),
    Column("late_share", "Late", Format.SHARE),
    Column("is_complete", "Complete"),
    Column("state", "State"),
    Column("remark", "Remark"),
    Column("at", "Read"),
)
LABELS = ["Day", "Revenue (R$)", "Orders", "Late", "Complete", "State", "Remark", "Read (UTC)"]

# What spreadsheets take for formulas, links or commands, what XML can't hold, and what XlsxWriter takes for markup.
HOSTILE = [
    '=HYPERLINK("http://evil.example","click")',
    "+1",
    "-1",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "＝1",
    "http://evil.example",
    "mailto:a@b.example",
    "{=1}",
    "<r><t>x</t></r>",
    "</t></is></c>&amp;<!--",
    "_x0041_ and _x000D_",
    "\x01\x08\x0b\x1f\ufffe",
    "a;=1",
    'quote " and , comma',
    " kept ",
    "",
]


def sheet(*columns: Column, notation: Notation = REALS, **notes: str) -> Sheet:
    return Sheet("Sales", columns or COLUMNS, notation, notes)


def written(kind: FileType, rows: pl.DataFrame, of: Sheet | None = None) -> bytes:
    return export.content(kind, of or sheet(), rows)


def book(content: bytes) -> openpyxl.Workbook:
    return openpyxl.load_workbook(io.BytesIO(content))


def data(content: bytes) -> Worksheet:
    return book(content)["Data"]


def about(content: bytes) -> dict[str, Any]:
    return dict(book(content)["About"].iter_rows(min_row=3, values_only=True))


def values(content: bytes) -> list[list[Any]]:
    return [[unescaped(value) for value in row] for row in data(content).iter_rows(values_only=True)]


def unescaped(value: Any) -> Any:
    """Excel shows the sign that ``_x000D_`` stands for; openpyxl does not."""
    return openpyxl.utils.escape.unescape(value) if isinstance(value, str) else value


def lines(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))


def text_rows(kind: FileType, content: bytes) -> list[list[str]]:
    """The rows of any file, each value as CSV would have it."""
    if kind is FileType.CSV:
        return lines(content)[1:]
    if kind is FileType.PARQUET:
        return [[as_text(value) for value in row] for row in pl.read_parquet(io.BytesIO(content)).iter_rows()]
    return [
        [as_text(cell.value, column) for cell, column in zip(row, COLUMNS, strict=True)]
        for row in data(content).iter_rows(min_row=2, max_row=1 + len(ROWS))
    ]


def as_text(value: Any, column: Column | None = None) -> str:
    match value:
        case None:
            return ""
        case bool():
            return str(value).lower()
        case datetime():
            day = column is not None and column.name == "date"
            return f"{value:%Y-%m-%d}" if day else f"{value:%Y-%m-%dT%H:%M:%S.%f}+0000"
        case int() | float() if column and column.format is Format.MONEY:
            return f"{value:.2f}"
        case _:
            return str(value)


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_file_has_the_same_rows(kind: FileType) -> None:
    assert text_rows(kind, written(kind, ROWS)) == [
        ["2017-11-24", "7200.50", "49", "0.125", "true", "SP", 'São "Paulo", SP', "2017-11-24T12:30:00.000000+0000"],
        ["2017-11-25", "-0.10", "0", "1e-07" if kind is not FileType.CSV else "1e-7", "false", "RJ", "two\nlines",
         "2017-11-24T12:30:00.000000+0000"],
        [""] * 8,
    ]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_frames_follow_one_another(kind: FileType) -> None:
    sink = io.BytesIO()
    export.write(kind, sheet(), (ROWS.slice(n, 1) for n in range(3)), sink)
    assert text_rows(kind, sink.getvalue()) == text_rows(kind, written(kind, ROWS))


@pytest.mark.parametrize("kind", KINDS)
def test_only_the_columns_of_the_sheet_leave_in_its_order(kind: FileType) -> None:
    of = sheet(Column("orders", "Orders"), Column("date", "Day"))
    content = written(kind, ROWS.head(1), of)
    if kind is FileType.PARQUET:
        assert pl.read_parquet(io.BytesIO(content)).rows() == [(49, date(2017, 11, 24))]
    else:
        header = lines(content)[0] if kind is FileType.CSV else values(content)[0]
        assert header == ["Orders", "Day"]


@pytest.mark.parametrize("kind", KINDS)
def test_without_rows_there_is_a_header(kind: FileType) -> None:
    content = written(kind, ROWS.clear())
    match kind:
        case FileType.CSV:
            assert lines(content) == [LABELS]
        case FileType.XLSX:
            assert values(content) == [LABELS]
        case FileType.PARQUET:
            assert pl.read_parquet(io.BytesIO(content)).is_empty()


class TestCsv:
    def test_begins_with_the_mark_by_which_spreadsheets_know_the_encoding(self) -> None:
        assert written(FileType.CSV, ROWS).startswith(b"\xef\xbb\xbfDay,Revenue (R$),")

    def test_says_the_notes_in_lines_before_the_header(self) -> None:
        content = written(FileType.CSV, ROWS, sheet(Filters="State: SP", Days="1–28 Feb"))
        assert content.decode("utf-8-sig").splitlines()[:3] == [
            "# Filters: State: SP",
            "# Days: 1–28 Feb",
            ",".join(LABELS),
        ]
        read = pl.read_csv(io.BytesIO(content), comment_prefix="#")
        assert read.columns == LABELS
        assert len(read) == 3

    def test_notes_can_neither_break_a_line_nor_be_a_formula(self) -> None:
        hostile = sheet(Filters='State: "a,=1+1\n=2; +3,"b')
        content = written(FileType.CSV, ROWS, hostile)
        first, header, *_ = lines(content)
        assert header == LABELS
        assert [cell.lstrip()[:1] for cell in first[1:]] == ["'", "'"]

    def test_texts_that_are_formulas_to_a_spreadsheet_begin_with_an_apostrophe(self) -> None:
        rows = pl.DataFrame({"remark": HOSTILE})
        content = written(FileType.CSV, rows, sheet(Column("remark", "Remark")))
        found = [cell for [cell] in lines(content)[1:]]
        assert found == [f"'{text}" if text[:1] in [*"=+-@\t\r＝"] else text for text in HOSTILE]

    def test_negative_numbers_stay_numbers(self) -> None:
        assert lines(written(FileType.CSV, ROWS))[2][1] == "-0.10"


class TestWorkbook:
    def test_cells_have_types_and_formats(self) -> None:
        cells = next(data(written(FileType.XLSX, ROWS)).iter_rows(min_row=2))
        assert [(cell.data_type, cell.number_format) for cell in cells] == [
            ("d", "yyyy-mm-dd"),
            ("n", '"R$"#,##0.00'),
            ("n", "#,##0"),
            ("n", "0.0%"),
            ("b", "General"),
            ("s", "General"),
            ("s", "General"),
            ("d", "yyyy-mm-dd hh:mm:ss"),
        ]
        assert cells[0].value == datetime(2017, 11, 24)
        assert cells[7].value == datetime(2017, 11, 24, 12, 30)

    def test_what_is_missing_or_no_number_has_no_cell(self) -> None:
        rows = pl.DataFrame({"late_share": [None, float("nan"), float("inf"), -float("inf"), 0.5]})
        content = written(FileType.XLSX, rows, sheet(Column("late_share", "Late", Format.SHARE)))
        assert values(content)[1:] == [[None], [None], [None], [None], [0.5]]

    @pytest.mark.parametrize(
        ("notation", "code"),
        [
            (Notation("pt_BR", "BRL"), '"R$"\xa0#,##0.00'),
            (Notation("de_DE", "EUR"), '#,##0.00\xa0"€"'),
            (Notation("ja_JP", "JPY"), '"￥"#,##0'),
        ],
    )
    def test_amounts_are_in_the_format_of_their_currency(self, notation: Notation, code: str) -> None:
        column = Column("revenue", "Revenue", Format.MONEY)
        content = written(FileType.XLSX, ROWS, sheet(column, notation=notation))
        assert data(content)["A2"].number_format == code

    def test_texts_are_texts_whatever_they_look_like(self) -> None:
        rows = pl.DataFrame({"remark": HOSTILE})
        content = written(FileType.XLSX, rows, sheet(Column("remark", "Remark")))
        page = data(content)
        assert [unescaped(cell.value) for [cell] in page.iter_rows(min_row=2)] == HOSTILE
        assert {cell.data_type for [cell] in page.iter_rows(min_row=2)} == {"s"}
        assert not any(cell.hyperlink for [cell] in page.iter_rows())

    def test_notes_are_texts_too(self) -> None:
        notes = {"Filters": "=1+1", "Link": "http://evil.example", "Empty": ""}
        content = written(FileType.XLSX, ROWS, Sheet("=Sales", COLUMNS, REALS, notes))
        page = book(content)["About"]
        assert page["A1"].value == "=Sales"
        assert {cell.data_type for row in page.iter_rows() for cell in row if cell.value} == {"s"}
        assert about(content) == {"Filters": "=1+1", "Link": "http://evil.example", "Empty": ""}

    def test_opens_with_its_notes_and_a_header_that_stays_and_filters(self) -> None:
        content = written(FileType.XLSX, ROWS, sheet(Days="1–28 Feb 2018"))
        assert book(content).sheetnames == ["About", "Data"]
        assert about(content) == {"Days": "1–28 Feb 2018"}
        page = data(content)
        assert (page.freeze_panes, page.auto_filter.ref, page.dimensions) == ("A2", "A1:H4", "A1:H3")
        widths = [page.column_dimensions[letter].width for letter in "ABG"]
        assert widths[0] >= len("2017-11-24")
        assert widths[1] >= len("Revenue (R$)")
        assert widths == sorted(widths)

    @pytest.mark.parametrize(
        ("text", "kept"),
        [
            ("a" * 32_767, 32_767),
            ("a" * 32_768, 32_767),
            ("<" * 32_768, 32_767),
            ("😀" * 16_383, 16_383),
            ("😀" * 16_384, 16_383),
        ],
    )
    def test_texts_that_no_cell_can_hold_are_cut_and_the_notes_say_so(self, text: str, kept: int) -> None:
        rows = pl.DataFrame({"remark": ["short", text]})
        content = written(FileType.XLSX, rows, sheet(Column("remark", "Remark")))
        assert values(content)[2] == [text[:kept]]
        is_cut = kept < len(text)
        assert about(content).get("Texts cut") == (
            "1 texts are longer than a cell of Excel, and cut." if is_cut else None
        )

    def test_rows_that_no_sheet_can_hold_are_left_out_and_the_notes_say_how_many(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(workbook, "MOST_ROWS", 5)
        sink = io.BytesIO()
        export.write(FileType.XLSX, sheet(), [ROWS] * 4, sink)
        content = sink.getvalue()
        assert len(values(content)) == 1 + 5
        assert about(content) == {"Rows left out": "Cut after 5 of 12 rows: a sheet of Excel holds no more."}

    def test_that_breaks_off_leaves_no_file(self, tmp_path: Path) -> None:
        def frames() -> Iterator[pl.DataFrame]:
            yield ROWS
            assert [*tmp_path.iterdir()]
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            export.write(FileType.XLSX, sheet(), frames(), io.BytesIO(), tmp_path)
        assert not [*tmp_path.iterdir()]


class TestParquet:
    def test_has_types_labels_and_notes(self) -> None:
        content = written(FileType.PARQUET, ROWS, sheet(Filters="none"))
        plain = ROWS.with_columns(pl.col("state").cast(pl.String))
        assert pl.read_parquet(io.BytesIO(content)).equals(plain)
        schema = pq.read_schema(io.BytesIO(content))
        assert {b"title": b"Sales", b"Filters": b"none"}.items() <= schema.metadata.items()
        assert [field.metadata[b"label"].decode() for field in schema] == LABELS

    def test_texts_stay_as_they_are(self) -> None:
        rows = pl.DataFrame({"remark": HOSTILE})
        content = written(FileType.PARQUET, rows, sheet(Column("remark", "Remark")))
        assert pl.read_parquet(io.BytesIO(content)).equals(rows)


def test_notes_name_days_comparison_filters_state_of_the_data_and_definitions() -> None:
    read = datetime(2018, 3, 2, 9, 30, tzinfo=UTC)
    provenance = Provenance("memory", 42, read, date(2018, 3, 1), 1.0, ())
    window = Window.from_query({"range": "2018-02"}, date(2018, 3, 1), date(2017, 1, 1))
    chosen = filters({"state": ["SP", "RJ"], "hour": ["9"]})
    assert export.notes(provenance, window, chosen, [REVENUE]) == {
        "Days": "1–28 Feb 2018",
        "Compared with": "1–31 Jan 2018",
        "Filters": "State: SP, RJ; Hour: 9",
        "Data read": "2018-03-02 09:30:00 UTC",
        "Data version": "42",
        "Data through": "2018-03-01",
        "Revenue": REVENUE.definition,
    }


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("Sales by day 2018-02-01 to 2018-02-28", "Sales by day 2018-02-01 to 2018-02-28.csv"),
        ('../São/"x"\r\nSet-Cookie: a=b', "S o x Set-Cookie a b.csv"),
        ("–", "daybook.csv"),
    ],
)
def test_file_names_are_plain(title: str, name: str) -> None:
    assert export.file_name(FileType.CSV, title) == name


class TestProgress:
    def test_is_known_by_the_id_of_an_export(self) -> None:
        assert export.progress("nobody's") is None
        frames = export.follow("mine", [ROWS, ROWS], 6)
        next(frames)
        assert export.progress("mine") == (0, 6, False, False)
        next(frames)
        assert export.progress("mine") == (3, 6, False, False)
        assert [*frames] == []
        export.end("mine", has_failed=False)
        assert export.progress("mine") == (6, 6, True, False)

    def test_says_that_an_export_broke_off(self) -> None:
        next(export.follow("broken", [ROWS], 3))
        export.end("broken", has_failed=True)
        so_far = export.progress("broken")
        assert so_far == (0, 3, True, True)
        assert so_far is not None
        assert so_far.share == 0

    def test_is_forgotten_after_many_others(self) -> None:
        for number in range(300):
            export.end(f"number {number}", has_failed=False)
        assert export.progress("number 0") is None
        assert export.progress("number 299")


MEMORY = """
import resource, sys
import polars as pl
from dashboard import export
from dashboard.explore import ORDER_COLUMNS
from dashboard.export import FileType, Sheet
from dashboard.notation import Notation

class Sink:
    def write(self, content): return len(content)
    def flush(self): pass
    def tell(self): return 0
    closed = False

FRAME = pl.DataFrame({
    column.name: ["7d1f0a93bc45e6f2"] * 10_000 if column.format is None else [4.25] * 10_000
    for column in ORDER_COLUMNS
}).with_columns(revenue=pl.lit("12.50").cast(pl.Decimal(38, 2)))

def grown(frames):
    export.write(FileType(sys.argv[1]), Sheet("x", ORDER_COLUMNS, Notation("en_US", "BRL")), [FRAME] * frames, Sink())
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024

few = grown(2)
print(grown(30) - few)
"""


@pytest.mark.parametrize("kind", KINDS)
def test_many_rows_take_no_more_memory_than_few(kind: FileType) -> None:
    command = [sys.executable, "-c", MEMORY, kind]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert int(done.stdout) < 60, "MB more for 300,000 rows than for 20,000"
