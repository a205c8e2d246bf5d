"""Members of several dimensions as one text, by which a mark of a chart is known and clicked."""

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from typing import Any

import polars as pl

from dashboard.explore.question import Member
from dashboard.measures import Dimension
from dashboard.once import once


@once
def marked(rows: pl.DataFrame, dimensions: Sequence[Dimension], **columns: str) -> pl.DataFrame:
    """A column ``member`` (String), which stands for the members of all the dimensions, and others under new names."""
    texts = [json.dumps([str(member) for member in each]) for each in _members(rows, dimensions)]
    return rows.select(pl.Series("member", texts, dtype=pl.String), **columns)


def labelled(rows: pl.DataFrame, dimensions: Sequence[Dimension]) -> pl.DataFrame:
    """The rows with a column ``label`` (String): their members as people know them."""
    texts = [
        " · ".join(one.label_of(member) for one, member in zip(dimensions, each, strict=True))
        for each in _members(rows, dimensions)
    ]
    return rows.with_columns(label=pl.Series(texts, dtype=pl.String))


def _members(rows: pl.DataFrame, dimensions: Sequence[Dimension]) -> Iterable[Sequence[Any]]:
    """Those of each row, also if there are no dimensions."""
    return rows.select(one.name for one in dimensions).rows() if dimensions else [()] * len(rows)


def members_of(text: str, dimensions: Sequence[Dimension]) -> Iterator[tuple[Dimension, Member]]:
    """What such a text stands for."""
    for one, member in zip(dimensions, json.loads(text), strict=True):
        if one.dtype.is_temporal():
            yield one, date.fromisoformat(member)
        else:
            yield one, int(member) if one.dtype.is_integer() else member


def label_of(text: str, dimensions: Sequence[Dimension]) -> str:
    """How people know it where there is little room: ``SP · Credit card``."""
    return " · ".join(one.brief_of(member) for one, member in members_of(text, dimensions))
