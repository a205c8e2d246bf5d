"""Where a browser finds the file of the orders behind a figure: see ``server.exports``."""

from urllib.parse import urlencode

from dashboard.explore import Filters
from dashboard.export.files import FileType
from dashboard.window import Window

PATH = "/export/orders"

_served: set[str] = set()


def register() -> None:
    """Tell the pages of this process that there are files at ``PATH``."""
    _served.add(PATH)


def is_served() -> bool:
    """Whether there are any: not under plain ``streamlit run``."""
    return PATH in _served


def link(kind: FileType, window: Window, filters: Filters, export: str) -> str:
    """The address of a file; ``export`` is the id by which its progress is known, another one for each export."""
    members = [(one.dimension.name, text) for one in filters for text in one.texts]
    return f"{PATH}.{kind}?{urlencode([*window.to_query().items(), *members, ('id', export)])}"
