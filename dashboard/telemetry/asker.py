"""Who asks: the page, the endpoint, the command or the job that reads are for."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_asker: ContextVar[str] = ContextVar("asker", default="")


@contextmanager
def asking(name: str) -> Iterator[None]:
    """What is read within the block, in this thread or task, is for this one: ``page /sales``, ``GET /api``."""
    token = _asker.set(name)
    try:
        yield
    finally:
        _asker.reset(token)


def asker() -> str:
    """Whom reads are for here and now; empty if nobody said so."""
    return _asker.get()
