"""The circuit breaker, by a clock of the test's own."""

from concurrent.futures import ThreadPoolExecutor

from dashboard.cache.breaker import Breaker


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_it_allows_everything_until_something_fails() -> None:
    breaker = Breaker(5, Clock())
    assert all(breaker.allows() for _ in range(10))
    assert not breaker.is_open


def test_a_failure_stops_everyone_for_a_while() -> None:
    breaker = Breaker(5, clock := Clock())
    assert breaker.fail()
    clock.now += 4.9
    assert not breaker.allows()
    assert breaker.is_open


def test_then_one_may_try_and_the_others_wait_for_it() -> None:
    breaker = Breaker(5, clock := Clock())
    breaker.fail()
    clock.now += 5
    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(lambda _: breaker.allows(), range(8))) == [False] * 7 + [True]


def test_it_closes_when_the_trial_succeeds() -> None:
    breaker = Breaker(5, clock := Clock())
    breaker.fail()
    clock.now += 5
    assert breaker.allows()
    assert breaker.succeed()
    assert breaker.allows()
    assert not breaker.succeed()


def test_it_stays_open_when_the_trial_fails_or_never_ends() -> None:
    breaker = Breaker(5, clock := Clock())
    breaker.fail()
    for _ in range(3):
        clock.now += 5
        assert breaker.allows()
        assert not breaker.allows()
    assert not breaker.fail()
    assert not breaker.allows()
