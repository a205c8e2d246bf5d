"""What a page works with: the data of this process, opened once, and how numbers are written."""

import atexit
from contextlib import ExitStack
from functools import cache

from dashboard.data import Data, opened
from dashboard.notation import Notation
from dashboard.settings import settings


@cache
def data() -> Data:
    """The data, opened by the launcher; under plain ``streamlit run`` by the first page that asks.

    The end of the process closes it, and with it the bundled PostgreSQL if nobody else uses that.
    """
    stack = ExitStack()
    atexit.register(stack.close)
    return stack.enter_context(opened(settings()))


@cache
def notation() -> Notation:
    """How numbers are written, by the settings."""
    return Notation(settings().locale, settings().currency)
