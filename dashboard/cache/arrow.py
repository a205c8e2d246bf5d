"""What an Arrow IPC stream claims about its sizes, checked before polars allocates memory for the claims.

polars 2.1 ends the whole process when a stream announces a buffer of petabytes. The layout read here is
https://arrow.apache.org/docs/format/Columnar.html#ipc-streaming-format; its metadata are FlatBuffers tables,
whose fields go by number: https://github.com/apache/arrow/blob/main/format/Message.fbs.
"""

from functools import lru_cache
from operator import add
from struct import Struct, error, unpack_from
from typing import NamedTuple

_PREFIX = Struct("<II").unpack_from
_U8 = Struct("<B").unpack_from
_U16 = Struct("<H").unpack_from
_U32 = Struct("<I").unpack_from
_I32 = Struct("<i").unpack_from
_I64 = Struct("<q").unpack_from

_CONTINUES = 0xFFFFFFFF
_SCHEMA, _DICTIONARY, _RECORDS = 1, 2, 3
_NOT_COMPRESSED = -1

# Metadata of hundreds of columns; larger ones are read each time.
MAX_REMEMBERED_BYTES = 16_384


class Unsound(ValueError):
    """A stream contradicts itself, or claims more than it may."""


def check_stream(stream: bytes, max_bytes: int) -> None:
    """Raise Unsound unless all parts lie within the stream and decode to at most ``max_bytes``."""
    try:
        claimed_bytes = _claimed_bytes(stream)
    except error as problem:
        raise Unsound(f"not an Arrow stream: {problem}") from None
    if claimed_bytes > max_bytes:
        raise Unsound(f"claims {claimed_bytes} bytes, more than {max_bytes}")


class _Table:
    """A FlatBuffers table: where in the stream its fields are."""

    __slots__ = ("_offsets", "_position", "_stream")

    def __init__(self, stream: bytes, position: int) -> None:
        self._stream, self._position = stream, position
        index = position - _I32(stream, position)[0]
        _require(index >= 0, "a table begins before the stream")
        self._offsets = unpack_from(f"<{max(0, _U16(stream, index)[0] // 2 - 2)}H", stream, index + 4)

    def place(self, field: int) -> int:
        """Where a field is; 0 if it was left out."""
        offset = self._offsets[field] if field < len(self._offsets) else 0
        return self._position + offset if offset else 0

    def integer(self, field: int) -> int:
        place = self.place(field)
        return int(_I64(self._stream, place)[0]) if place else 0

    def table(self, field: int) -> "_Table":
        place = self.place(field)
        _require(place > 0, "a table is missing")
        return _Table(self._stream, place + _U32(self._stream, place)[0])

    def integers(self, field: int, width: int = 1) -> tuple[int, ...]:
        """A vector of structs, each of ``width`` integers, one after the other."""
        place = self.place(field)
        if not place:
            return ()
        start = place + _U32(self._stream, place)[0]
        return unpack_from(f"<{_U32(self._stream, start)[0] * width}q", self._stream, start + 4)


class _Message(NamedTuple):
    """What a message's metadata say of its body."""

    body_bytes: int
    claimed_bytes: int  # of a body that is not compressed
    compressed: tuple[tuple[int, int], ...]  # offset and length of each buffer of one that is


def _claimed_bytes(stream: bytes) -> int:
    """Size that all messages say they decode to; the place of each in the stream is checked on the way."""
    claimed_bytes = end = 0
    while True:
        mark, length = _PREFIX(stream, end)
        _require(mark == _CONTINUES, "a message does not begin where it should")
        if length == 0:
            return claimed_bytes
        body = end + 8 + length
        metadata = stream[end + 8 : body]
        message = _remembered(metadata) if length <= MAX_REMEMBERED_BYTES else _message(metadata)
        end = body + message.body_bytes
        _require(body <= end <= len(stream), "a message is longer than the stream")
        claimed_bytes += message.claimed_bytes
        for offset, buffer_bytes in message.compressed:
            claimed_bytes += _plain_bytes(stream, body + offset, buffer_bytes)


def _message(metadata: bytes) -> _Message:
    message = _Table(metadata, _U32(metadata, 0)[0])
    body_bytes = message.integer(3)
    kind = _U8(metadata, message.place(1))[0]
    if kind == _SCHEMA:
        return _Message(body_bytes, 0, ())
    _require(kind in (_DICTIONARY, _RECORDS), "a message of unknown kind")
    header = message.table(2)
    return _batch(header.table(1) if kind == _DICTIONARY else header, body_bytes)


def _batch(batch: _Table, body_bytes: int) -> _Message:
    buffers = batch.integers(2, width=2)
    offsets, lengths = buffers[::2], buffers[1::2]
    _require(min(buffers, default=0) >= 0, "a negative buffer")
    _require(max(map(add, offsets, lengths), default=0) <= body_bytes, "a buffer is longer than its message")
    _require(sum(map(abs, batch.integers(4))) <= len(offsets), "more variadic buffers than buffers")
    # A row of any type counts as a byte: a column of nulls has rows without buffers.
    rows = (batch.integer(0), *batch.integers(1, width=2)[::2])
    _require(min(rows) >= 0, "a negative number of rows")
    if batch.place(3):
        return _Message(body_bytes, sum(rows), tuple(zip(offsets, lengths, strict=True)))
    return _Message(body_bytes, sum(rows) + sum(lengths), ())


# Months of one length have the same metadata, which take longer to read than all else about them.
_remembered = lru_cache(maxsize=1_000)(_message)


def _plain_bytes(stream: bytes, start: int, length: int) -> int:
    """Size of a buffer of a compressed batch, which stands before it."""
    claimed_bytes = int(_I64(stream, start)[0]) if length else 0
    _require(claimed_bytes >= _NOT_COMPRESSED, "a negative size")
    return length if claimed_bytes == _NOT_COMPRESSED else claimed_bytes


def _require(is_so: bool, otherwise: str) -> None:
    if not is_so:
        raise Unsound(otherwise)
