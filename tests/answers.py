"""Answers to cache, for the tests that need some."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import polars as pl

from dashboard.cache import Backend, Key, Miss, Value

ALL_TYPES = pl.DataFrame(
    {
        "date": [date(2016, 2, 29), None],
        "at": pl.Series([datetime(2018, 1, 1, 12, 30, 0, 1), None], dtype=pl.Datetime("us")),
        "at_utc": pl.Series([datetime(2018, 1, 1, tzinfo=UTC), None], dtype=pl.Datetime("us", "UTC")),
        "at_home": pl.Series([None, None], dtype=pl.Datetime("us", "America/Sao_Paulo")),
        "revenue": pl.Series([Decimal("659682.58"), None], dtype=pl.Decimal(38, 2)),
        "orders": pl.Series([2**62, None], dtype=pl.Int64),
        "customer": pl.Series([2**31 - 1, None], dtype=pl.Int32),
        "share": [0.1, None],
        "state": ["São Paulo, long enough to stand outside its view", ""],
        "is_open": [True, None],
        "categories": [["cama", None], None],
        "segment": pl.Series(["new", None], dtype=pl.Enum(["new", "returning"])),
        "nothing": pl.Series([None, None], dtype=pl.Null),
    }
)


def answer(rows: pl.DataFrame | None = None, **chosen: Any) -> Value:
    """A fresh answer."""
    facts = {"created": datetime.now(UTC), "ttl_seconds": 3600.0, "version": 7, "database_ms": 12.5, **chosen}
    return Value(rows=pl.DataFrame({"orders": [49]}) if rows is None else rows, **facts)


def found(cache: Backend, key: Key) -> Value | Miss:
    [only] = cache.get_many([key])
    return only


def hit(cache: Backend, key: Key) -> Value:
    only = found(cache, key)
    assert isinstance(only, Value), only
    return only


def miss(cache: Backend, key: Key) -> Miss:
    only = found(cache, key)
    assert isinstance(only, Miss), only
    return only


def last_good(cache: Backend, key: Key) -> Value | None:
    [only] = cache.last_good([key])
    return only


def store(cache: Backend, key: Key, rows: pl.DataFrame | None = None, **chosen: Any) -> Value:
    kept = answer(rows, **chosen)
    cache.set_many({key: kept})
    return kept


def same(one: Value, other: Value) -> bool:
    """All facts are equal, and the rows to the last type."""
    facts = [name for name in Value.__slots__ if name != "rows"]
    return (
        all(getattr(one, name) == getattr(other, name) for name in facts)
        and one.rows.schema == other.rows.schema
        and one.rows.equals(other.rows)
    )
