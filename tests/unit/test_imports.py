"""Which room may import which: upper rooms import lower ones, and each library has its place."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from dashboard.settings import ROOT

# From the top down. A room may import rooms of lower lines only, and those beside it where a line says so.
LAYERS = (
    ("main", "__main__"),
    ("pages",),
    ("cli",),
    ("doctor",),
    ("server",),
    ("filters",),
    ("ui",),
    ("live",),
    ("app",),
    ("jobs",),
    ("charts",),
    ("advice",),
    ("export",),
    ("reports",),
    ("saved_views",),
    ("customers",),
    ("explore",),
    ("measures",),
    ("notation",),
    ("cache_state",),
    ("warming",),
    ("warming", "statements"),
    ("data",),
    ("loading",),
    ("schema",),
    ("freshness",),
    ("database_state",),
    ("freshness", "system_state"),
    ("job_tables",),
    ("refresh",),
    ("changes",),
    ("logs",),
    ("telemetry",),
    ("demand",),
    ("versions",),
    ("parts",),
    ("database",),
    ("cache", "catalogue", "embedded"),
    ("window", "settings", "trouble"),
    ("errors", "once"),
)
HEIGHT = {room: -level for level, rooms in enumerate(LAYERS) for room in rooms}

HOMES = {
    "streamlit": {"main", "pages", "filters", "ui", "live", "app", "server"},
    "sqlalchemy": {"database", "schema"},
    "psycopg": {"database"},
    "alembic": {"schema"},
    "procrastinate": {"jobs"},
    "psycopg_pool": {"jobs"},
    "redis": {"cache"},
    "diskcache": {"cache"},
    "cachetools": {"data"},
    "plotly": {"charts", "ui", "server"},
    "starlette": {"server"},
    "uvicorn": {"server"},
    "prometheus_client": {"telemetry"},
    "typer": {"cli"},
    "xlsxwriter": {"export"},
    "sqlglot": {"catalogue", "database_state", "statements"},
    "jinja2": {"reports"},
}

FILES = sorted([*(ROOT / "dashboard").rglob("*.py"), *(ROOT / "pages").rglob("*.py")])


def room_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return parts[0] if parts[0] == "pages" else parts[1]


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Line and dotted name of each import, wherever it stands in the file."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: imports are absolute"
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_room_imports_only_lower_rooms(path: Path) -> None:
    here = room_of(path)
    if here == "__init__":
        return
    for line, name in imports(path):
        top, _, rest = name.partition(".")
        there = rest.split(".")[0]
        if top == "dashboard" and there != here:
            assert HEIGHT[there] < HEIGHT[here], f"{path}:{line}: {here} may not import {there}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_library_is_imported_only_in_its_room(path: Path) -> None:
    here = room_of(path)
    for line, name in imports(path):
        homes = HOMES.get(name.partition(".")[0])
        assert homes is None or here in homes, f"{path}:{line}: {name} does not belong into {here}"


def test_pages_only_arrange() -> None:
    """They hand frames on: what is computed has a room of its own."""
    of_pages = {
        name.partition(".")[0] for path in FILES if room_of(path) == "pages" for _, name in imports(path)
    }
    assert not of_pages & {"polars", "numpy", "pandas", "plotly"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_polars_is_given_no_python_to_run(path: Path) -> None:
    """Its threads would wait for the interpreter's lock, which another thread may hold while it waits for them.

    Streamlit does: it has polars make a table for pandas, and keeps the lock. With many readers, the server then stood.
    """
    tree = ast.parse(path.read_text())
    called = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    assert not called & {"map_elements", "map_batches", "map_groups", "rolling_map"}


def test_every_room_has_its_layer() -> None:
    assert {room_of(path) for path in FILES} - {"__init__"} == set(HEIGHT)
