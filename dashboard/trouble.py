"""What goes wrong again and again in a thread that goes on: told once, not each time."""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager

from dashboard.errors import DatabaseError, DatabaseUnavailable

MOST_TOLD = 10  # until it is over


class Trouble:
    """Says once for each error what is amiss, and when it is over. ``error`` is that of the last attempt."""

    def __init__(self, log: logging.Logger, what: str) -> None:
        self._log, self._what = log, what
        self._told: set[tuple[type[Exception], str]] = set()
        self.error: Exception | None = None

    @contextmanager
    def told(self) -> Iterator[None]:
        """What is attempted in this block may fail."""
        try:
            yield
        except Exception as error:
            self._tell(error)
            self.error = error
        else:
            if self.error:
                self._log.info("%s: this is over", self._what)
            self._told.clear()
            self.error = None

    def _tell(self, error: Exception) -> None:
        known = _known_by(error)
        if known in self._told or len(self._told) >= MOST_TOLD:
            return
        self._told.add(known)
        unknown = None if isinstance(error, DatabaseError) else error
        self._log.warning("%s: %s", self._what, error, exc_info=unknown)


def _known_by(error: Exception) -> tuple[type[Exception], str]:
    """One outage has many texts; others have numbers in them, as of rows and processes."""
    return type(error), "" if isinstance(error, DatabaseUnavailable) else re.sub(r"\d+", "", str(error))
