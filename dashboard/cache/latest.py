"""Which version of an answer was stored last: tells why another one is missing, and names the last good one."""

import zlib
from struct import Struct
from typing import NamedTuple

from dashboard.cache.contract import Reason
from dashboard.cache.key import Key
from dashboard.cache.value import FORMAT, Value

_MAGIC = b"DYBL"
_BODY = Struct("<4sBqd")  # magic, format, version, end
_CHECKSUM = Struct("<I")
_SIZE = _BODY.size + _CHECKSUM.size


class Latest(NamedTuple):
    """A record of a few bytes beside each answer, which outlives it when room is made."""

    version: int
    ends: float  # of its lifetime, in seconds since 1970

    @classmethod
    def of(cls, key: Key, value: Value) -> "Latest":
        return cls(key.version, value.created.timestamp() + value.ttl_seconds)

    def reason(self, key: Key, now: float) -> Reason:
        """Why there is nothing under a key, when this was stored last."""
        if self.version != key.version:
            return Reason.VERSION
        return Reason.EVICTED if now < self.ends else Reason.EXPIRED


def encode(key: Key, latest: Latest) -> bytes:
    """The record as bytes, bound to the key's question."""
    body = _BODY.pack(_MAGIC, FORMAT, *latest)
    return body + _CHECKSUM.pack(_checksum(key, body))


def decode(key: Key, data: bytes | None) -> Latest | None:
    """The record that was stored for this key's question; None for anything else."""
    if data is None or len(data) != _SIZE:
        return None
    magic, fmt, version, ends = _BODY.unpack_from(data)
    is_ours = magic == _MAGIC and fmt == FORMAT
    is_whole = _CHECKSUM.unpack_from(data, _BODY.size)[0] == _checksum(key, data[: _BODY.size])
    return Latest(version, ends) if is_ours and is_whole else None


def _checksum(key: Key, body: bytes) -> int:
    return zlib.crc32(body, zlib.crc32(f"{key.tag}:{key.digest}".encode()))
