"""How a change of the shop is noticed: triggers that log its days, or polling; and which views lack it yet."""

from dashboard.changes.log import Backlog, backlog, forget, settle
from dashboard.changes.polling import poll_sources
from dashboard.changes.triggers import SOURCES, track

__all__ = ["SOURCES", "Backlog", "backlog", "forget", "poll_sources", "settle", "track"]
