"""A cached answer, and its form outside the process: a fixed header, then an Arrow IPC stream."""

import zlib
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from struct import Struct
from struct import error as StructError

import polars as pl
from polars._plr import PyDataFrame  # its version is pinned

from dashboard.cache.arrow import check_stream
from dashboard.cache.key import Key

FORMAT = 2

# A larger answer is not kept. What claims to be twice as large is no answer of ours: it is not even decoded.
MAX_VALUE_BYTES = 256 * 1024 * 1024

# Measured on sales rows: lz4 makes a third of them at twice the time to decode; below this it does not pay.
COMPRESS_FROM_BYTES = 64 * 1024

_MAGIC = b"DYBK"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

# magic, format, created µs, lifetime s, version, database ms, data through (0: unknown)
_HEADER = Struct("<4sBqdqdi")
_CHECKSUM = Struct("<I")
_PAYLOAD_AT = _HEADER.size + _CHECKSUM.size
HEAD_BYTES = _HEADER.size


class Damaged(ValueError):
    """Bytes that are not, or no longer, the value that was stored under their key."""


@dataclass(frozen=True, slots=True, eq=False)
class Value:
    """Rows, and what they are: of which version, how old, and how long they are good.

    ``created`` is when the rows were read, with a time zone. ``version`` is the state of the data that they were
    read from, in the same snapshot. ``data_through`` is the last business day with an order in that state.
    """

    rows: pl.DataFrame
    created: datetime
    ttl_seconds: float
    version: int
    database_ms: float
    data_through: date | None = None

    def age_seconds(self, now: datetime) -> float:
        return (now - self.created).total_seconds()

    def is_expired(self, now: datetime) -> bool:
        return self.age_seconds(now) >= self.ttl_seconds


def encode(key: Key, value: Value) -> bytes:
    """The value as bytes, bound to its key."""
    is_large = value.rows.estimated_size() >= COMPRESS_FROM_BYTES
    payload = value.rows.write_ipc_stream(None, compression="lz4" if is_large else "uncompressed").getvalue()
    header = _HEADER.pack(
        _MAGIC,
        FORMAT,
        (value.created - _EPOCH) // _MICROSECOND,
        value.ttl_seconds,
        value.version,
        value.database_ms,
        value.data_through.toordinal() if value.data_through else 0,
    )
    return b"".join((header, _CHECKSUM.pack(_checksum(key, header, payload)), payload))


def created_of(head: bytes) -> datetime | None:
    """When the value was made that begins with these ``HEAD_BYTES``, by its own word; None if it is none of ours."""
    try:
        magic, fmt, created_us, *_ = _HEADER.unpack(head)
        return _EPOCH + timedelta(microseconds=created_us) if (magic, fmt) == (_MAGIC, FORMAT) else None
    except (StructError, OverflowError):
        return None


def decode(key: Key, data: bytes) -> Value:
    """The value that was stored under this key. Raises Damaged whatever else the bytes are, and executes nothing."""
    if len(data) < _PAYLOAD_AT:
        raise Damaged("shorter than a header")
    magic, fmt, created_us, ttl_seconds, version, database_ms, through = _HEADER.unpack_from(data)
    if magic != _MAGIC or fmt != FORMAT:
        raise Damaged("of another format")
    payload = data[_PAYLOAD_AT:]
    if _CHECKSUM.unpack_from(data, _HEADER.size)[0] != _checksum(key, data[: _HEADER.size], payload):
        raise Damaged("its checksum differs")
    try:
        check_stream(payload, 2 * MAX_VALUE_BYTES)
        return Value(
            rows=_frame(payload),
            created=_EPOCH + timedelta(microseconds=created_us),
            ttl_seconds=ttl_seconds,
            version=version,
            database_ms=database_ms,
            data_through=date.fromordinal(through) if through else None,
        )
    except (Exception, pl.exceptions.PanicException) as error:  # forged: polars raises nearly anything
        raise Damaged(str(error)) from None


def _frame(stream: bytes) -> pl.DataFrame:
    """What ``pl.read_ipc_stream`` does once it knows that these are bytes, which it takes 12 µs to find out."""
    return pl.DataFrame._from_pydf(PyDataFrame.read_ipc_stream(stream, None, None, None, None, rechunk=False))


def _checksum(key: Key, header: bytes, payload: bytes) -> int:
    """CRC-32 over key and bytes, so that a value found under another's key is damaged too."""
    return zlib.crc32(payload, zlib.crc32(header, zlib.crc32(str(key).encode())))
