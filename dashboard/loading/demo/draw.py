"""Random draws that depend on the seed, a subject and a row's number only: on no state, chunk or processor.

Per row there is nothing but comparing, adding and multiplying. ``exp`` and ``log`` differ in their last bit
between processors, so they only make small tables, which are rounded.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from statistics import NormalDist

import numpy as np
import polars as pl
from numpy.typing import NDArray

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

_SHARE_BITS = 40  # so few that a month's number plus a share is still exact
_QUANTILES = 1_024
_HEX_PAIRS = np.array([f"{byte:02x}".encode() for byte in range(256)])


@dataclass(frozen=True, slots=True)
class Dice:
    """Draws for numbered rows; the same seed, subject and number give the same draw."""

    seed: int

    def bits(self, subject: str, numbers: Integers) -> NDArray[np.uint64]:
        """64 bits a row: splitmix64 (Steele, Lea, Flood 2014), no two alike within a subject."""
        key = blake2b(f"{self.seed} {subject}".encode(), digest_size=8).digest()
        z = numbers.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(int.from_bytes(key))
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))

    def shares(self, subject: str, numbers: Integers) -> Floats:
        """Evenly spread between 0 and 1, without 1."""
        whole = (self.bits(subject, numbers) >> np.uint64(64 - _SHARE_BITS)).astype(np.float64)
        return whole * 2.0**-_SHARE_BITS

    def integers(
        self, subject: str, numbers: Integers, low: Integers | int, high: Integers | int
    ) -> Integers:
        """Evenly spread from ``low`` to ``high``, both included."""
        return low + (self.shares(subject, numbers) * (high - low + 1)).astype(np.int64)

    def choices(self, subject: str, numbers: Integers, weights: Sequence[float]) -> Integers:
        """Positions in ``weights``, each as often as it weighs."""
        return np.searchsorted(cumulative(weights), self.shares(subject, numbers), side="right")

    def log_normal(self, subject: str, numbers: Integers, sigma: float) -> Floats:
        """Factors around a median of 1; ``sigma`` is the deviation of their logarithm."""
        table = _log_normal_quantiles(sigma)
        place = self.shares(subject, numbers) * _QUANTILES
        below = place.astype(np.int64)
        return table[below] + (table[below + 1] - table[below]) * (place - below)

    def ids(self, subject: str, numbers: Integers) -> pl.Series:
        """32 hexadecimal digits a row, as in Olist's files."""
        halves = [self.bits(f"{subject} {half}", numbers) for half in ("id", "id, second half")]
        digits = _HEX_PAIRS[np.stack(halves, axis=1).astype(">u8").view(np.uint8)]
        return pl.Series(digits.view("S32").ravel(), dtype=pl.Binary).cast(pl.String)


def cumulative(weights: Sequence[float]) -> Floats:
    """The share of the weights up to each, ending with exactly 1."""
    sums = np.cumsum(np.asarray(weights, dtype=np.float64))
    shares: Floats = sums / sums[-1]
    return shares


def within(counts: Integers) -> Integers:
    """0, 1, … for the rows of each group, of groups of so many rows that follow each other."""
    return np.arange(counts.sum()) - np.repeat(starts(counts), counts)


def starts(counts: Integers) -> Integers:
    """The position of the first row of each group."""
    return np.cumsum(counts) - counts


def allotted(total: int, weights: Sequence[float]) -> list[int]:
    """``total`` shared out by weight in whole numbers, by the largest remainder."""
    weight_sum = math.fsum(weights)
    exact = [total * weight / weight_sum for weight in weights]
    parts = [int(part) for part in exact]
    by_remainder = sorted(range(len(parts)), key=lambda i: (parts[i] - exact[i], i))
    for i in by_remainder[: total - sum(parts)]:
        parts[i] += 1
    return parts


def named(names: Sequence[str | None], positions: Integers) -> pl.Series:
    """The names at ``positions``."""
    return pl.Series(names, dtype=pl.String)[positions]


@cache
def _log_normal_quantiles(sigma: float) -> Floats:
    normal, points = NormalDist(), _QUANTILES + 1
    z = (normal.inv_cdf((point + 0.5) / points) for point in range(points))
    return np.array([round(math.exp(sigma * value), 6) for value in z])
