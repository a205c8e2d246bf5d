"""What the readers ask, and what they say they got."""

from datetime import date
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dashboard.catalogue import Query, catalogue
from dashboard.data import Frame
from dashboard.window import Span
from tests import shop

FIRST_DAY, LAST_DAY = date(2023, 3, 1), shop.LAST_DAY

_SEED = 1  # so that all processes hash alike

SPLIT = tuple(query for query in catalogue().queries.values() if query.split)

# What is not about a range of days is asked with these parameters.
SAMPLES: tuple[tuple[str, dict[str, object]], ...] = (
    ("business/data_span", {}),
    ("business/customers", {"top": 10}),
    ("business/customers", {"top": 2_000}),
)


class Digest(NamedTuple):
    """Tells rows apart. That of a range of days is the sum of its days'; rows out of order have none."""

    height: int
    total: int


class Claim(NamedTuple):
    """An answer as its reader saw it; ``sample`` is the place in SAMPLES, None for a query of days."""

    reading: str
    query: str
    sample: int | None
    span: Span | None
    version: int
    source: str
    digest: Digest

    @classmethod
    def of(cls, reading: str, sample: int | None, frame: Frame) -> "Claim":
        [asked] = frame.provenance.asked
        digest = sample_digest(frame.rows) if sample is not None else days_digest(frame.rows, asked.query)
        provenance = frame.provenance
        return cls(reading, asked.query, sample, asked.span, provenance.version, provenance.source, digest)


def hashes(rows: pl.DataFrame) -> NDArray[np.uint64]:
    return rows.with_columns(pl.col(pl.Categorical).cast(pl.String)).hash_rows(_SEED).to_numpy()


def sample_digest(rows: pl.DataFrame) -> Digest:
    """Of rows whose order counts."""
    return Digest(rows.height, _sum(hashes(rows.with_row_index("place"))))


def days_digest(rows: pl.DataFrame, name: str) -> Digest:
    """Of rows by day. Blocks are cut between days, so nothing can bring those of one day out of their order."""
    is_ordered = rows[split_column(catalogue()[name])].is_sorted()
    return Digest(rows.height, _sum(hashes(rows))) if is_ordered else Digest(-1, 0)


def split_column(query: Query) -> str:
    assert query.split
    return query.split


def _sum(parts: NDArray[np.uint64]) -> int:
    return int(parts.sum(dtype=np.uint64))
