"""The settings of PostgreSQL in the header of a query's file."""

from pathlib import Path

import pytest

from dashboard.catalogue.query import Query, read_query
from dashboard.catalogue.tuning import ALLOWED
from dashboard.errors import CatalogueError
from dashboard.settings import ROOT


def read(folder: Path, said: str) -> Query:
    path = folder / "one.sql"
    path.write_text(f"-- One.\n-- set: {said}\nSELECT 1 AS one")
    return read_query(path, folder)


def test_settings_are_read(tmp_path: Path) -> None:
    found = read(tmp_path, "work_mem=64MB, jit = off,random_page_cost=1.1")
    assert found.settings == (("work_mem", "64MB"), ("jit", "off"), ("random_page_cost", "1.1"))


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        ("work_mem", "written NAME=VALUE"),
        ("role=postgres", "'role' is not one of"),
        ("work_mem=64", "write one like 64MB"),
        ("work_mem=64MB'; DROP", "write one like 64MB"),
        ("jit=maybe", "write one like off"),
        ("jit=on, jit=off", "a second time"),
    ],
)
def test_others_are_refused_with_their_line(tmp_path: Path, said: str, problem: str) -> None:
    with pytest.raises(CatalogueError, match=problem) as refused:
        read(tmp_path, said)
    assert refused.value.line == 2


def test_all_are_documented() -> None:
    text = (ROOT / "docs" / "queries.md").read_text()
    assert not [name for name in ALLOWED if f"`{name}`" not in text and not name.startswith("enable_")]
