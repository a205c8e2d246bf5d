"""The record of which version of an answer was stored last."""

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from dashboard.cache import Reason, key
from dashboard.cache.latest import Latest, decode, encode
from tests.answers import answer

RELAXED = settings(deadline=None)  # a busy machine is no failure
KEY = key("business/daily_sales", 1, version=4)
LATEST = Latest(4, 1_000.0)


@RELAXED
@given(version=some.integers(min_value=-(2**63), max_value=2**63 - 1), ends=some.floats(allow_nan=False))
def test_it_survives(version: int, ends: float) -> None:
    assert decode(KEY, encode(KEY, Latest(version, ends))) == Latest(version, ends)


def test_it_is_found_whatever_version_is_asked_for() -> None:
    assert decode(KEY.at(9), encode(KEY, LATEST)) == LATEST


def test_it_ends_with_its_value() -> None:
    created = datetime(2018, 1, 1, tzinfo=UTC)
    assert Latest.of(KEY, answer(created=created, ttl_seconds=60.0)) == Latest(4, created.timestamp() + 60)


@pytest.mark.parametrize(
    ("version", "now", "reason"),
    [
        (4, 999.9, Reason.EVICTED),
        (4, 1_000.0, Reason.EXPIRED),
        (5, 0.0, Reason.VERSION),
        (3, 9e9, Reason.VERSION),
    ],
)
def test_it_tells_why_there_is_no_answer(version: int, now: float, reason: Reason) -> None:
    assert LATEST.reason(KEY.at(version), now) is reason


@RELAXED
@given(bit=some.integers(min_value=0))
def test_a_flipped_bit_is_noticed_wherever_it_is(bit: int) -> None:
    data = bytearray(encode(KEY, LATEST))
    data[bit // 8 % len(data)] ^= 1 << bit % 8
    assert decode(KEY, bytes(data)) is None


@RELAXED
@given(some.none() | some.binary() | some.binary(min_size=25, max_size=25))
def test_garbage_is_none(data: bytes | None) -> None:
    assert decode(KEY, data) is None


def test_what_was_stored_for_another_question_is_none() -> None:
    for other in (key(KEY.tag, 2), KEY._replace(tag="business/other")):
        assert decode(other, encode(KEY, LATEST)) is None
