"""Reads through the levels: one computation a question, renewed before it ends, among threads and processes."""

import logging
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import ExitStack
from contextvars import copy_context
from dataclasses import replace
from datetime import UTC, datetime

from dashboard.cache.contract import Backend, Miss
from dashboard.cache.failure import failed, failure, failure_key
from dashboard.cache.flight import Begin, Flight, Flights, Landed
from dashboard.cache.key import Key
from dashboard.cache.levels import Hit, Levels
from dashboard.cache.value import Value
from dashboard.settings import Settings

# How often who waits looks whether it is still wanted.
PATIENCE_SECONDS = 0.05

# A renewal that failed, or found no answer of this version, is tried again after this time; the one that is
# there is good for a while yet.
HOLD_OFF_SECONDS = 5.0

# As many as there are computations. Most of them wait: for a statement's turn, for another process, or for a
# computation that they begin themselves, so with no thread left for that one none would ever end.
_THREADS = 10_000
_FIRST_PAUSE_SECONDS, _LAST_PAUSE_SECONDS = 0.005, 0.05
_HELD_OFF = 10_000  # entries

log = logging.getLogger(__name__)


class Reader:
    """What is in the cache, and otherwise computed once for all who ask.

    ``while_waiting`` is called in the thread of who waits, about 20 times a second; what it raises ends the
    waiting, and with the last who waits the computation.
    """

    def __init__(
        self,
        backends: Sequence[Backend],
        settings: Settings,
        while_waiting: Callable[[], None] = lambda: None,
    ) -> None:
        self.levels = Levels(backends)
        self._flights = Flights()
        self._lock_seconds = settings.cache_lock_seconds
        self._soft_share = settings.cache_soft_share
        self._jitter_share = settings.cache_jitter_share
        self._while_waiting = while_waiting
        self._threads = ThreadPoolExecutor(_THREADS, "computing")
        self._held_off: dict[Key, float] = {}

    def look(self, keys: Sequence[Key], begin: Begin) -> dict[Key, Hit | Miss]:
        """What the levels have; what is past its soft age is renewed behind the reader."""
        found = self.levels.find(keys)
        now = datetime.now(UTC)
        due = [key for key, one in found.items() if isinstance(one, Hit) and self._is_due(one.value, now)]
        if due:
            self._renew(due, begin)
        return found

    def recall(self, key: Key) -> Value | None:
        """What the highest level has, unless it is past its soft age: then ``look``."""
        value = self.levels.recall(key)
        return None if value is None or self._is_due(value, datetime.now(UTC)) else value

    def obtain(
        self, keys: Sequence[Key], begin: Begin, *, is_fresh: bool = False
    ) -> tuple[dict[Key, Value], dict[Key, str]]:
        """The answers to keys that were not found, or are wanted fresh; and, of those that this reader did
        not have computed itself, what it owes them to: a level, or ``""`` for another reader's computation.

        Raises what the computation raises, in every thread and process that waits for it.
        """
        values: dict[Key, Value] = {}
        owed: dict[Key, str] = {}
        while missing := [key for key in keys if key not in values]:
            own, flights = self._flights.board(missing, begin, is_fresh=is_fresh)
            with ExitStack() as leaving:
                for flight in flights:
                    leaving.callback(self._flights.leave, flight)
                if own is not None:
                    self._start(own, self._answers)
                for flight in flights:
                    landed = self._awaited(flight)
                    for key in (key for key in missing if key in landed):
                        values[key], source = landed[key]
                        if flight is not own or source is not None:
                            owed[key] = source or ""
        return values, owed

    def close(self) -> None:
        """Cancel what is computed, and let go of the levels."""
        self._threads.shutdown(wait=False)  # before the others are given up, so that there will be no more
        self._flights.abandon()
        self._threads.shutdown()
        self.levels.close()

    def _is_due(self, value: Value, now: datetime) -> bool:
        return self._soft_share < 1 and value.age_seconds(now) >= value.ttl_seconds * self._soft_share

    def _renew(self, keys: Sequence[Key], begin: Begin) -> None:
        now = time.monotonic()
        wanted = [key for key in keys if self._held_off.get(key, 0.0) <= now]
        flight = self._flights.depart(wanted, begin) if wanted else None
        if flight is not None:
            self._start(flight, self._renewed)

    def _awaited(self, flight: Flight) -> Mapping[Key, Landed]:
        # A computation may fail with a TimeoutError of its own, so a wait's is not asked for.
        while not wait([flight.landed], PATIENCE_SECONDS).done:
            self._while_waiting()
        return flight.landed.result()

    def _start(self, flight: Flight, answers: Callable[[Flight], Mapping[Key, Landed]]) -> None:
        try:
            # For whom it is computed is known there as it is here.
            self._threads.submit(copy_context().run, self._fly, flight, answers)
        except RuntimeError as error:  # closed, or no thread to be had
            self._flights.land(flight, error)  # or whoever joined it would wait for ever
            raise

    def _fly(self, flight: Flight, answers: Callable[[Flight], Mapping[Key, Landed]]) -> None:
        try:
            landed = answers(flight)
        except BaseException as error:
            self._flights.land(flight, error)
        else:
            self._flights.land(flight, landed)

    def _answers(self, flight: Flight) -> dict[Key, Landed]:
        """The answers to all keys of a flight: found at a second look, computed, or by another process."""
        if flight.is_fresh:
            return self._computed(flight, flight.keys)
        landed: dict[Key, Landed] = {}
        pauses = _pauses()
        while (missing := [key for key in flight.keys if key not in landed]) and not flight.is_abandoned:
            with self.levels.lock(missing, self._lock_seconds) as locks:
                # Whoever had the lock before may have stored it since the reader looked.
                for key, one in self.levels.find(missing).items():
                    if isinstance(one, Hit):
                        landed[key] = Landed(one.value, one.source)
                if mine := [key for key in missing if key in locks.mine and key not in landed]:
                    landed |= self._computed(flight, mine, locks.token)
                others = {key: token for key, token in locks.owners.items() if key not in landed}
            if others:
                time.sleep(next(pauses))
                self._raise_failure(others)
        return landed

    def _computed(self, flight: Flight, keys: Sequence[Key], token: bytes = b"") -> dict[Key, Landed]:
        try:
            values = flight.computation.run(keys)
        except Exception as error:
            if token and not flight.is_abandoned:
                self.levels.tell({failure_key(key): failure(token, error) for key in keys})
            raise
        # What was computed together ends together, and so is renewed together.
        share = 1 - self._jitter_share * random.random()  # noqa: S311 - no secret
        values = {key: replace(value, ttl_seconds=value.ttl_seconds * share) for key, value in values.items()}
        self.levels.keep({key.at(value.version): value for key, value in values.items()})
        return {key: Landed(value, None) for key, value in values.items()}

    def _raise_failure(self, owners: Mapping[Key, bytes]) -> None:
        told = self.levels.find_shared([failure_key(key) for key in owners])
        for key, token in owners.items():
            one = told[failure_key(key)]
            error = failed(one.value, token) if isinstance(one, Hit) else None
            if error is not None:
                raise error

    def _renewed(self, flight: Flight) -> dict[Key, Landed]:
        """Compute anew what no other process computes or has renewed."""
        with self.levels.lock(flight.keys, self._lock_seconds) as locks:
            now = datetime.now(UTC)
            shared = self.levels.find_shared(flight.keys)
            mine = [
                key
                for key, one in shared.items()
                if key in locks.mine and (isinstance(one, Miss) or self._is_due(one.value, now))
            ]
            try:
                landed = self._computed(flight, mine) if mine else {}
            except Exception as error:
                if not flight.is_abandoned:
                    log.warning(
                        "%s could not be renewed, and is served a while longer: %s", mine[0].tag, error
                    )
                self._hold_off(mine)
                return {}
            # A replica that lags behind has only older ones.
            self._hold_off([key for key, one in landed.items() if one.value.version != key.version])
            return landed

    def _hold_off(self, keys: Sequence[Key]) -> None:
        if len(self._held_off) > _HELD_OFF:
            self._held_off.clear()
        self._held_off |= dict.fromkeys(keys, time.monotonic() + HOLD_OFF_SECONDS)


def _pauses() -> Iterator[float]:
    """How long who waits for another process leaves the store alone, time after time."""
    seconds = _FIRST_PAUSE_SECONDS
    while True:
        yield seconds
        seconds = min(2 * seconds, _LAST_PAUSE_SECONDS)
