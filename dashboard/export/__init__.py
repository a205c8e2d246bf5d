"""Rows as files to take away: the same rows in each kind of file, written in bounded memory."""

from dashboard.export.files import FileType, content, file_name, write
from dashboard.export.link import PATH, is_served, link, register
from dashboard.export.orders import orders_title, write_orders
from dashboard.export.progress import Progress, end, follow, progress
from dashboard.export.sheet import Sheet, harmless, notes
from dashboard.export.workbook import MOST_ROWS

__all__ = [
    "MOST_ROWS",
    "PATH",
    "FileType",
    "Progress",
    "Sheet",
    "content",
    "end",
    "file_name",
    "follow",
    "harmless",
    "is_served",
    "link",
    "notes",
    "orders_title",
    "progress",
    "register",
    "write",
    "write_orders",
]
