"""Tells functions apart by what they do, in all processes that run the same version of Python."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from types import CodeType, FunctionType

from dashboard.cache import Part, key


def identity(function: Callable[..., object]) -> str:
    """Of a function, those it wraps, and the plain values that are around them when this is asked.

    The code itself counts, not its text: that is the same for two functions of one line, and is not known of
    those that were not read from a file. Raises TypeError for what is callable but no function.
    """
    parts: list[Part] = []
    seen: object = function
    while seen is not None:
        if not isinstance(seen, FunctionType):
            raise TypeError(f"{seen!r} is no function, so it can't be told from others: call it in a def.")
        parts += [seen.__module__, seen.__qualname__, _digest(seen.__code__), _values_around(seen)]
        seen = getattr(seen, "__wrapped__", None)
    return key("function", parts).digest


def _digest(code: CodeType) -> str:
    return hashlib.blake2b(b"\0".join(_described(code)), digest_size=16).hexdigest()


def _described(code: CodeType) -> Iterator[bytes]:
    yield code.co_code
    yield code.co_exceptiontable
    yield repr((code.co_names, code.co_varnames, code.co_freevars)).encode()
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _described(constant)
        elif isinstance(constant, frozenset):
            yield repr(sorted(map(repr, constant))).encode()  # their own order differs between processes
        else:
            yield repr(constant).encode()


def _values_around(function: FunctionType) -> dict[str, Part]:
    """What tells functions from each other that were made by one. What may change, such as a list, does not."""
    values: dict[str, Part] = {}
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        with suppress(TypeError, ValueError):  # neither has a form that all processes know, nor an empty cell
            hash(cell.cell_contents)
            key("function", cell.cell_contents)
            values[name] = cell.cell_contents
    return values
