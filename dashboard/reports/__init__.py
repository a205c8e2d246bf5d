"""Reports: the figures of a window as one HTML document to keep, print and send, and the shelf where they stand."""

from dashboard.reports.making import Made, make
from dashboard.reports.shelf import (
    MOST_WAITING,
    NUMBER,
    Report,
    Shelf,
    content,
    delete,
    delete_old,
    fill,
    hand_over,
    place,
    read,
    take_up,
)
from dashboard.reports.title import LONGEST, default_title

__all__ = [
    "LONGEST",
    "MOST_WAITING",
    "NUMBER",
    "Made",
    "Report",
    "Shelf",
    "content",
    "default_title",
    "delete",
    "delete_old",
    "fill",
    "hand_over",
    "make",
    "place",
    "read",
    "take_up",
]
