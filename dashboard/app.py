"""What a page works with: the data of this process, opened once, and how numbers are written."""

import atexit
import logging
from contextlib import ExitStack
from functools import cache

from streamlit.runtime.scriptrunner import get_script_run_ctx

from dashboard.data import Data, opened
from dashboard.notation import Notation
from dashboard.settings import settings

log = logging.getLogger(__name__)


@cache
def data() -> Data:
    """The data, opened by the launcher; under plain ``streamlit run`` by the first page that asks.

    The end of the process closes it, and with it the bundled PostgreSQL if nobody else uses that.
    """
    if get_script_run_ctx(suppress_warning=True):
        log.warning(
            "Opening the data for the first page. `make run` does this before, and serves pages faster."
        )
    stack = ExitStack()
    atexit.register(stack.close)
    return stack.enter_context(opened(settings()))


@cache
def notation() -> Notation:
    """How numbers are written, by the settings."""
    return Notation(settings().locale, settings().currency)
