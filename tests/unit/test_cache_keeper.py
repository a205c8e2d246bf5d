"""What keeps locks alive."""

import threading
from collections.abc import Iterator

import pytest

from dashboard.cache import keeper as module
from dashboard.cache.keeper import Keeper
from tests.servers import wait_until


@pytest.fixture
def keeper() -> Iterator[Keeper]:
    keeper = Keeper()
    yield keeper
    keeper.close()
    assert threads() == 0


def threads() -> int:
    return [thread.name for thread in threading.enumerate()].count("cache-locks")


class Counted:
    calls = 0

    def __call__(self) -> None:
        self.calls += 1


def test_it_repeats_until_the_block_ends(keeper: Keeper) -> None:
    counted, other = Counted(), Counted()
    with keeper.repeating(0.01, other):
        with keeper.repeating(0.01, counted):
            wait_until(lambda: counted.calls >= 3, "it was called again and again")
        calls, others = counted.calls, other.calls
        wait_until(lambda: other.calls >= others + 5, "the other goes on")
    assert counted.calls <= calls + 1  # the last call may have been under way


def test_a_block_that_ends_soon_calls_nothing(keeper: Keeper) -> None:
    counted = Counted()
    with keeper.repeating(60, counted):
        pass
    assert counted.calls == 0


def test_an_error_ends_the_block_and_passes_through(keeper: Keeper) -> None:
    with pytest.raises(ZeroDivisionError), keeper.repeating(60, Counted()):
        _ = 1 / 0
    assert not keeper._tasks


def test_one_thread_keeps_all_and_the_one_that_is_due_first_is_not_late(keeper: Keeper) -> None:
    late, soon = Counted(), Counted()
    with keeper.repeating(60, late), keeper.repeating(60, late), keeper.repeating(0.01, soon):
        wait_until(lambda: soon.calls >= 3, "the last to come is called first")
        assert threads() == 1
    assert late.calls == 0


def test_its_thread_ends_when_there_was_nothing_to_keep_for_a_while(
    keeper: Keeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LINGER_SECONDS", 0.02)
    counted = Counted()
    for turn in range(3):
        with keeper.repeating(0.01, counted):
            wait_until(lambda turn=turn: counted.calls > turn, "it works")  # type: ignore[misc]
        wait_until(lambda: threads() == 0, "the thread has ended")


def test_closing_does_not_wait_for_what_is_due_later(keeper: Keeper) -> None:
    for _ in range(50):  # also while its thread is only about to wait
        with keeper.repeating(600, Counted()):
            keeper.close()
            assert threads() == 0
