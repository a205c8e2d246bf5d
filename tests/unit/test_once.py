"""What is made of frames is made once for the same frames, and again for others."""

from functools import partial

import polars as pl
import pytest

from dashboard.once import once

ROWS = pl.DataFrame({"n": [1, 2, 3]})


@pytest.fixture
def made() -> list[object]:
    return []


def test_the_same_frames_are_computed_once(made):
    @once
    def doubled(rows, by=2):
        made.append(rows)
        return rows * by

    assert doubled(ROWS) is doubled(ROWS)
    assert doubled(ROWS, by=3)["n"].to_list() == [3, 6, 9]
    assert len(made) == 2


@pytest.mark.parametrize(
    "other",
    [
        (ROWS.clone(), ["a", "b"], {"k": "v"}, partial(str, 1)),
        (ROWS, ["b", "a"], {"k": "v"}, partial(str, 1)),
        (ROWS, ["a", "b"], {"k": "w"}, partial(str, 1)),
        (ROWS, ["a", "b"], {"k": "v"}, partial(str, 2)),
        (ROWS, ["a", "b"], {"k": "v"}, partial(repr, 1)),
        (id(ROWS), ["a", "b"], {"k": "v"}, partial(str, 1)),
    ],
)
def test_anything_else_is_computed_anew(made, other):
    @once
    def counted(*args):
        made.append(args)
        return len(made)

    assert [counted(ROWS, ["a", "b"], {"k": "v"}, partial(str, 1)) for _ in range(2)] == [1, 1]
    assert counted(*other) == 2


def test_frames_that_are_gone_are_not_taken_for_new_ones_in_their_place(made):
    @once
    def summed(rows):
        made.append(None)
        return rows["n"].sum()

    assert [summed(pl.DataFrame({"n": [n]})) for n in range(200)] == list(range(200))


def test_errors_are_not_kept(made):
    @once
    def failing(rows):
        made.append(rows)
        raise ValueError("no")

    for _ in range(2):
        with pytest.raises(ValueError, match="no"):
            failing(ROWS)
    assert len(made) == 2


def test_what_can_not_be_told_apart_is_refused():
    with pytest.raises(TypeError):
        once(len)({"a", "b"})
