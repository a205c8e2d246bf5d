"""The texts of statements that PostgreSQL counts, made such that they can be read and planned."""

import re
from itertools import count

# Comments and quoted names, in which a quote is none; then texts, of which the end may be cut off.
_CONSTANT = re.compile(
    r"""(/\*.*?\*/|--[^\n]*|"[^"]*")"""
    r"""|(?<![\w$])[eE]'(?:[^'\\]|''|\\.)*(?:'|$)"""
    r"""|(?:(?<![\w$])(?:[uU]&|[bBxXnN]))?'(?:[^']|'')*(?:'|$)"""
    r"""|(?<![\w$])\$([A-Za-z_]\w*|)\$.*?(?:\$\2\$|$)""",
    re.DOTALL,
)
_QUOTE = re.compile(r"'|\$\w*\$")
_PARAMETER = re.compile(r"\$(\d{1,5})\b")
_TYPED = re.compile(
    r"\b(interval|date|time(?:stamp)?(?:tz| with(?:out)? time zone)?|inet|cidr|jsonb?|uuid|bytea)\s*(\$\d+)\b",
    re.I,
)


def without_constants(text: str) -> str:
    """A statement with ``$1``, ``$2`` … for its texts, as PostgreSQL counts it.

    At times it does not: of a prepared one that it had forgotten, it knows no other form than the first one's.
    """
    if not _QUOTE.search(text):  # nearly all, and to look for more takes long
        return text
    rest = _CONSTANT.sub(lambda found: found[1] or " ", text)
    numbers = count(max(map(int, _PARAMETER.findall(rest)), default=0) + 1)
    return _CONSTANT.sub(lambda found: found[1] or f"${next(numbers)}", text)


def typed(text: str) -> str:
    """With the type behind the place of a constant that had it before: ``date $1`` is no SQL any more."""
    return _TYPED.sub(r"\2::\1", text)
