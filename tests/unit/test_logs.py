"""Lines of the log: what they hold, in both forms, and what they never hold."""

import io
import json
import logging
import os
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from streamlit import logger as streamlit_logger

from dashboard import server
from dashboard.logs import JsonLines, Masked, TextLines, begin, secrets_of
from dashboard.settings import ROOT, Settings
from dashboard.telemetry import asking

PASSWORD, OTHER, TOKEN = "hunter%402", "correct-horse", "battery-staple"
SETTINGS = Settings(
    _env_file=None,
    DATABASE_URL=f"postgresql://shop:{PASSWORD}@db.example/shop",
    REDIS_URL=f"rediss://:{OTHER}@cache.example:6380/0?sentinel_password={TOKEN}",
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
        record("an option: %s", TOKEN),
        record("as Python writes it: %s", {"password": "tr0ub4dor", "host": "db"}),
        record("as JSON writes it: %s", json.dumps({"sslpassword": 'tr0ub4dor" ub4dor'})),
        record("with spaces: password='tr0 ub4dor' password = \"tr0' ub4dor\""),
        record("as it is: postgresql://root:tr0ub4dor@x/y@elsewhere/db"),
        record("too few %s of %s", OTHER),
        record("deep", said=[[[[[[[[{"password": OTHER}]]]]]]]]),
    ],
    ids=lambda made: made.msg,
)
def test_no_secret_is_in_any_line(made: logging.LogRecord) -> None:
    for line in (as_text(made), json.dumps(as_json(made))):
        secrets = (PASSWORD, "hunter@2", OTHER, TOKEN, "tr0ub4dor", "ub4dor", "x/y@")
        assert not any(secret in line for secret in secrets)
        assert "***" in line


@pytest.mark.parametrize("odd", ["é€😀", "\ud800", "a\u2028b\x85c", "\0\x1b[31m\r", 'q"\\'])
def test_odd_text_is_one_line_in_any_encoding(odd: str) -> None:
    line = JsonLines(Masked([])).format(record(odd, said=odd))
    assert len(line.encode("ascii").splitlines()) == 1
    told = json.loads(line)
    assert (told["message"], told["said"]) == (odd, odd)
    assert len(as_text(record(odd)).splitlines()) == 1


def test_a_message_of_several_lines_has_no_second_one_that_begins_like_a_line() -> None:
    first, second = as_text(record("said: a\nERROR dashboard: forged")).splitlines()
    assert (first, second) == ("WARNING dashboard.some: said: a", "  ERROR dashboard: forged")


def test_a_value_that_holds_itself_is_told() -> None:
    loop: dict[str, Any] = {}
    loop["self"] = loop
    assert as_json(record("x", said=loop))["said"]["self"]


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """What was logged as JSON since the log was begun at ``warning``."""
    written, root, hook = io.StringIO(), logging.getLogger(), threading.excepthook
    before, level = root.handlers[:], root.level
    monkeypatch.setattr("sys.stderr", written)
    begin(SETTINGS.model_copy(update={"log_format": "json", "log_level": "warning"}))
    yield lambda: [json.loads(line) for line in written.getvalue().splitlines()]
    logging.captureWarnings(False)
    threading.excepthook, root.handlers[:] = hook, before
    root.setLevel(level)


def test_loggers_with_a_level_of_their_own_keep_to_the_one_that_is_set(
    lines: Callable[[], list[dict[str, Any]]],
) -> None:
    own = logging.getLogger("some.library")
    own.setLevel(logging.DEBUG)
    own.info("left out")
    own.warning("told")
    assert [line["message"] for line in lines()] == ["told"]


def test_warnings_and_threads_that_die_are_lines_as_well(lines: Callable[[], list[dict[str, Any]]]) -> None:
    def dies() -> None:
        raise RuntimeError(f"no: {OTHER}")

    warnings.showwarning("old", DeprecationWarning, "some.py", 1)
    thread = threading.Thread(target=dies, name="doomed")
    thread.start()
    thread.join()
    warned, died = lines()
    assert warned["logger"] == "py.warnings"
    assert died["message"] == "the thread doomed died"
    assert died["exception"].endswith("RuntimeError: no: ***")


def test_loggers_that_streamlit_makes_later_write_as_all_do(
    lines: Callable[[], list[dict[str, Any]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streamlit_logger, "_loggers", {})
    monkeypatch.setattr(streamlit_logger, "setup_formatter", streamlit_logger.setup_formatter)
    streamlit_logger.get_logger("streamlit.sooner")
    server._take_over_loggers()
    for name in ("sooner", "later"):
        streamlit_logger.get_logger(f"streamlit.{name}").warning("with %s", OTHER)
    assert [line["message"] for line in lines()] == ["with ***", "with ***"]


def test_what_json_cannot_hold_is_written_as_text() -> None:
    told = as_json(record("x", share=float("nan"), kept={1, 2}, of=Settings))
    assert told["share"] == "nan"
    assert told["kept"] == [1, 2]


def test_a_crash_is_a_line_without_secrets() -> None:
    code = (
        "from dashboard import cli\n"
        "def crash(*_): raise RuntimeError(f'no: {cli.settings().redis_url.get_secret_value()}')\n"
        "cli._named = crash\n"
        "cli.main()"
    )
    chosen = {"REDIS_URL": f"redis://:{OTHER}@cache", "DASHBOARD_LOG_FORMAT": "json"}
    crashed = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=os.environ | chosen,
        capture_output=True,
        text=True,
        check=False,
    )
    assert crashed.returncode == 1
    told = json.loads(crashed.stderr)
    assert told["level"] == "critical"
    assert told["exception"].endswith("RuntimeError: no: ***")
