"""What was true when: the rows of every committed version, and the verdict on what readers claim."""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from bench.soak.claim import SAMPLES, SPLIT, Claim, Digest, hashes, sample_digest, split_column
from dashboard.catalogue import catalogue
from dashboard.data import EVER, STALE
from dashboard.database import Database, Snapshot
from dashboard.versions import Versions, read_versions
from dashboard.window import Span


class Days:
    """Digests of any range of days, in a few bytes a day."""

    def __init__(self, rows: pl.DataFrame, column: str) -> None:
        days, first = np.unique(rows[column].to_numpy(), return_index=True)
        by_day = np.add.reduceat(hashes(rows), first) if len(first) else np.zeros(0, np.uint64)
        self._days = days
        self._rows_before = np.append(first, rows.height)
        self._sum_before = np.append(np.uint64(0), np.cumsum(by_day, dtype=np.uint64))

    def digest(self, span: Span) -> Digest:
        start, end = (int(self._days.searchsorted(np.datetime64(day))) for day in (span.start, span.end))
        total = int(self._sum_before[end]) - int(self._sum_before[start])
        return Digest(int(self._rows_before[end] - self._rows_before[start]), total % 2**64)


@dataclass(frozen=True, slots=True)
class State:
    """The data after a commit."""

    versions: Versions
    days: Mapping[str, Days]
    samples: Sequence[Digest]

    @classmethod
    def read(cls, snapshot: Snapshot) -> "State":
        return cls(
            read_versions(snapshot),
            {query.name: Days(_all_days(snapshot, query.sql), split_column(query)) for query in SPLIT},
            [sample_digest(_sampled(snapshot, *sample)) for sample in SAMPLES],
        )

    def version(self, claim: Claim) -> int:
        return self.versions.of(catalogue()[claim.query].tags, claim.span)

    def digest(self, claim: Claim) -> Digest:
        if claim.sample is not None:
            return self.samples[claim.sample]
        return self.days[claim.query].digest(claim.span or EVER)


class History:
    """The states of the data, one after another."""

    def __init__(self, states: Iterable[State] = ()) -> None:
        self.states = list(states)

    def record(self, database: Database) -> None:
        """Add the state that there is now. Nobody may write between a commit and this."""
        with database.snapshot() as snapshot:
            self.states.append(State.read(snapshot))

    def wrong(self, claims: Iterable[Claim]) -> list[str]:
        """The claims whose rows are not those of the version that they claim, each with what is wrong."""
        return [f"{problem}: {claim}" for claim in claims if (problem := self._problem(claim))]

    def torn(self, claims: Iterable[Claim]) -> list[str]:
        """The readings whose answers, but the stale ones, are not all of one state."""
        readings: defaultdict[str, list[Claim]] = defaultdict(list)
        for claim in claims:
            if claim.source != STALE:
                readings[claim.reading].append(claim)
        return [f"not of one state: {together}" for together in readings.values() if self._is_torn(together)]

    def _is_torn(self, claims: Sequence[Claim]) -> bool:
        each = [self.states_of(claim) for claim in claims]
        return max(states.start for states in each) >= min(states.stop for states in each)

    def _problem(self, claim: Claim) -> str | None:
        states = self.states_of(claim)
        if not states:
            return "a version that never was"
        if self.states[states.start].digest(claim) == claim.digest:
            return None
        same = [number for number, state in enumerate(self.states) if state.digest(claim) == claim.digest]
        return f"claims state {states}, its rows are those of states {same}"

    def states_of(self, claim: Claim) -> range:
        """The states in which what was asked is at the version that the claim says. Versions only grow."""

        def version(state: State) -> int:
            return state.version(claim)

        first = bisect_left(self.states, claim.version, key=version)
        return range(first, bisect_right(self.states, claim.version, key=version))


def _all_days(snapshot: Snapshot, sql: str) -> pl.DataFrame:
    return snapshot.frame(sql, (EVER.start, EVER.end))


def _sampled(snapshot: Snapshot, name: str, params: Mapping[str, object]) -> pl.DataFrame:
    query = catalogue()[name]
    return snapshot.frame(query.sql, query.bind(params))
