"""The documentation of the commands says what the commands say, no more and no less."""

import re
import shlex
from collections.abc import Iterator
from typing import Any

import pytest
import typer

from dashboard.cli import RowFormat, app
from dashboard.settings import ROOT

PROGRAM = ["python", "-m", "dashboard"]
TEXT = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## `([\w ]+)`\n(.*?)(?=^## |\Z)", TEXT, re.MULTILINE | re.DOTALL))


def commands(group: Any, *path: str) -> Iterator[tuple[str, Any]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, *path, name)
        else:
            yield " ".join((*path, name)), command


COMMANDS = dict(commands(typer.main.get_command(app)))


def test_every_command_has_its_section_and_every_section_its_command() -> None:
    assert set(SECTIONS) == set(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_section_begins_with_what_the_command_does(name: str) -> None:
    assert SECTIONS.get(name, "").strip().split("\n")[0] == COMMANDS[name].help


@pytest.mark.parametrize("name", COMMANDS)
def test_section_lists_the_options_with_their_meaning(name: str) -> None:
    listed = dict(re.findall(r"^\| `(--[\w-]+|[A-Z]+)` \| (.+) \|$", SECTIONS.get(name, ""), re.MULTILINE))
    options = [(option.opts[0], option) for option in COMMANDS[name].params]
    assert listed == {text if text[0] == "-" else text.upper(): option.help for text, option in options}


@pytest.mark.parametrize("name", COMMANDS)
def test_section_has_an_example_that_can_be_read(name: str) -> None:
    examples = re.findall(r"^python .*$", SECTIONS.get(name, ""), re.MULTILINE)
    assert examples
    for example in examples:
        words = shlex.split(example)
        path, arguments = name.split(), words[len(PROGRAM) + len(name.split()) :]
        assert words[: len(words) - len(arguments)] == [*PROGRAM, *path]
        COMMANDS[name].make_context(name, arguments)  # raises for what it does not know


def test_formats_are_listed() -> None:
    listed = re.findall(r"^\| `([a-z]+)` \| ", SECTIONS["query"], re.MULTILINE)
    assert listed == [str(row_format) for row_format in RowFormat]
