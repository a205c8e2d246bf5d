"""The settings of PostgreSQL that a query's file may give to its statement alone."""

import re

from dashboard.catalogue.source import Source, listed
from dashboard.errors import CatalogueError

_SIZE, _SWITCH, _COUNT, _FACTOR = r"\d{1,7}(kB|MB|GB)", r"on|off", r"\d{1,3}", r"\d{1,4}(\.\d{1,3})?"

ALLOWED = {
    "work_mem": _SIZE,
    "hash_mem_multiplier": _FACTOR,
    "random_page_cost": _FACTOR,
    "jit": _SWITCH,
    "join_collapse_limit": _COUNT,
    "from_collapse_limit": _COUNT,
    "max_parallel_workers_per_gather": _COUNT,
    "enable_bitmapscan": _SWITCH,
    "enable_hashagg": _SWITCH,
    "enable_hashjoin": _SWITCH,
    "enable_indexonlyscan": _SWITCH,
    "enable_indexscan": _SWITCH,
    "enable_material": _SWITCH,
    "enable_mergejoin": _SWITCH,
    "enable_nestloop": _SWITCH,
    "enable_seqscan": _SWITCH,
    "enable_sort": _SWITCH,
}
"""What its values look like, by setting. All of them are there since PostgreSQL 13, and change plans only, no rows."""


def tuning(source: Source) -> tuple[tuple[str, str], ...]:
    """Names and values in the header ``-- set: work_mem=64MB, jit=off``. Raises CatalogueError."""
    header = source.header("set")
    found: dict[str, str] = {}
    for item in header.items:
        name, equals, value = (part.strip() for part in item.partition("="))
        if not equals or name not in ALLOWED:
            problem = f"set is written NAME=VALUE, and {name!r} is not one of {listed(ALLOWED)}"
        elif name in found:
            problem = f"{name} is set a second time"
        elif not re.fullmatch(ALLOWED[name], value):
            problem = f"{name} is {value!r}, which is no value that it may have: write one like {_like(name)}"
        else:
            found[name] = value
            continue
        raise CatalogueError(source.path, header.line, problem)
    return tuple(found.items())


def _like(name: str) -> str:
    return {_SIZE: "64MB", _SWITCH: "off", _COUNT: "2", _FACTOR: "1.5"}[ALLOWED[name]]
