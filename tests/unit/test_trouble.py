import logging

import pytest

from dashboard.errors import DatabaseUnavailable, MissingRights
from dashboard.trouble import Trouble


def test_each_kind_of_error_is_told_once_and_its_end_too(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    trouble = Trouble(logging.getLogger("tests"), "nothing is written")
    for error in (DatabaseUnavailable("away"), DatabaseUnavailable("still"), MissingRights("refused")):
        with trouble.told():
            raise error
        assert trouble.error is error
    for _ in range(2):
        with trouble.told():
            pass
        assert trouble.error is None
    assert caplog.messages == [
        "nothing is written: away",
        "nothing is written: refused",
        "nothing is written: this is over",
    ]
    assert not any(record.exc_info for record in caplog.records)


def test_unknown_error_is_told_with_where_it_came_from(caplog: pytest.LogCaptureFixture) -> None:
    with Trouble(logging.getLogger("tests"), "nothing is written").told():
        raise ZeroDivisionError
    [record] = caplog.records
    assert record.exc_info
