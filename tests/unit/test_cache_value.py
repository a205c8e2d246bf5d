"""The form of a cached answer outside the process, and what becomes of anything else."""

import contextlib
import pickle
import struct
import zlib
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from dashboard.cache import key
from dashboard.cache.value import COMPRESS_FROM_BYTES, FORMAT, HEAD_BYTES, Damaged, created_of, decode, encode
from tests.answers import ALL_TYPES, answer, same

RELAXED = settings(deadline=None)  # a busy machine is no failure
KEY = key("business/daily_sales", date(2018, 1, 1))
CHECKSUM_AT, PAYLOAD_AT = 41, 45


def encoded(rows: pl.DataFrame = ALL_TYPES, **chosen: Any) -> bytes:
    return encode(KEY, answer(rows, **chosen))


def forged(payload: bytes, header: bytes | None = None) -> bytes:
    """A value whose checksum is right, as a stranger who knows the format would make it."""
    header = header or encoded()[:CHECKSUM_AT]
    checksum = zlib.crc32(payload, zlib.crc32(header, zlib.crc32(str(KEY).encode())))
    return header + struct.pack("<I", checksum) + payload


@pytest.mark.parametrize(
    "rows",
    [
        ALL_TYPES,
        ALL_TYPES.clear(),
        pl.DataFrame(),
        pl.DataFrame(height=3),
        pl.concat([ALL_TYPES] * 3, rechunk=False),
    ],
)
def test_an_answer_survives(rows: pl.DataFrame) -> None:
    kept = answer(rows, data_through=date(2018, 9, 3), version=2**40, ttl_seconds=0.5)
    assert same(decode(KEY, encode(KEY, kept)), kept)


def test_its_beginning_tells_when_it_was_made_and_a_strangers_tells_nothing() -> None:
    kept = answer()
    head = encode(KEY, kept)[:HEAD_BYTES]
    assert created_of(head) == kept.created
    forever = struct.pack("<4sBq", b"DYBK", FORMAT, 2**62) + head[13:]
    for other in (b"", head[:-1], b"X" + head[1:], bytes(HEAD_BYTES), forever):
        assert created_of(other) is None


@pytest.mark.parametrize("name", ALL_TYPES.columns)
def test_each_type_survives_in_a_large_answer(name: str) -> None:
    kept = answer(pl.concat([ALL_TYPES.select(name)] * 50_000))
    assert same(decode(KEY, encode(KEY, kept)), kept)


@RELAXED
@given(
    created=some.datetimes(min_value=datetime(1900, 1, 1), timezones=some.just(UTC)),
    ttl_seconds=some.floats(min_value=0, max_value=1e9),
    version=some.integers(min_value=-(2**63), max_value=2**63 - 1),
    database_ms=some.floats(min_value=0, max_value=1e9),
    data_through=some.none() | some.dates(),
    rows=some.lists(some.tuples(some.none() | some.text(), some.none() | some.integers(-(2**31), 2**31))),
)
def test_any_answer_survives(rows: list[tuple[str, int]], **facts: Any) -> None:
    frame = pl.DataFrame(rows, schema={"state": pl.String, "orders": pl.Int64}, orient="row")
    kept = answer(frame, **facts)
    assert same(decode(KEY, encode(KEY, kept)), kept)


def test_a_time_zone_elsewhere_is_the_same_moment() -> None:
    created = datetime(2018, 1, 1, 12, tzinfo=timezone(timedelta(hours=-3)))
    assert decode(KEY, encoded(created=created)).created == created


def test_large_answers_are_compressed_and_small_ones_are_not() -> None:
    small, large = pl.DataFrame({"n": [7] * 1_000}), pl.DataFrame({"n": [7] * 100_000})
    assert len(encoded(small)) > small.estimated_size()
    assert large.estimated_size() > COMPRESS_FROM_BYTES
    assert len(encoded(large)) < large.estimated_size() / 10


@RELAXED
@given(length=some.integers(min_value=0))
def test_a_truncated_value_is_damaged(length: int) -> None:
    data = encoded()
    with pytest.raises(Damaged):
        decode(KEY, data[: length % len(data)])


@RELAXED
@given(bit=some.integers(min_value=0))
def test_a_flipped_bit_is_noticed_wherever_it_is(bit: int) -> None:
    data = bytearray(encoded())
    data[bit // 8 % len(data)] ^= 1 << bit % 8
    with pytest.raises(Damaged):
        decode(KEY, bytes(data))


@RELAXED
@given(some.binary())
def test_garbage_is_damaged(data: bytes) -> None:
    with pytest.raises(Damaged):
        decode(KEY, data)


@RELAXED
@given(some.binary())
def test_garbage_with_a_right_checksum_is_damaged(data: bytes) -> None:
    with pytest.raises(Damaged):
        decode(KEY, forged(data))


def test_another_format_is_damaged() -> None:
    header = bytearray(encoded()[:CHECKSUM_AT])
    assert header[4] == FORMAT
    header[4] += 1
    with pytest.raises(Damaged, match="format"):
        decode(KEY, forged(encoded()[PAYLOAD_AT:], bytes(header)))


def test_the_value_of_another_key_is_damaged() -> None:
    for other in (key(KEY.tag), KEY._replace(tag="business/other"), KEY.at(1)):
        with pytest.raises(Damaged, match="checksum"):
            decode(other, encoded())


def test_a_pickle_is_damaged_and_not_executed() -> None:
    for data in (pickle.dumps(pytest.fail), forged(pickle.dumps(pytest.fail))):
        with pytest.raises(Damaged):
            decode(KEY, data)


@pytest.mark.parametrize(
    ("code", "place", "number"),
    [("q", 5, 2**62), ("q", 5, -(2**62)), ("i", 37, 2**31 - 1), ("i", 37, -1)],
)
def test_impossible_dates_in_a_header_are_damaged(code: str, place: int, number: int) -> None:
    header = bytearray(encoded()[:CHECKSUM_AT])
    struct.pack_into(f"<{code}", header, place, number)
    with pytest.raises(Damaged):
        decode(KEY, forged(encoded()[PAYLOAD_AT:], bytes(header)))


def test_a_decompression_bomb_is_damaged() -> None:
    """Every buffer says first how large it will be: these say a terabyte, and polars would believe them."""
    payload = encoded(pl.DataFrame({"n": [7] * 100_000}))[PAYLOAD_AT:]
    size = struct.pack("<q", 800_000)
    assert payload.count(size) == 1
    with pytest.raises(Damaged, match="claims"):
        decode(KEY, forged(payload.replace(size, struct.pack("<q", 2**40))))


def test_many_columns_survive_and_a_bomb_among_them_is_damaged() -> None:
    """Their metadata is too large to be remembered from one answer to the next."""
    kept = answer(pl.DataFrame({f"column {n}": [n, None] for n in range(500)}))
    data = encode(KEY, kept)
    assert same(decode(KEY, data), kept)
    payload = data[PAYLOAD_AT:]
    columns = struct.pack("<qq", 2, 1) * 500  # two rows, one null
    assert payload.count(columns) == 1
    with pytest.raises(Damaged, match="claims"):
        decode(KEY, forged(payload.replace(columns, struct.pack("<qq", 2**40, 1) * 500)))


def test_what_was_found_sound_once_is_measured_again_when_it_is_shorter() -> None:
    data = encoded()
    decode(KEY, data)
    with pytest.raises(Damaged, match="longer than the stream"):
        decode(KEY, forged(data[PAYLOAD_AT:-64]))


@RELAXED
@given(
    at=some.lists(some.integers(min_value=0), min_size=1, max_size=8),
    byte=some.sampled_from([0, 1, 127, 128, 255]),
    is_large=some.booleans(),
)
def test_forged_bytes_in_the_stream_are_an_answer_or_damaged(
    at: list[int], byte: int, is_large: bool
) -> None:
    """A wrong answer can't be told from a right one when its checksum is, but the process lives on."""
    payload = bytearray(encoded(pl.concat([ALL_TYPES] * (1_000 if is_large else 1)))[PAYLOAD_AT:])
    for place in at:
        payload[place % min(len(payload), 6_000)] = byte
    with contextlib.suppress(Damaged):
        decode(KEY, forged(bytes(payload)))
