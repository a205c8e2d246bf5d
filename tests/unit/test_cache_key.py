"""Keys: the same parts give the same key, and other parts another."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from dashboard.cache import key

RELAXED = settings(deadline=None, max_examples=60)  # a busy machine is no failure
SCALARS = (
    some.none()
    | some.booleans()
    | some.integers()
    | some.floats(allow_nan=False)
    | some.text()
    | some.dates()
    | some.datetimes()
    | some.decimals(allow_nan=False)
)
PARTS = some.recursive(
    SCALARS, lambda inner: some.lists(inner).map(tuple) | some.dictionaries(some.text(), inner), max_leaves=4
)


def shape(part: Any) -> Any:
    """Equal for parts of equal types, values and nesting only; Python's own 1 == True == 1.0 is too kind."""
    match part:
        case tuple():
            return ("tuple", *map(shape, part))
        case Mapping():
            return ("mapping", *((name, shape(part[name])) for name in sorted(part)))
        case _:
            return (type(part).__name__, repr(part))


@RELAXED
@given(some.tuples(PARTS, PARTS), some.tuples(PARTS, PARTS))
def test_keys_are_equal_when_all_parts_are(one: Any, other: Any) -> None:
    assert (key("tag", *one) == key("tag", *other)) == (shape(one) == shape(other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("ab", "c"), ("a", "bc")),
        (("a", "b"), (("a", "b"),)),
        ((1,), ("1",)),
        ((1,), (True,)),
        ((1,), (1.0,)),
        ((Decimal(1),), (1,)),
        ((date(2018, 1, 1),), (datetime(2018, 1, 1),)),
        ((datetime(2018, 1, 1),), (datetime(2018, 1, 1, tzinfo=UTC),)),
        ((date(2018, 1, 1),), ("2018-01-01",)),
        ((None,), ()),
        ((None,), ("",)),
        ((("a",), "b"), (("a", "b"),)),
        (({"a": 1},), (("a", 1),)),
        ((0.0,), (-0.0,)),
    ],
)
def test_parts_that_look_alike_are_told_apart(one: Any, other: Any) -> None:
    assert key("tag", *one) != key("tag", *other)


def test_a_key_is_the_same_in_every_process() -> None:
    made = key("business/daily_sales", 7, date(2018, 1, 1), {"state": ("SP", None), "limit": 10})
    assert made == key("business/daily_sales", 7, date(2018, 1, 1), {"limit": 10, "state": ["SP", None]})
    assert str(made) == "business/daily_sales:03bcb0eb4834feb494cde4b753060f35:0"


def test_what_has_no_canonical_form_is_refused() -> None:
    with pytest.raises(TypeError, match="no canonical form"):
        key("tag", {"a", "b"})  # type: ignore[arg-type]


@pytest.mark.parametrize("tag", ["", " ", "a b", "{a}", "a*", "ação", "a\n", "x" * 201])
def test_a_tag_that_redis_would_misread_is_refused(tag: str) -> None:
    with pytest.raises(ValueError, match="no cache tag"):
        key(tag)


def test_the_same_question_of_another_state_of_the_data_is_another_key() -> None:
    asked = key("tag", 1, version=4)
    assert asked.at(5) == key("tag", 1, version=5)
    assert asked.at(5) != asked
    assert key("tag", 1).version == 0
