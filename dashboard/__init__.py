"""Daybook: an interactive sales dashboard that is never slow and never wrong."""
