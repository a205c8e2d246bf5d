"""What an answer is filed under: a tag that operators know, and a digest of all that the answer depends on."""

import re
import struct
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from hashlib import blake2b
from typing import NamedTuple, TypeAlias

_TAG = re.compile(r"[\w./:-]{1,200}", re.ASCII)

Scalar: TypeAlias = str | int | float | Decimal | date | datetime | None
Part: TypeAlias = "Scalar | tuple[Part, ...] | list[Part] | Mapping[str, Part]"


class Key(NamedTuple):
    """``tag`` is what operators know, such as ``business/daily_sales``; ``digest`` is 128 bits, hex.

    ``version`` is the state of the data that the answer was asked for. Make keys with ``key``.
    """

    tag: str
    digest: str
    version: int

    def at(self, version: int) -> "Key":
        """The same question, asked of another state of the data."""
        return Key(self.tag, self.digest, version)

    def __str__(self) -> str:
        return f"{self.tag}:{self.digest}:{self.version}"


def checked_tag(tag: str) -> str:
    """The tag itself. Braces, blanks and wildcards mean something to Redis: they raise ValueError."""
    if not _TAG.fullmatch(tag):
        raise ValueError(f"{tag!r} is no cache tag: use up to 200 ASCII letters, digits and any of _ . / : -")
    return tag


def key(tag: str, *parts: Part, version: int = 0) -> Key:
    """The key of an answer that depends on these parts: the same parts, the same key, in every process.

    Parts of another type, order or nesting give another key; the order of a mapping's entries does not.
    Raises TypeError for a part that has no canonical form, such as a set, and ValueError for a bad tag.
    """
    digest = blake2b(b"".join(_canonical(parts)), digest_size=16).hexdigest()
    return Key(checked_tag(tag), digest, version)


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
