"""What threads open together."""

import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from dashboard.cache.shared import Shared
from tests.servers import wait_until


def test_it_is_opened_once_and_again_after_it_was_taken() -> None:
    opened: list[int] = []
    shared = Shared(lambda: opened.append(1) or len(opened))
    assert [shared.get(), shared.get()] == [1, 1]
    assert shared.take() == 1
    assert shared.take() is None
    assert shared.get() == 2


def test_who_waits_for_a_failure_shares_it_and_who_comes_later_tries_again() -> None:
    attempts: list[int] = []
    may_fail = threading.Event()

    def fail() -> str:
        attempts.append(1)
        may_fail.wait(10)
        raise TimeoutError

    shared = Shared(fail)

    def are_waiting() -> bool:
        """Three stand before the lock, which is no Python frame of its own; the fourth is opening."""
        return [frame.f_code for frame in sys._current_frames().values()].count(Shared.get.__code__) == 3

    with ThreadPoolExecutor(4) as pool:
        results = [pool.submit(shared.get) for _ in range(4)]
        wait_until(are_waiting, "all have come")
        may_fail.set()
        errors = sorted(type(result.exception()).__name__ for result in results)
    assert errors == ["ConnectionError"] * 3 + ["TimeoutError"]
    assert len(attempts) == 1
    with pytest.raises(TimeoutError):
        shared.get()
    assert len(attempts) == 2
