"""Single-flight in a process: who computes which answers at the moment, and who waits for them."""

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from typing import NamedTuple, Protocol

from dashboard.cache.key import Key
from dashboard.cache.value import Value


class Computation(Protocol):
    """A way to compute the answers to some keys."""

    def run(self, keys: Sequence[Key]) -> Mapping[Key, Value]:
        """The answer to each key, with the version that it really is of."""

    def cancel(self) -> None:
        """Make ``run`` stop soon, from another thread, without waiting for it."""


Begin = Callable[[], Computation]  # each flight has a computation of its own, to be cancelled by itself


class Landed(NamedTuple):
    """An answer that was not there when the reader looked."""

    value: Value
    source: str | None  # the level where another process had put it meanwhile; None: computed by this flight


class Flight:
    """One computation, and how many wait for it."""

    def __init__(self, keys: Sequence[Key], begin: Begin, *, is_fresh: bool) -> None:
        self.keys = tuple(keys)
        self.computation = begin()
        self.is_fresh = is_fresh
        self.landed: Future[Mapping[Key, Landed]] = Future()
        self.waiting = 0
        self.is_abandoned = False


class Flights:
    """Flights by what they compute. A fresh read joins fresh flights only, and ordinary ones the ordinary."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._flights: dict[tuple[Key, bool], Flight] = {}

    def board(
        self, keys: Iterable[Key], begin: Begin, *, is_fresh: bool = False
    ) -> tuple[Flight | None, list[Flight]]:
        """The caller's new flight for what nobody computes, which it has to start; and all that it waits for.

        The caller leaves each of the latter in the end.
        """
        with self._lock:
            new = [key for key in keys if (key, is_fresh) not in self._flights]
            others = {id(one): one for key in keys if (one := self._flights.get((key, is_fresh)))}
            own = Flight(new, begin, is_fresh=is_fresh) if new else None
            if own is not None:
                self._flights |= {(key, is_fresh): own for key in new}
            flights = [own, *others.values()] if own else [*others.values()]
            for flight in flights:
                flight.waiting += 1
        return own, flights

    def depart(self, keys: Iterable[Key], begin: Begin) -> Flight | None:
        """A new flight for what nobody computes, which nobody waits for; the caller has to start it."""
        with self._lock:
            new = [key for key in keys if (key, False) not in self._flights]
            if not new:
                return None
            flight = Flight(new, begin, is_fresh=False)
            self._flights |= {(key, False): flight for key in new}
            return flight

    def leave(self, flight: Flight) -> None:
        """Wait no more. The last to leave a flight cancels it."""
        with self._lock:
            flight.waiting -= 1
            is_over = flight.waiting > 0 or flight.landed.done()
            if not is_over:
                self._forget(flight)  # so that nobody joins what is being cancelled
                flight.is_abandoned = True
        if not is_over:
            flight.computation.cancel()

    def land(self, flight: Flight, answers: Mapping[Key, Landed] | BaseException) -> None:
        """Give all who wait the answers or the error. What is to be kept has been kept before."""
        with self._lock:
            self._forget(flight)
        if isinstance(answers, BaseException):
            flight.landed.set_exception(answers)
        else:
            flight.landed.set_result(answers)

    def abandon(self) -> None:
        """Cancel all."""
        with self._lock:
            flights = {id(flight): flight for flight in self._flights.values()}
            self._flights.clear()
        for flight in flights.values():
            flight.is_abandoned = True
            flight.computation.cancel()

    def _forget(self, flight: Flight) -> None:
        for key in flight.keys:
            if self._flights.get((key, flight.is_fresh)) is flight:
                del self._flights[key, flight.is_fresh]
