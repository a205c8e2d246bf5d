"""Indexes, and which of them cost more than they give."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from enum import StrEnum
from typing import Any

import polars as pl

from dashboard.database import Snapshot
from dashboard.database_state.tables import RELATIONS, Growth
from dashboard.parts import asked

_MOSTLY_EMPTY_SHARE, _MUCH_EMPTY_BYTES = 0.5, 10_000_000  # half of an index may well be, by random inserts

_LEAST_BYTES = 80_000
# In pg_index.indoption: ascending with NULL at the end, or descending with it at the beginning.
_USUAL_ORDERS = (0, 3)
# What this program and its job queue made is not for others to drop.
_OURS = ("dashboard.", "procrastinate.")


@dataclass(frozen=True, slots=True)
class Index:
    """An index of ``relation``; both names as SQL writes them.

    ``columns`` are the names of its key columns, empty for an expression; ``keys`` are these with operator class,
    collation, order, and whether that class is the usual one. ``is_needed`` for more than reading: a constraint, a
    partitioned table or replication rests on it. ``used_at`` is known from PostgreSQL 16 on.
    """

    relation: str
    name: str
    definition: str
    method: str
    keys: tuple[tuple[Any, ...], ...]
    columns: tuple[str, ...]
    size_bytes: int
    scans: int
    used_at: datetime | None
    is_unique: bool
    is_partial: bool
    has_included: bool
    is_valid: bool
    is_being_built: bool
    is_needed: bool

    def is_ordered(self, place: int) -> bool:
        """Whether its entries are in the order of a key, as ORDER BY has it of itself, up or down."""
        *_, option, is_usual = self.keys[place]
        return self.method == "btree" and is_usual and option in _USUAL_ORDERS

    @property
    def shape(self) -> str:
        """What tells it from other indexes of its table, but for being unique: method, columns and predicate."""
        return self.definition.partition(f" ON {self.relation} USING ")[2]


class Trouble(StrEnum):
    """What may be the matter with an index."""

    INVALID = "invalid"
    DUPLICATE = "duplicate"
    OVERLAPPING = "overlapping"
    UNUSED = "unused"
    BLOATED = "mostly empty"


@dataclass(frozen=True, slots=True)
class Finding:
    """An index that can go, or must be made anew: ``other`` does its work; it was unused since ``since``, or longer."""

    trouble: Trouble
    index: Index
    other: Index | None = None
    since: datetime | None = None

    @property
    def can_go(self) -> bool:
        """Whether nothing is lost without it. An invalid one may be what is left of making ``other`` anew."""
        return self.trouble not in (Trouble.INVALID, Trouble.BLOATED) or self.other is not None

    @property
    def ddl(self) -> str:
        """What puts it right, to be run by a person outside of a transaction."""
        if not self.can_go:
            return f"REINDEX INDEX CONCURRENTLY {self.index.name};"
        return f"DROP INDEX CONCURRENTLY {self.index.name};"


def indexes(snapshot: Snapshot) -> tuple[Index, ...]:
    """The largest first, but those of tables that somebody holds exclusively. Raises DatabaseError."""
    return tuple(map(_index, asked(snapshot, "ops/indexes", number=RELATIONS).to_dicts()))


def _index(row: dict[str, Any]) -> Index:
    keys = tuple(map(tuple, json.loads(row.pop("keys") or "[]")))
    return Index(keys=keys, columns=tuple(json.loads(row.pop("columns") or "[]")), **row)


def findings(
    known: Sequence[Index],
    grown: dict[str, Growth],
    counted_since: datetime | None,
    now: datetime,
    patience: timedelta,
    empty: Mapping[str, float],
) -> tuple[Finding, ...]:
    """What is the matter with indexes; each has one finding at most. The worst first, then the largest.

    One is unused if it was for as long as ``patience``: since PostgreSQL counts (``counted_since``, None if it never
    began anew), and since it is on record. Small ones don't matter, and those of our own schemas are needed at times.
    ``empty`` is the share of each that is, as far as that is known.
    """
    sound = [one for one in known if one.is_valid]
    found = {one.name: Finding(Trouble.INVALID, one, _same(one, sound)) for one in known if _is_broken(one)}
    for one, other in _duplicates(sound):
        found.setdefault(one.name, Finding(Trouble.DUPLICATE, one, other))
    for one in sound:
        wider = _wider(one, [two for two in sound if two.name not in found])
        if wider and one.name not in found:
            found[one.name] = Finding(Trouble.OVERLAPPING, one, wider)
    for one in sound:
        since = _unused_since(one, grown, counted_since)
        if one.name not in found and since and now - since >= patience:
            found[one.name] = Finding(Trouble.UNUSED, one, since=since)
    for one in sound:
        if is_mostly_empty(empty.get(one.name, 0.0), one.size_bytes):
            found.setdefault(one.name, Finding(Trouble.BLOATED, one))
    order = list(Trouble)
    return tuple(sorted(found.values(), key=lambda it: (order.index(it.trouble), -it.index.size_bytes)))


def is_mostly_empty(share: float, size_bytes: int) -> bool:
    """Whether so much of a table or an index is empty that it is worth telling."""
    return share >= _MOSTLY_EMPTY_SHARE and share * size_bytes >= _MUCH_EMPTY_BYTES


def _is_broken(one: Index) -> bool:
    return not one.is_valid and not one.is_being_built


def _same(one: Index, others: Sequence[Index]) -> Index | None:
    """An index that does all that this one would."""
    of_table = (other for other in others if (other.relation, other.shape) == (one.relation, one.shape))
    return next((other for other in of_table if other.is_unique >= one.is_unique), None)


def _duplicates(known: Sequence[Index]) -> list[tuple[Index, Index]]:
    """Pairs of an index that is not needed and one of the same shape that stays: the needed, the unique, the used."""
    groups: dict[tuple[str, str], list[Index]] = {}
    for one in known:
        groups.setdefault((one.relation, one.shape), []).append(one)
    pairs = []
    for group in groups.values():
        kept, *others = sorted(group, key=lambda one: (-one.is_needed, -one.is_unique, -one.scans, one.name))
        pairs += [(one, kept) for one in others if not one.is_needed and one.is_unique <= kept.is_unique]
    return pairs


def _wider(one: Index, others: Sequence[Index]) -> Index | None:
    """An index that begins with all columns of this one, and so serves its readers, too."""
    is_plain = one.method == "btree" and not (
        one.is_partial or one.is_unique or one.is_needed or one.has_included
    )
    if not is_plain:
        return None
    number = len(one.keys)
    for other in others:
        is_same_kind = other.relation == one.relation and other.method == "btree" and not other.is_partial
        if is_same_kind and len(other.keys) > number and other.keys[:number] == one.keys:
            return other
    return None


def _unused_since(one: Index, grown: dict[str, Growth], counted_since: datetime | None) -> datetime | None:
    """None if it was used, does not matter, or it is not known for how long it was not used."""
    is_ours = one.relation.startswith(_OURS)
    if one.scans or one.is_unique or one.is_needed or one.is_being_built or is_ours:
        return None
    if one.size_bytes < _LEAST_BYTES or one.name not in grown:
        return None
    record = grown[one.name]
    # Counts are lost in a crash, of which PostgreSQL does not tell: what is on record is not.
    first_day = record.used_day + timedelta(days=1) if record.used_day else record.first_day
    first = datetime.combine(first_day, time(), UTC)
    return max(first, counted_since) if counted_since else first


def finding_rows(found: Sequence[Finding]) -> pl.DataFrame:
    """A row a finding: ``name``, ``relation``, ``trouble``, ``other`` (may be null), ``size_bytes``, ``since``."""
    rows = [
        {
            "name": one.index.name,
            "relation": one.index.relation,
            "trouble": str(one.trouble),
            "other": one.other.name if one.other else None,
            "size_bytes": one.index.size_bytes,
            "since": one.since,
        }
        for one in found
    ]
    schema: dict[str, Any] = {"other": pl.String, "since": pl.Datetime("us", "UTC")}
    return pl.DataFrame(rows, schema_overrides=schema, infer_schema_length=None)


def rows(known: Sequence[Index], grown: dict[str, Growth], empty: Mapping[str, float]) -> pl.DataFrame:
    """A row an index, with its ``shape``, ``grown_bytes`` (Int64) and ``empty_share`` (Float64), which may be null."""
    rows = [
        {
            "name": one.name,
            "relation": one.relation,
            "shape": one.shape,
            "size_bytes": one.size_bytes,
            "grown_bytes": one.size_bytes - grown[one.name].size_bytes if one.name in grown else None,
            "empty_share": empty.get(one.name),
            "scans": one.scans,
            "used_at": one.used_at,
        }
        for one in known
    ]
    schema: dict[str, Any] = {
        "grown_bytes": pl.Int64,
        "empty_share": pl.Float64,
        "used_at": pl.Datetime("us", "UTC"),
    }
    return pl.DataFrame(rows, schema_overrides=schema, infer_schema_length=None)
