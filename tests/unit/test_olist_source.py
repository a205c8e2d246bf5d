"""Records, lines and faults of CSV files, without a database."""

import csv
import gzip
import io
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard.errors import LoadError
from dashboard.loading import source
from dashboard.loading.rejects import Reject
from dashboard.loading.source import LINE, open_source
from dashboard.loading.tables import TABLES

TRANSLATION, SELLERS = TABLES[0], TABLES[3]
HEADER = b"seller_id,seller_zip_code_prefix,seller_city,seller_state\n"


def read(path: Path, content: bytes, header: bytes = HEADER) -> tuple[list[tuple[object, ...]], list[Reject]]:
    path.write_bytes(header + content)
    batches = list(open_source(SELLERS, path).batches(lambda _: None))
    rows = pl.concat([batch.rows for batch in batches]).rows() if batches else []
    return rows, [reject for batch in batches for reject in batch.rejected]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "sellers.csv"


def test_a_record_knows_the_line_it_starts_on(path: Path) -> None:
    rows, rejected = read(path, b'a,01001,"S\xc3\xa3o\nPaulo",SP\r\n"b","0",x,"y ""z"""\nc,,"",')
    assert rows == [
        (2, "a", "01001", "São\nPaulo", "SP"),
        (4, "b", "0", "x", 'y "z"'),
        (5, "c", None, None, None),
    ]
    assert rejected == []


def test_blocks_end_where_records_end(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "BLOCK_BYTES", 16)
    rows, _ = read(path, b"".join(b'%d,"x\ny,""\n",z,\n' % i for i in range(50)))
    assert [row[0] for row in rows] == list(range(2, 152, 3))
    assert {row[2:] for row in rows} == {('x\ny,"\n', "z", None)}


def test_records_with_a_wrong_number_of_fields_are_rejected_and_blank_lines_are_not_there(path: Path) -> None:
    rows, rejected = read(path, b"a,b,c\n\nd,e,f,g\n1,2,3,4,5\n")
    assert rows == [(4, "d", "e", "f", "g")]
    assert [(reject.line, reject.detail, reject.row) for reject in rejected] == [
        (2, "has 3 fields instead of 4", "a,b,c"),
        (5, "has 5 fields instead of 4", "1,2,3,4,5"),
    ]


def test_a_missing_field_is_not_made_up_for_by_a_comma_in_another_record(path: Path) -> None:
    rows, rejected = read(path, b'a,b,"c,c",d\ne,f,g\nh,i,j,k\n')
    assert [row[1] for row in rows] == ["a", "h"]
    assert [reject.line for reject in rejected] == [3]


def test_a_lost_quote_does_not_swallow_the_records_up_to_the_next_one(path: Path) -> None:
    rows, rejected = read(path, b'a,"b,c,d\ne,"f,g,h\ni,j,k,l\n')
    assert [row[1] for row in rows] == ["i"]
    assert [(reject.line, reject.reason) for reject in rejected] == [(2, "broken quotes")]


def test_text_behind_a_closing_quote_and_nul_characters_are_rejected(path: Path) -> None:
    rows, rejected = read(path, b'"a"b,c,d,e\nf,g,h,\0\ni,j,k,l\n')
    assert [row[1] for row in rows] == ["i"]
    assert [(reject.line, reject.reason) for reject in rejected] == [
        (2, "broken quotes"),
        (3, "NUL character"),
    ]


def test_a_quote_that_never_closes_is_an_error_with_its_line(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(LoadError, match=r"sellers\.csv:3: a quote is opened"):
        read(path, b'a,b,c,d\ne,"f,g,h\n' + b'i,"j",k,l\n' * 10)
    monkeypatch.setattr(source, "BLOCK_BYTES", 64)
    monkeypatch.setattr(source, "MAX_RECORD_BYTES", 256)
    with pytest.raises(LoadError, match=r"sellers\.csv:3: what starts in this line is longer"):
        read(path, b'a,b,c,d\ne,"f,g,h\n' + b'i,"j",k,l\n' * 100)


def test_bytes_that_are_not_utf8_are_an_error_with_line_and_column(path: Path) -> None:
    with pytest.raises(LoadError, match=r"sellers\.csv:4: column seller_city: byte 0xE3 is not UTF-8"):
        read(path, b'a,"b\n",c,d\ne,f,S\xe3o Paulo,g\n')


@pytest.mark.parametrize("ending", [b"\n", b"\r\n"])
def test_a_header_may_have_a_byte_order_mark_quotes_and_any_order(path: Path, ending: bytes) -> None:
    header = b'\xef\xbb\xbf"seller_state","seller_id",seller_city,"seller_zip_code_prefix"' + ending
    rows, _ = read(path, b"SP,a,,01001", header)
    assert rows == [(2, "SP", "a", None, "01001")]


@pytest.mark.parametrize(
    ("header", "problem"),
    [
        (b"", "the file is empty"),
        (b"\xef\xbb\xbf", "the file is empty"),
        (b"\n", "the file is empty"),
        (b"seller_id,seller_zip_code_prefix,seller_city\n", "missing column 'seller_state'"),
        (HEADER.strip() + b",seller_age\n", "unknown column 'seller_age'"),
        (HEADER.strip() + b",seller_id\n", "column named twice 'seller_id'"),
        (b"seller_id,s\xe9ller\n", "column 2: byte 0xE9 is not UTF-8"),
        (HEADER.decode().encode("utf-16"), "column 1: byte 0xFF is not UTF-8"),
        (HEADER.decode().encode("utf-16-le"), "not lines of UTF-8 text"),
        (HEADER.replace(b"\n", b"\r") + b"a,b,c,d\r", "not lines of UTF-8 text"),
    ],
)
def test_a_wrong_header_is_an_error_with_file_line_and_column(
    path: Path, header: bytes, problem: str
) -> None:
    path.write_bytes(header)
    with pytest.raises(LoadError) as caught:
        open_source(SELLERS, path)
    assert str(caught.value).startswith(f"{path}:1: ")
    assert problem in str(caught.value)


def test_a_damaged_archive_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "sellers.csv.gz"
    packed = gzip.compress(HEADER + b"a,b,c,d\n" * 10_000)
    path.write_bytes(packed[:-20])
    with pytest.raises(LoadError, match=r"sellers\.csv\.gz can't be read"):
        list(open_source(SELLERS, path).batches(lambda _: None))
    path.write_bytes(HEADER)
    with pytest.raises(LoadError, match=r"sellers\.csv\.gz can't be read"):
        open_source(SELLERS, path)


FIELD = st.text(st.sampled_from('ab,"\n\r\0 #é5'), max_size=4)
QUOTED = FIELD.map(lambda field: '"' + field.replace('"', '""') + '"')
RECORDS = st.lists(
    st.lists(FIELD | QUOTED, min_size=1, max_size=4)
    .map(",".join)
    .flatmap(lambda record: st.sampled_from(["\n", "\r\n"]).map(lambda ending: record + ending)),
    max_size=6,
)


@settings(deadline=None)
@given(st.lists(st.lists(QUOTED | st.sampled_from(["a", "", "b c"]), min_size=2, max_size=2), max_size=6))
def test_well_formed_records_take_the_quick_way(records: list[list[str]]) -> None:
    text = "".join(",".join(record) + "\n" for record in records)
    if not any(character in text for character in "\r\0"):
        assert source._plain_rows(2, text, ("one", "two")) is not None


@settings(deadline=None)
@given(RECORDS)
def test_the_quick_and_the_careful_way_read_the_same(records: list[str]) -> None:
    text = "".join(records)
    quick = source._plain_rows(2, text, ("one", "two"))
    if quick is not None:
        careful = source._careful_rows(2, text, ("one", "two"))
        assert careful.rejected == []
        assert quick.rows() == careful.rows.rows()
        assert quick.columns == careful.rows.columns == [LINE, "one", "two"]


@settings(deadline=None)
@given(st.lists(st.tuples(FIELD, FIELD), max_size=5))
def test_what_a_csv_writer_wrote_is_read_back(fields: list[tuple[str, str]]) -> None:
    written = io.StringIO()
    csv.writer(written).writerows(fields)
    batch = source._careful_rows(2, written.getvalue(), ("one", "two"))
    kept = [
        tuple(field or None for field in row) for row in fields if not any("\0" in field for field in row)
    ]
    assert [row[1:] for row in batch.rows.rows()] == kept
    assert len(batch.rejected) == len(fields) - len(kept)
