"""A timeline as lines of SVG, and the labels that stand around it as text, which does not shrink with it."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby, pairwise
from math import ceil
from typing import NamedTuple

import polars as pl

from dashboard.measures import Measure
from dashboard.notation import Notation, axis
from dashboard.window import Grain

WIDTH, HEIGHT = 1_000, 300
"""Of the drawing, in its own units: a page stretches it."""

_DATED_BUCKETS = 7  # as many dates as fit below it on a phone
_DATES = {Grain.DAY: "%-d %b", Grain.WEEK: "%-d %b", Grain.MONTH: "%b ’%y"}
_ROOM_ABOVE = 1.03


class Point(NamedTuple):
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Label:
    """Words beside the drawing, ``percent`` of its height or width from the top or left."""

    text: str
    percent: float


@dataclass(frozen=True, slots=True)
class Timeline:
    """Paths of SVG, empty where there is nothing to draw. Dots are buckets that no line reaches."""

    complete: str
    incomplete: str
    before: str
    area: str
    dots: str
    incomplete_dots: str
    before_dots: str
    lines: tuple[Label, ...]
    dates: tuple[Label, ...]


def timeline(rows: pl.DataFrame, measure: Measure, grain: Grain, notation: Notation) -> Timeline:
    """Draw a measure that every bucket has; ``rows`` is ``explore.series``, and has some."""
    now, before = rows[measure.name].to_list(), rows[f"{measure.name}_before"].to_list()
    lines = axis(max(float(value) for value in [*now, *before] if value is not None), measure.format)
    top = (lines[-1] or 1.0) * _ROOM_ABOVE
    points = [point for point in _points(now, top) if point]
    is_complete = rows["is_complete"].to_list()
    runs = [
        [point for point in run if point] for has_any, run in groupby(_points(before, top), bool) if has_any
    ]
    is_alone = len(points) == 1
    return Timeline(
        complete=_path(_lines(points, is_complete, dashed=False)),
        incomplete=_path(_lines(points, is_complete, dashed=True)),
        before=_path(runs),
        area=_area(points),
        dots=_dots(points if is_alone and is_complete[0] else []),
        incomplete_dots=_dots(points if is_alone and not is_complete[0] else []),
        before_dots=_dots(run[0] for run in runs if len(run) == 1),
        lines=tuple(Label(notation.short(at, measure.format), 100 * (1 - at / top)) for at in lines),
        dates=tuple(_dates(rows["date"].to_list(), grain)),
    )


def _points(values: Sequence[float | None], top: float) -> list[Point | None]:
    step = WIDTH / max(len(values) - 1, 1)
    start = WIDTH / 2 if len(values) == 1 else 0.0
    return [
        None if value is None else Point(start + step * place, HEIGHT * (1 - max(float(value), 0.0) / top))
        for place, value in enumerate(values)
    ]


def _lines(points: Sequence[Point], is_complete: Sequence[bool], *, dashed: bool) -> Iterator[list[Point]]:
    """A stretch between two buckets is dashed unless both are complete."""
    stretches = [not (left and right) for left, right in pairwise(is_complete)]
    for is_dashed, run in groupby(range(len(stretches)), stretches.__getitem__):
        places = [*run]
        if is_dashed is dashed:
            yield list(points[places[0] : places[-1] + 2])


def _path(runs: Iterable[Sequence[Point]]) -> str:
    return " ".join("M" + " L".join(map(_at, run)) for run in runs if len(run) > 1)


def _area(points: Sequence[Point]) -> str:
    if len(points) < 2:  # noqa: PLR2004 - a dot has none
        return ""
    ends = [Point(points[-1].x, HEIGHT), Point(points[0].x, HEIGHT)]
    return f"{_path([[*points, *ends]])} Z"


def _dots(points: Iterable[Point]) -> str:
    """Lines without length, whose round ends stay round however the drawing is stretched."""
    return " ".join(f"M{_at(point)} h0" for point in points)


def _at(point: Point) -> str:
    return f"{point.x:.1f},{point.y:.1f}"


def _dates(days: Sequence[date], grain: Grain) -> Iterator[Label]:
    for place in range(0, len(days), ceil(len(days) / _DATED_BUCKETS)):
        percent = 100 * place / (len(days) - 1) if len(days) > 1 else 50.0
        yield Label(f"{days[place]:{_DATES[grain]}}", percent)
