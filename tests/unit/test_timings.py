"""Counts by labels, of all time and of the last hour, and what a histogram says of them."""

import threading

import pytest

from dashboard.telemetry import BOUNDS_SECONDS, Timing, Timings, Traffic, quantile, together
from dashboard.telemetry.timings import MOST_SERIES


class Clock:
    def __init__(self) -> None:
        self.minutes = 1_000.0

    def __call__(self) -> float:
        return self.minutes * 60


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def timings(clock: Clock) -> Timings:
    return Timings(("page",), clock=clock)


def counts(told: dict[tuple[str, ...], Timing]) -> dict[str, int]:
    return {labels[0]: one.count for labels, one in told.items()}


def test_what_took_up_to_a_bound_is_in_its_bucket(timings: Timings) -> None:
    for seconds in (0.005, 0.0051, 30.0, 31.0):
        timings.record(("/sales",), seconds)
    told = timings.totals()["/sales",]
    assert (told.count, told.seconds) == (4, pytest.approx(61.0101))
    assert [bucket for bucket, number in enumerate(told.buckets) if number] == [0, 1, 11, 12]


def test_the_last_hour_forgets_and_the_total_does_not(timings: Timings, clock: Clock) -> None:
    timings.record(("/sales",), 1)
    clock.minutes += 60
    timings.record(("/explore",), 1)
    assert counts(timings.last_hour()) == {"/sales": 1, "/explore": 1}
    clock.minutes += 1
    assert counts(timings.last_hour()) == {"/explore": 1}  # also if nothing came since
    timings.record(("/explore",), 1)
    assert counts(timings.last_hour()) == {"/explore": 2}
    assert counts(timings.totals()) == {"/sales": 1, "/explore": 2}


def test_a_clock_that_is_set_back_loses_nothing(timings: Timings, clock: Clock) -> None:
    timings.record(("/sales",), 1)
    clock.minutes -= 5
    timings.record(("/sales",), 1)
    assert counts(timings.totals()) == {"/sales": 2}


def test_the_number_of_series_is_bounded_also_over_minutes(timings: Timings, clock: Clock) -> None:
    for number in range(MOST_SERIES + 50):
        clock.minutes += number % 100 == 0
        timings.record((f"/{number}",), 1)
    told = counts(timings.totals())
    assert len(told) <= MOST_SERIES + 1
    assert told["other"] == 50
    assert sum(told.values()) == MOST_SERIES + 50


def test_known_labels_count_once_also_in_the_next_minute(timings: Timings, clock: Clock) -> None:
    for _ in range(2):
        clock.minutes += 1
        for number in range(MOST_SERIES - 1):
            timings.record((f"/{number}",), 1)
    timings.record(("/new",), 1)
    assert counts(timings.totals())["/new"] == 1


def test_how_requests_ended_is_known_also_of_those_that_are_too_many() -> None:
    requests = Traffic().requests
    for number in range(MOST_SERIES):
        requests.record((f"/{number}", "GET", "200"), 1)
    for number, status in enumerate(("200", "200", "503")):
        requests.record((f"/more/{number}", "GET", status), 1)
    told = {labels[-1]: one.count for labels, one in requests.totals().items() if labels[0] == "other"}
    assert told == {"200": 2, "503": 1}


def test_no_count_of_any_thread_is_lost(timings: Timings) -> None:
    def record() -> None:
        for _ in range(1_000):
            timings.record(("/sales",), 0.01)

    threads = [threading.Thread(target=record) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counts(timings.totals()) == {"/sales": 4_000}


def of(*seconds: float) -> Timing:
    timings = Timings(("page",))
    for one in seconds:
        timings.record(("",), one)
    return timings.totals()["",]


def test_a_quantile_lies_in_the_bucket_of_its_rank() -> None:
    timing = of(*[0.004] * 90, *[2.0] * 10)
    assert quantile(timing, 0.5) == pytest.approx(0.005 * 50 / 90)
    assert 1.0 < (quantile(timing, 0.95) or 0) <= 2.5
    assert quantile(of(99.0), 0.5) == BOUNDS_SECONDS[-1]
    assert quantile(of(0.2), 1.0) == 0.25
    assert quantile(together([]), 0.5) is None


def test_timings_of_another_version_are_left_out() -> None:
    assert together([of(1.0), of(2.0), Timing(5, 5.0, (5,))]) == of(1.0, 2.0)


class TestTraffic:
    def test_a_run_counts_however_it_ends(self) -> None:
        traffic = Traffic()
        with traffic.rerun("/sales"):
            pass
        with pytest.raises(KeyboardInterrupt), traffic.rerun("/sales"):
            raise KeyboardInterrupt
        assert counts(traffic.reruns.totals()) == {"/sales": 2}

    def test_a_job_that_raises_has_failed(self) -> None:
        traffic = Traffic()
        with traffic.job("refresh"):
            pass
        with pytest.raises(ValueError, match="no"), traffic.job("refresh"):
            raise ValueError("no")
        assert set(traffic.jobs.totals()) == {("refresh", "done"), ("refresh", "failed")}

    def test_a_session_lasts_as_long_as_its_block(self) -> None:
        traffic = Traffic()
        with traffic.session(), traffic.session():
            assert traffic.sessions == 2
        assert traffic.sessions == 0
