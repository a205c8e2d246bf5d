"""Which program this process runs, and on which versions of what."""

import hashlib
import platform
import tomllib
from functools import cache
from importlib.metadata import PackageNotFoundError, version

from dashboard.settings import ROOT

LIBRARIES = ("streamlit", "polars", "plotly", "psycopg", "redis", "diskcache", "procrastinate", "uvicorn")

_SOURCES = (("dashboard", "*.py"), ("pages", "*.py"), ("queries", "*.sql"))


@cache
def program_version() -> str:
    """``0.1.0+1a2b3c4d``: the version, and a digest of the program's files, which differs when one of them does.

    Replicas that run different programs are told apart also when nobody changed the number.
    """
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    digest = hashlib.sha256()
    for folder, pattern in _SOURCES:
        for path in sorted((ROOT / folder).rglob(pattern)):
            digest.update(path.relative_to(ROOT).as_posix().encode())
            digest.update(path.read_bytes())
    return f"{project['project']['version']}+{digest.hexdigest()[:8]}"


@cache
def library_versions() -> dict[str, str]:
    """The versions of Python and of what matters of what it imports, by name."""
    found = {"Python": platform.python_version()}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found
