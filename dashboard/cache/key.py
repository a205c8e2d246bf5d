"""What an answer is filed under: a tag that operators know, and a digest of all that the answer depends on."""

import re
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from hashlib import blake2b
from typing import TypeAlias

_TAG = re.compile(r"[\w./:-]{1,200}", re.ASCII)
_DIGEST = re.compile(r"[0-9a-f]{32}")

Scalar: TypeAlias = str | int | float | Decimal | date | datetime | None
Part: TypeAlias = "Scalar | tuple[Part, ...] | list[Part] | Mapping[str, Part]"


@dataclass(frozen=True, slots=True)
class Key:
    """``tag`` is what an operator invalidates, such as ``business/daily_sales``; ``digest`` is 128 bits, hex."""

    tag: str
    digest: str

    def __post_init__(self) -> None:
        checked_tag(self.tag)
        if not _DIGEST.fullmatch(self.digest):
            raise ValueError(f"{self.digest!r} is no digest: make keys with dashboard.cache.key()")

    def __str__(self) -> str:
        return f"{self.tag}:{self.digest}"


def checked_tag(tag: str) -> str:
    """The tag itself. Braces, blanks and wildcards mean something to Redis: they raise ValueError."""
    if not _TAG.fullmatch(tag):
        raise ValueError(f"{tag!r} is no cache tag: use up to 200 ASCII letters, digits and any of _ . / : -")
    return tag


def key(tag: str, *parts: Part) -> Key:
    """The key of an answer that depends on these parts: the same parts, the same key, in every process.

    Parts of another type, order or nesting give another key; the order of a mapping's entries does not.
    Raises TypeError for a part that has no canonical form, such as a set.
    """
    return Key(tag, blake2b(b"".join(_canonical(parts)), digest_size=16).hexdigest())


def _canonical(part: Part) -> Iterator[bytes]:
    """A prefix code: each part says its type and length first, so no two lists of parts run together."""
    match part:
        case tuple() | list():
            yield b"t%d:" % len(part)
            for item in part:
                yield from _canonical(item)
        case Mapping():
            yield b"m%d:" % len(part)
            for name in sorted(part):
                yield from _canonical(name)
                yield from _canonical(part[name])
        case _:
            kind, text = _scalar(part)
            yield b"%b%d:%b" % (kind, len(text), text)


def _scalar(part: object) -> tuple[bytes, bytes]:
    match part:
        case None:
            return b"n", b""
        case bool():  # before int, which it is a kind of
            return b"b", b"%d" % part
        case int():
            return b"i", b"%d" % part
        case float():
            return b"f", struct.pack(">d", part)
        case str():
            return b"s", part.encode()
        case Decimal():
            return b"D", str(part).encode()
        case datetime():  # before date, likewise
            return b"T", part.isoformat().encode()
        case date():
            return b"d", part.isoformat().encode()
        case _:
            raise TypeError(f"A cache key can't hold {part!r}: it has no canonical form.")
