"""What a report is called, by people and as a file."""

import re

from dashboard.window import Span

LONGEST = 120
"""Characters of a title; what is beyond is cut off."""

_UNFIT_FOR_FILES = re.compile(r'[<>:"/\\|?*]+')


def default_title(span: Span) -> str:
    """``Sales 1–28 Nov 2018``."""
    return f"Sales {span.label()}"


def readable(title: str, span: Span) -> str:
    """The title in one line, without what can't be seen or stored; the default one if nothing is left."""
    seen = "".join(sign for sign in " ".join(title.split()) if sign.isprintable())
    return seen[:LONGEST].strip() or default_title(span)


def file_name(title: str) -> str:
    """A name that every system takes, and that hides no file."""
    return f"{_UNFIT_FOR_FILES.sub('-', title).strip('. ') or 'report'}.html"
