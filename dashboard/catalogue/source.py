"""A query file as written: its title, its headers, and its SQL with the lines on which things stand."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

from dashboard.errors import CatalogueError

HEADERS = ("reads", "params", "split", "ttl", "categories", "set")


@dataclass(frozen=True, slots=True)
class Header:
    """What stands after ``-- key:``, and its line; line 1 for a header that is not there."""

    value: str = ""
    line: int = 1

    @property
    def items(self) -> list[str]:
        """The parts between commas."""
        return [item for part in self.value.split(",") if (item := part.strip())]


@dataclass(frozen=True, slots=True)
class Source:
    """A file taken apart. ``text`` is the SQL, which starts on line ``first_line`` of the file."""

    path: Path
    title: str
    headers: dict[str, Header]
    first_line: int
    text: str

    def header(self, key: str, default: str = "") -> Header:
        return self.headers.get(key, Header(default))

    def error(self, problem: str, position: int = 0) -> CatalogueError:
        """The error that names the line of a character of ``text``, counted from 0."""
        return CatalogueError(self.path, self.first_line + self.text.count("\n", 0, position), problem)


def read_source(path: Path) -> Source:
    """Raises CatalogueError for a file that is not UTF-8, or lacks a title or SQL, or has an unknown header."""
    lines = _content(path).split("\n")
    comments = list(takewhile(lambda line: line.startswith("--") or not line.strip(), lines))
    title, headers = _opening(path, comments)
    if not title:
        raise CatalogueError(path, 1, "begin the file with a comment that says what it answers")
    if len(comments) == len(lines):
        raise CatalogueError(path, len(lines), "the file has no SQL")
    return Source(path, title, headers, len(comments) + 1, "\n".join(lines[len(comments) :]).rstrip())


def listed(names: Iterable[str]) -> str:
    """Names for a reader, in alphabetical order."""
    return ", ".join(sorted(names)) or "nothing"


def _content(path: Path) -> str:
    content = path.read_bytes()
    try:
        return content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise CatalogueError(path, line, "the file is not UTF-8") from error


def _opening(path: Path, comments: list[str]) -> tuple[str, dict[str, Header]]:
    title: list[str] = []
    headers: dict[str, Header] = {}
    for number, line in enumerate(comments, 1):
        comment = line.removeprefix("--").strip()
        match = re.fullmatch(r"([a-z]\w*):\s*(.*)", comment)
        if match is None:
            title.append(comment)
            continue
        key, value = match.groups()
        if key not in HEADERS:
            raise CatalogueError(path, number, f"unknown header {key!r}; known are {listed(HEADERS)}")
        if key in headers:
            raise CatalogueError(path, number, f"{key} stands here a second time")
        headers[key] = Header(value, number)
    return " ".join(filter(None, title)), headers
