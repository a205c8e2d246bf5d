"""What a pure function makes of frames is made once: a rerun of a page comes with the same frames again."""

from collections.abc import Callable, Hashable
from functools import lru_cache, partial, wraps
from typing import Any, ParamSpec, TypeVar

import polars as pl

P = ParamSpec("P")
R = TypeVar("R")

_MOST = 64  # answers of a function


class _Argument:
    """An argument that equals another one if they are of the same frames, which it keeps alive, and else alike."""

    __slots__ = ("identity", "value")

    def __init__(self, value: Any) -> None:
        self.value = value
        self.identity = _identity(value)

    def __hash__(self) -> int:
        return hash(self.identity)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Argument) and self.identity == other.identity


def once(function: Callable[P, R]) -> Callable[P, R]:
    """Remember what a function made of its latest arguments. Neither those nor what it made may be changed."""

    @lru_cache(_MOST)
    def remembered(*args: _Argument, **kwargs: _Argument) -> R:
        return function(*(one.value for one in args), **{name: one.value for name, one in kwargs.items()})

    @wraps(function)
    def asked(*args: P.args, **kwargs: P.kwargs) -> R:
        return remembered(*map(_Argument, args), **{name: _Argument(one) for name, one in kwargs.items()})

    return asked


def _identity(value: Any) -> Hashable:
    match value:
        case pl.DataFrame():
            return "frame", id(value)
        case list() | tuple():
            return tuple(map(_identity, value))
        case dict():
            return tuple((name, _identity(one)) for name, one in value.items())
        case partial():
            return value.func, _identity(value.args), _identity(value.keywords)
    known: Hashable = value
    return known
