"""The parts that pages are put together from: tiles, cards, charts, tables, badges and their errors."""

from dashboard.ui.badge import badge
from dashboard.ui.cards import Tag, card, guarded, no_data, nothing_here, unknown, verdict
from dashboard.ui.figures import chart, drawing, rest
from dashboard.ui.head import ICON, show
from dashboard.ui.orders import orders_table
from dashboard.ui.tables import table
from dashboard.ui.taking import download, foot, sheet, statement, take_away
from dashboard.ui.text import escaped, exact, facts, line, raw, spoken, zone
from dashboard.ui.tiles import figure, tiles

__all__ = [
    "ICON",
    "Tag",
    "badge",
    "card",
    "chart",
    "download",
    "drawing",
    "escaped",
    "exact",
    "facts",
    "figure",
    "foot",
    "guarded",
    "line",
    "no_data",
    "nothing_here",
    "orders_table",
    "raw",
    "rest",
    "sheet",
    "show",
    "spoken",
    "statement",
    "table",
    "take_away",
    "tiles",
    "unknown",
    "verdict",
    "zone",
]
