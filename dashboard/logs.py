"""What the program writes to its log: lines for people or for programs, and never a secret."""

import json
import logging
import re
import sys
import threading
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from math import isfinite
from typing import Any
from urllib.parse import unquote, urlsplit

from dashboard.settings import Settings
from dashboard.telemetry import asker

HIDDEN = "***"

_LEAST_CHARACTERS = 4
"""Of a secret that is looked for by itself: a shorter one would hide half of the words."""

# What every record has of its own accord; the rest was given with ``extra``.
_USUAL = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName", "color_message"}
_SECRET_NAMES = re.compile(r"password|passwd|secret|token|authorization|cookie|api_?key", re.IGNORECASE)
_PASSWORD_IN_URL = re.compile(r"(?<=://)([^\s/:@]*):\S+@")  # some write an @ or a / in it as it is
_PASSWORD_IN_WORDS = re.compile(
    r"""(password|passwd|secret|api_?key)      # also as the end of a longer name
        (['"]?\s*[=:]\s*)                      # as people, libpq, Python and JSON write it
        ('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|\S+)""",
    re.IGNORECASE | re.VERBOSE,
)
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")

_DEPTH = 6
"""Of what a field holds: deeper, it is written as text."""


class Masked:
    """Takes secrets out of text: those of the settings wherever they stand, and what looks like one."""

    def __init__(self, secrets: Iterable[str]) -> None:
        self._secrets = sorted(
            {one for one in secrets if len(one) >= _LEAST_CHARACTERS}, key=len, reverse=True
        )

    def __call__(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, HIDDEN)
        text = _PASSWORD_IN_URL.sub(rf"\1:{HIDDEN}@", text)
        return _PASSWORD_IN_WORDS.sub(rf"\1\2{HIDDEN}", text)


def secrets_of(settings: Settings) -> set[str]:
    """The addresses that may hold passwords, and the passwords in them, also as they are once decoded."""
    found = set[str]()
    for name in Settings.model_fields:
        value = getattr(settings, name)
        if not hasattr(value, "get_secret_value"):
            continue
        address = value.get_secret_value()
        found.add(address)
        for secret in _parts(address):
            found |= {secret, unquote(secret)}
    return found - {""}


def _parts(address: str) -> list[str]:
    """The secrets in an address: before its host, and among its options."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return []
    options = (option.partition("=") for option in parts.query.split("&"))
    return [parts.password or "", *(value for name, _, value in options if _SECRET_NAMES.search(name))]


class _Lines(logging.Formatter):
    """What both forms share: the fields of a record, as ``extra`` gave them, without secrets."""

    def __init__(self, masked: Masked) -> None:
        super().__init__()
        self._masked = masked

    def _fields(self, record: logging.LogRecord) -> dict[str, Any]:
        given = {name: value for name, value in record.__dict__.items() if name not in _USUAL}
        if (who := asker()) and "asker" not in given:
            given["asker"] = who
        return {
            name: HIDDEN if _SECRET_NAMES.search(name) else self._cleaned(value)
            for name, value in given.items()
            if not name.startswith("_")
        }

    def _message(self, record: logging.LogRecord) -> str:
        try:
            return self._masked(record.getMessage())
        except Exception:  # its arguments are not those of its text; what logging says of that is not masked
            return self._masked(f"{record.msg} {record.args}")

    def _cleaned(self, value: object, depth: int = _DEPTH) -> object:
        match value:
            case None | bool() | int():
                return value
            case float():
                return value if isfinite(value) else str(value)  # JSON has no other numbers
            case Mapping() if depth:
                return {
                    str(name): HIDDEN if _SECRET_NAMES.search(str(name)) else self._cleaned(one, depth - 1)
                    for name, one in value.items()
                }
            case list() | tuple() | set() | frozenset() if depth:
                return [self._cleaned(one, depth - 1) for one in value]
        return self._masked(str(value))

    def _problem(self, record: logging.LogRecord) -> str:
        """The traceback, if there is one."""
        parts = []
        if record.exc_info:
            parts.append(self.formatException(record.exc_info))
        if record.stack_info:
            parts.append(self.formatStack(record.stack_info))
        return self._masked("\n".join(parts))


class TextLines(_Lines):
    """``WARNING dashboard.cache.store: The cache (redis) answers again. level=redis``."""

    def format(self, record: logging.LogRecord) -> str:
        said = self._message(record).replace("\n", "\n  ")  # no second line passes for one of its own
        line = f"{record.levelname} {record.name}: {said}"
        fields = [f"{name}={_as_word(value)}" for name, value in self._fields(record).items()]
        problem = self._problem(record)
        told = " ".join([line, *fields]) + (f"\n{problem}" if problem else "")
        return _CONTROLS.sub(lambda found: ascii(found[0])[1:-1], told)


class JsonLines(_Lines):
    """One object a line: time (ISO 8601, UTC), level, logger, message, then the fields, and exception at the end."""

    def format(self, record: logging.LogRecord) -> str:
        said = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": self._message(record),
        }
        said = self._fields(record) | said  # no field passes for one of these
        if problem := self._problem(record):
            said["exception"] = problem
        order = sorted(said, key=lambda name: name not in ("time", "level", "logger", "message"))
        # ASCII: then it is JSON in whatever encoding standard error has, and one line for whoever splits it.
        return json.dumps({name: said[name] for name in order}, allow_nan=False, default=str)


def _as_word(value: object) -> str:
    """A value that can be told from the next one: quoted if it has spaces."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text if re.fullmatch(r"[^\s\"=]+", text) else json.dumps(text, ensure_ascii=False)


def begin(settings: Settings) -> None:
    """Log to standard error from now on, in the form and from the level up that the settings say."""
    form = JsonLines if settings.log_format == "json" else TextLines
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(form(Masked(secrets_of(settings))))
    handler.setLevel(settings.log_level.upper())  # also for loggers with a level of their own
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(settings.log_level.upper())

    logging.captureWarnings(True)
    threading.excepthook = _thread_died


def are_json() -> bool:
    """Whether what is logged is lines of JSON, among which nothing else should be."""
    return any(isinstance(one.formatter, JsonLines) for one in logging.getLogger().handlers)


def _thread_died(died: threading.ExceptHookArgs) -> None:
    name = died.thread.name if died.thread else "unknown"
    if died.exc_value is None or died.exc_type is SystemExit:
        return
    told = (died.exc_type, died.exc_value, died.exc_traceback)
    logging.getLogger(__name__).error("the thread %s died", name, exc_info=told)


def take_over(logger: logging.Logger) -> None:
    """Let a logger that writes by itself, as each of Streamlit's does, write where and as all others do."""
    for handler in logger.handlers[:]:
        logger.removeHandler(handler)
    logger.propagate = True
