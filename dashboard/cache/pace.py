"""How often a store is asked, and how soon it answers: of one process, over the last minute."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

MINUTE_SECONDS = 60.0
_SLOTS = 12  # of a minute


class Pace(NamedTuple):
    """What was asked in the last minute: how often, and milliseconds until the answer, on average and at worst."""

    operations: int = 0
    mean_ms: float = 0.0
    worst_ms: float = 0.0

    @property
    def per_second(self) -> float:
        return self.operations / MINUTE_SECONDS


@dataclass(slots=True)
class _Slot:
    number: int = -1
    operations: int = 0
    seconds: float = 0.0
    worst_seconds: float = 0.0


class Meter:
    """Counts for any thread. Every so many seconds have a slot, in which those of a minute before are overwritten."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._counting = threading.Lock()
        self._slots = [_Slot() for _ in range(_SLOTS)]

    def count(self, seconds: float) -> None:
        number = self._number()
        with self._counting:
            slot = self._slots[number % _SLOTS]
            if slot.number != number:  # that of a minute before
                slot = self._slots[number % _SLOTS] = _Slot(number)
            slot.operations += 1
            slot.seconds += seconds
            slot.worst_seconds = max(slot.worst_seconds, seconds)

    def pace(self) -> Pace:
        oldest = self._number() - _SLOTS
        with self._counting:
            slots = [slot for slot in self._slots if slot.number > oldest and slot.operations]
        operations = sum(slot.operations for slot in slots)
        if not operations:
            return Pace()
        seconds, worst = sum(slot.seconds for slot in slots), max(slot.worst_seconds for slot in slots)
        return Pace(operations, seconds / operations * 1_000, worst * 1_000)

    def _number(self) -> int:
        return int(self._clock() / MINUTE_SECONDS * _SLOTS)
