import logging

import pytest

from dashboard.database import LockTaken
from dashboard.errors import DatabaseError, DatabaseUnavailable
from dashboard.trouble import MOST_TOLD, Trouble


def test_each_error_is_told_once_and_its_end_too(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    trouble = Trouble(logging.getLogger("tests"), "nothing is written")
    alternating = (
        *(DatabaseUnavailable("away"), LockTaken("locked by 7")),
        *(DatabaseUnavailable("still"), LockTaken("locked by 8")),
    )
    for error in (*alternating, DatabaseError("missing"), DatabaseError("full")):
        with trouble.told():
            raise error
        assert trouble.error is error
    for _ in range(2):
        with trouble.told():
            pass
        assert trouble.error is None
    assert caplog.messages == [
        "nothing is written: away",
        "nothing is written: locked by 7",
        "nothing is written: missing",
        "nothing is written: full",
        "nothing is written: this is over",
    ]
    assert not any(record.exc_info for record in caplog.records)


def test_what_is_over_is_told_again_when_it_comes_back(caplog: pytest.LogCaptureFixture) -> None:
    trouble = Trouble(logging.getLogger("tests"), "nothing is written")
    for error in (DatabaseError("full"), None, DatabaseError("full")):
        with trouble.told():
            if error:
                raise error
    assert caplog.messages == ["nothing is written: full"] * 2


def test_errors_that_always_say_something_else_do_not_flood_the_log(caplog: pytest.LogCaptureFixture) -> None:
    trouble = Trouble(logging.getLogger("tests"), "nothing is written")
    for number in range(2 * MOST_TOLD):
        with trouble.told():
            raise DatabaseError("x" * number)
    assert len(caplog.messages) == MOST_TOLD


def test_unknown_error_is_told_with_where_it_came_from(caplog: pytest.LogCaptureFixture) -> None:
    with Trouble(logging.getLogger("tests"), "nothing is written").told():
        raise ZeroDivisionError
    [record] = caplog.records
    assert record.exc_info
