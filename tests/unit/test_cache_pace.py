"""How often a store is asked and how soon it answers, as a minute goes by."""

import pytest

from dashboard.cache.pace import Meter, Pace


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


def test_the_last_minute_is_told() -> None:
    meter = Meter(clock := Clock())
    assert meter.pace() == Pace()
    for milliseconds in (1, 2, 9):
        meter.count(milliseconds / 1_000)
        clock.now += 7
    told = meter.pace()
    assert told.operations == 3
    assert told.per_second == pytest.approx(0.05)
    assert told[1:] == pytest.approx((4.0, 9.0))


def test_what_is_longer_ago_does_not_count() -> None:
    meter = Meter(clock := Clock())
    meter.count(9.0)
    clock.now += 30
    meter.count(0.001)
    clock.now += 35
    assert meter.pace() == pytest.approx((1, 1.0, 1.0))
    meter.count(0.003)
    assert meter.pace() == pytest.approx((2, 2.0, 3.0))
    clock.now += 120
    assert meter.pace() == Pace()
