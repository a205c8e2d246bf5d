"""The types that a query's parameters have, and values read as them."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Literal, get_args

from dashboard.catalogue.source import Source, listed
from dashboard.errors import CatalogueError

ParameterType = Literal["date", "text", "integer", "numeric", "boolean", "text[]", "date[]"]
PARAMETER_TYPES: tuple[ParameterType, ...] = get_args(ParameterType)
WINDOW_PARAMETERS = ("start", "end")


def declared_parameters(source: Source) -> dict[str, ParameterType]:
    """Name and type of each parameter in the header. Raises CatalogueError."""
    header = source.header("params")
    params: dict[str, ParameterType] = {}
    for item in header.items:
        name, *words = item.split()
        kind = " ".join(words) or ("date" if name in WINDOW_PARAMETERS else "")
        if kind not in PARAMETER_TYPES:
            problem = f"write the type of {name!r} after its name: one of {listed(PARAMETER_TYPES)}"
            raise CatalogueError(source.path, header.line, problem)
        if name in params:
            raise CatalogueError(source.path, header.line, f"{name} is declared a second time")
        params[name] = PARAMETER_TYPES[PARAMETER_TYPES.index(kind)]
    return params


def has_window(params: Mapping[str, ParameterType]) -> bool:
    """Whether a query with these parameters is asked for a range of days."""
    return set(WINDOW_PARAMETERS) <= params.keys()


def as_type(kind: ParameterType, value: object) -> object:
    """Text read as a type; what is no text is taken as it is. Raises ValueError and decimal.InvalidOperation."""
    if not isinstance(value, str):
        return value
    if b"\0" in value.encode():  # neither that nor a lone surrogate can be sent to PostgreSQL
        raise ValueError(value)
    match kind:
        case "text":
            return value
        case "date":
            return date.fromisoformat(value)
        case "integer":
            return _integer(value)
        case "numeric":
            return Decimal(value)
        case "text[]":
            return value.split(",") if value else []
        case "date[]":
            return [date.fromisoformat(day) for day in value.split(",")] if value else []
        case _:
            return _boolean(value)


def _integer(value: str) -> int:
    if not -(2**31) <= int(value) < 2**31:
        raise ValueError(value)
    return int(value)


def _boolean(value: str) -> bool:
    if value not in ("true", "false"):
        raise ValueError(value)
    return value == "true"
