"""How bad something is, and what to do about it."""

from collections.abc import Iterable, Sized
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from dashboard.notation import MISSING, Format, Notation

PATIENCE = timedelta(seconds=60)
"""A change, a job or a worker's word that is overdue for longer is worth a warning."""


NAMED = 3
"""So many of what a sentence is about have their names in it."""


class Level(StrEnum):
    """How bad it is."""

    GOOD = "good"
    NOTE = "note"
    WARNING = "warning"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is the matter, in one sentence, and what to do about it: empty if there is nothing to do."""

    level: Level
    finding: str
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Now:
    """The moment that things are told of, and how numbers are written."""

    moment: datetime
    notation: Notation

    def ago(self, moment: datetime | None) -> str:
        return MISSING if moment is None else self.notation.ago(self._seconds_since(moment))

    def until(self, moment: datetime) -> str:
        """``now`` or ``in 12 s``."""
        seconds = -self._seconds_since(moment)
        return f"in {self.notation.duration(seconds)}" if seconds >= 1 else "now"

    def duration_since(self, moment: datetime) -> str:
        return self.notation.duration(max(self._seconds_since(moment), 0.0))

    def is_overdue(self, moment: datetime | None) -> bool:
        return moment is not None and self.moment - moment > PATIENCE

    def counted(self, number: int, what: str) -> str:
        """``1 view``, ``2 views``."""
        return f"{self.notation.exact(number, Format.COUNT)} {what}{'' if number == 1 else 's'}"

    def _seconds_since(self, moment: datetime) -> float:
        return (self.moment - moment).total_seconds()


def plain(text: str) -> str:
    """A name or a statement from the database, as a part of one of our sentences."""
    return " ".join(text.replace("`", "'").split())


def listed(names: Iterable[str]) -> str:
    """``a, b and c``; there has to be one."""
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last


def others(some: Sized) -> str:
    """What follows the names of the first ones, if there are more: `` and 4 more``."""
    return f" and {len(some) - NAMED} more" if len(some) > NAMED else ""
