"""What goes wrong again and again in a thread that goes on: told once, not each time."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from dashboard.errors import DatabaseError


class Trouble:
    """Says once for each kind of error what is amiss, and when it is over. ``error`` is that of the last attempt."""

    def __init__(self, log: logging.Logger, what: str) -> None:
        self._log, self._what = log, what
        self.error: Exception | None = None

    @contextmanager
    def told(self) -> Iterator[None]:
        """What is attempted in this block may fail."""
        try:
            yield
        except Exception as error:
            if type(error) is not type(self.error):
                unknown = None if isinstance(error, DatabaseError) else error
                self._log.warning("%s: %s", self._what, error, exc_info=unknown)
            self.error = error
        else:
            if self.error:
                self._log.info("%s: this is over", self._what)
            self.error = None
