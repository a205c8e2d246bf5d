"""What the reader has chosen to look at. The URL is its state; widgets show it and change it."""

from dashboard.filters.address import ask, asked, choice, measure, zoom
from dashboard.filters.bar import bar, window
from dashboard.filters.exploring import Exploration, Look, exploration
from dashboard.filters.members import compared, described, members, pick, toggle, without

__all__ = [
    "Exploration",
    "Look",
    "ask",
    "asked",
    "bar",
    "choice",
    "compared",
    "described",
    "exploration",
    "measure",
    "members",
    "pick",
    "toggle",
    "window",
    "without",
    "zoom",
]
