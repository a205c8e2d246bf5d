"""Lines of the log: what they hold, in both forms, and what they never hold."""

import json
import logging
from collections.abc import Callable
from typing import Any

import pytest

from dashboard.logs import JsonLines, Masked, TextLines, secrets_of
from dashboard.settings import Settings
from dashboard.telemetry import asking

PASSWORD, OTHER = "hunter%402", "correct-horse"
SETTINGS = Settings(
    _env_file=None,
    DATABASE_URL=f"postgresql://shop:{PASSWORD}@db.example/shop",
    REDIS_URL=f"rediss://:{OTHER}@cache.example:6380/0",
)

Line = Callable[..., str]


def record(message: str, *args: object, level: int = logging.WARNING, **extra: Any) -> logging.LogRecord:
    return logging.getLogger("dashboard.some").makeRecord(
        "dashboard.some", level, "some.py", 1, message, args, None, extra=extra
    )


def as_json(made: logging.LogRecord) -> dict[str, Any]:
    line = JsonLines(Masked(secrets_of(SETTINGS))).format(made)
    assert "\n" not in line
    told: dict[str, Any] = json.loads(line)
    return told


def as_text(made: logging.LogRecord) -> str:
    return TextLines(Masked(secrets_of(SETTINGS))).format(made)


def test_json_has_the_usual_first_and_then_the_fields() -> None:
    told = as_json(record("read %s", "sales", query="business/daily_sales", elapsed_ms=1.5, rows=None))
    assert [*told] == ["time", "level", "logger", "message", "query", "elapsed_ms", "rows"]
    assert told["time"].endswith("+00:00")
    assert (told["level"], told["logger"], told["message"]) == ("warning", "dashboard.some", "read sales")
    assert (told["elapsed_ms"], told["rows"]) == (1.5, None)


def test_text_is_as_before_with_the_fields_behind() -> None:
    assert as_text(record("It answers again.")) == "WARNING dashboard.some: It answers again."
    line = as_text(record("slow", query="business/x", params={"top": 5}, said="two words"))
    assert line.startswith("WARNING dashboard.some: slow query=business/x params=")
    assert line.endswith('said="two words"')


def test_no_field_passes_for_another_line_or_for_what_every_line_has() -> None:
    line = as_text(record("slow", said="a\nERROR dashboard: forged"))
    assert "\n" not in line
    told = as_json(record("slow", level=logging.INFO, time="1999"))
    assert told["time"] != "1999"


def test_who_asks_is_in_the_line() -> None:
    with asking("page /sales"):
        assert as_json(record("read"))["asker"] == "page /sales"
        assert as_text(record("read")).endswith('asker="page /sales"')
        assert as_json(record("read", asker="job refresh"))["asker"] == "job refresh"


def test_an_error_is_told_with_its_traceback_in_one_line() -> None:
    try:
        raise ValueError(f"can't connect with {PASSWORD}")
    except ValueError as error:
        made = record("failed")
        made.exc_info = (type(error), error, error.__traceback__)
    assert as_json(made)["exception"].startswith("Traceback")
    assert as_text(made).splitlines()[-1] == "ValueError: can't connect with ***"


@pytest.mark.parametrize(
    "made",
    [
        record("connecting to %s", SETTINGS.database_url and SETTINGS.database_url.get_secret_value()),
        record("the password is hunter@2"),
        record("decoded", said=["hunter@2", {"deep": (OTHER, PASSWORD)}]),
        record("a stranger's: postgresql://root:hunter@2b@elsewhere/db".replace("hunter@2b", "tr0ub4dor")),
        record("connection string host=db password=tr0ub4dor user=x"),
        record("given", password="tr0ub4dor", API_KEY="tr0ub4dor", headers={"Authorization": "tr0ub4dor"}),
        record("an error", error=RuntimeError(f"no: {OTHER}")),
    ],
    ids=lambda made: made.msg,
)
def test_no_secret_is_in_any_line(made: logging.LogRecord) -> None:
    for line in (as_text(made), json.dumps(as_json(made))):
        assert not any(secret in line for secret in (PASSWORD, "hunter@2", OTHER, "tr0ub4dor"))
        assert "***" in line


def test_what_json_cannot_hold_is_written_as_text() -> None:
    told = as_json(record("x", share=float("nan"), kept={1, 2}, of=Settings))
    assert told["share"] == "nan"
    assert told["kept"] == [1, 2]
