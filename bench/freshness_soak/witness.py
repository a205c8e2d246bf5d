"""What the data was like at many moments, and the verdict on it: rows, versions, and what views claim to show."""

import time
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import date

from bench.soak.claim import FIRST_DAY, LAST_DAY, SPLIT, Claim, Digest
from bench.soak.history import History, State
from dashboard.catalogue import View, catalogue
from dashboard.changes import SOURCES, backlog
from dashboard.data import EVER, STALE
from dashboard.database import Database, Snapshot
from dashboard.window import Span

_DIFFERENCE = """
SELECT count(*) AS rows FROM (
    (SELECT * FROM dashboard.{view} EXCEPT ALL ({definition}))
    UNION ALL (({definition}) EXCEPT ALL SELECT * FROM dashboard.{view})
) AS different
"""


class Witness:
    """Looks at the database from time to time; ``problems`` are what must not be."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._months = list(_months())
        self.history = History()
        self.problems: list[str] = []
        self.counts: Counter[str] = Counter()

    @property
    def last(self) -> State:
        return self.history.states[-1]

    def look(self) -> list[str]:
        """Look at one state of everything; the views that lack changes in it. Raises DatabaseUnavailable."""
        with self._database.snapshot() as snapshot:
            for source in sorted(SOURCES):  # who empties one by TRUNCATE empties it for our snapshot too
                snapshot.share(f"shop.{source}")
            state = State.read(snapshot)
            behind = [one.view for one in backlog(snapshot) if one.is_pending]
            for view in catalogue().views:
                if view.name not in behind:
                    self._compare_with_definition(snapshot, view)
        self.counts["looks"] += 1
        self._compare_with_last(state)
        return behind

    def judge(self, claims: Iterable[Claim]) -> list[str]:
        """What is wrong with readers' claims: rows of another version, or of none that others saw in it.

        Stale ones are of several versions.
        """
        known: dict[tuple[object, ...], Digest] = {}
        witnessed, problems = [], []
        for claim in (claim for claim in claims if claim.source != STALE):
            if self.history.states_of(claim):
                witnessed.append(claim)
            same = (claim.query, claim.sample, claim.span, claim.version)
            if known.setdefault(same, claim.digest) != claim.digest:
                problems.append(f"others saw other rows in this version: {claim}")
        self.counts["claims compared with a state"] = len(witnessed)
        return problems + self.history.wrong(witnessed)

    def is_current(self, claim: Claim) -> bool:
        """Whether it is of the version of the last state."""
        return self.last.version(claim) == claim.version

    def is_at_first_version(self, relation: str, months: Iterable[int]) -> bool:
        """Whether the months of these numbers never got a new version."""
        first, last = self.history.states[0].versions, self.last.versions
        spans = [span for span in self._months if span.start.month in set(months)]
        return all(first.of((relation,), span) == last.of((relation,), span) for span in spans)

    def _compare_with_definition(self, snapshot: Snapshot, view: View) -> None:
        difference = _DIFFERENCE.format(view=view.name, definition=view.select)
        [(rows,)] = snapshot.frame(difference).iter_rows()
        self.counts["views compared with their definition"] += 1
        if rows:
            self.problems.append(f"{view.name} lacks nothing, it is said, but {rows} rows differ ({_now()})")

    def _compare_with_last(self, state: State) -> None:
        states = self.history.states
        if states:
            self.problems += list(self._differences(states[-1], state))
        if not states or states[-1].versions.newest != state.versions.newest:
            states.append(state)

    def _differences(self, before: State, after: State) -> Iterator[str]:
        for query in SPLIT:
            for span in (*self._months, EVER):
                old, new = (state.versions.of(query.tags, span) for state in (before, after))
                is_same = before.days[query.name].digest(span) == after.days[query.name].digest(span)
                if new < old or (new == old and not is_same):
                    rows = "the same" if is_same else "other"
                    yield f"{query.name} of {span}: from version {old} to {new} with {rows} rows ({_now()})"
                if span != EVER and new != old:
                    self.counts[f"new versions of months with {'the same' if is_same else 'other'} rows"] += 1


def _months() -> Iterator[Span]:
    first = FIRST_DAY.replace(day=1)
    while first <= LAST_DAY:
        following = date(first.year + first.month // 12, first.month % 12 + 1, 1)
        yield Span(first, following)
        first = following


def _now() -> str:
    return time.strftime("%H:%M:%S")
