"""By which columns of which tables statements look for rows, as far as few rows have what they look for."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from math import prod

from dashboard.database_state.columns import Column, Columns
from dashboard.database_state.predicates import Place, Scope, Source
from dashboard.database_state.tables import Table

SELECTIVE_SHARE = 0.05
"""PostgreSQL reads a table rather in full than more of its rows one by one."""

_MOST_COLUMNS = 3
_FEW_ROWS = 100
_ADDS_LITTLE_SHARE = 0.2


@dataclass(frozen=True, slots=True)
class Wish:
    """To find rows of a table by all of ``equal``, and then by a range of ``ranged``, or the first by ``ordered``.

    The most selective first. ``is_join``: by those of another table. ``known`` are these columns and all others
    whose values are known, too.
    """

    table: Table
    equal: tuple[Column, ...]
    ranged: Column | None
    is_join: bool
    known: tuple[Column, ...] = field(compare=False)
    ordered: tuple[Column, ...] = ()

    @property
    def columns(self) -> tuple[Column, ...]:
        return (*self.equal, *([self.ranged] if self.ranged else self.ordered))


class Wishes:
    """What statements wish for, in a database with these tables."""

    def __init__(self, tables: Sequence[Table], columns: Columns) -> None:
        self._columns = columns
        self._tables = {(one.schema_name, one.name): one for one in tables}
        self._by_name: dict[str, list[Table]] = {}
        for one in tables:
            self._by_name.setdefault(one.name, []).append(one)

    def of(self, scopes: Sequence[Scope]) -> Iterator[Wish]:
        """The wishes of the parts of one statement; one may come more than once."""
        for number, scope in enumerate(scopes):
            for source in scope.sources:
                if table := self._table(source):
                    equal = self._of_source(scopes, number, scope.values, source)
                    ranges = self._of_source(scopes, number, scope.ranges, source)
                    if wish := self._wish(table, equal, ranges):
                        yield wish
            if wish := self._first(scopes, number):
                yield wish
            for table, columns in self._joined(scopes, number):
                if wish := self._wish(table, columns, ()):
                    yield replace(wish, is_join=True)

    def _wish(self, table: Table, equal: Sequence[Column], ranges: Sequence[Column]) -> Wish | None:
        share = 1.0
        chosen: list[Column] = []
        for column in sorted(equal, key=lambda one: one.share(table.rows) or 1):
            of_one = column.share(table.rows) or 1
            is_enough = share * table.rows <= _FEW_ROWS or len(chosen) == _MOST_COLUMNS
            if not is_enough and of_one <= _ADDS_LITTLE_SHARE:
                chosen.append(column)
                share *= of_one
        is_many = share * table.rows > _FEW_ROWS and len(chosen) < _MOST_COLUMNS
        ranged = next((one for one in ranges if is_many and self._is_selective(table, one)), None)
        if ranged is None and share > SELECTIVE_SHARE:
            return None
        return Wish(table, tuple(chosen), ranged, is_join=False, known=tuple(equal))

    def _first(self, scopes: Sequence[Scope], number: int) -> Wish | None:
        """To read the first rows in their order, where else all that match are read and sorted.

        Joins with other tables are taken to leave most rows; what else is joined may leave few.
        """
        scope = scopes[number]
        places = (*scope.order, *scope.values, *scope.ranges)
        owners = {self._find(scopes, number, place) for place in places}
        joined = [self._find(scopes, number, place) for pair in scope.joins for place in pair]
        source = next((one for one in scope.sources if scope.order and owners == {(number, one)}), None)
        is_joined = all(map(self._table, scope.sources)) and all(one and one[0] == number for one in joined)
        table = self._table(source) if source else None
        if source is None or table is None or not is_joined:
            return None
        order, equal, lists, ranges = (
            self._of_source(scopes, number, places, source)
            for places in (scope.order, scope.equalities, scope.lists, scope.ranges)
        )
        shares = {column: column.share(table.rows) for column in (*order, *equal)}
        is_known = len(order) == len({*scope.order}) and None not in shares.values()
        if not is_known or {*ranges} - {order[0]} or any(self._is_selective(table, one) for one in lists):
            return None
        ordered = [column for column in order if column not in equal]
        if not ordered or prod(shares[one] or 1 for one in equal) * table.rows <= _FEW_ROWS:
            return None
        chosen = sorted(equal, key=lambda one: shares[one] or 1)[: _MOST_COLUMNS - 1]
        following = ordered[: _MOST_COLUMNS - len(chosen)]
        return Wish(table, tuple(chosen), None, is_join=False, known=tuple(equal), ordered=tuple(following))

    def _joined(self, scopes: Sequence[Scope], number: int) -> Iterator[tuple[Table, list[Column]]]:
        """The columns by which rows of a table are found for each of few rows of another one, or of an outer part."""
        found: dict[tuple[Source, tuple[int, Source] | None], list[Column]] = {}
        for one, other in scopes[number].joins:
            here, there = self._find(scopes, number, one), self._find(scopes, number, other)
            if here is None or here[0] != number or (there and there[1] == here[1]):
                continue
            is_row_by_row = there is not None and there[0] != number
            if is_row_by_row or self._is_narrowed(scopes, number, here[1]):
                found.setdefault((here[1], there), []).extend(self._of_source(scopes, number, [one], here[1]))
        for (source, _), columns in found.items():
            if table := self._table(source):
                yield table, [*dict.fromkeys(columns)]

    def _is_narrowed(self, scopes: Sequence[Scope], number: int, but: Source) -> bool:
        """Whether few rows of another source are looked for, by which then this one is."""
        scope = scopes[number]
        for source in scope.sources:
            table = self._table(source)
            if table is None or source == but:
                continue
            if self._of_source(scopes, number, scope.ranges, source):
                return True
            equal = self._of_source(scopes, number, scope.values, source)
            if any(self._is_selective(table, one) for one in equal):
                return True
        return False

    def _is_selective(self, table: Table, column: Column) -> bool:
        share = column.share(table.rows)
        return share is not None and share <= SELECTIVE_SHARE

    def _of_source(
        self, scopes: Sequence[Scope], number: int, places: Sequence[Place], source: Source
    ) -> list[Column]:
        """The columns of a source among places, each once."""
        table = self._table(source)
        known = self._columns.get(table.relation_id, {}) if table else {}
        names = [place[1] for place in places if self._find(scopes, number, place) == (number, source)]
        return [known[name] for name in dict.fromkeys(names) if name in known and known[name].has_order]

    def _find(self, scopes: Sequence[Scope], number: int, place: Place) -> tuple[int, Source] | None:
        """The part of the statement and the source that a column belongs to; None if that is not clear."""
        alias, name = place
        scope = scopes[number]
        found = [one for one in scope.sources if (one.alias == alias if alias else self._has(one, name))]
        if len(found) == 1:
            return number, found[0]
        return None if found or scope.outer is None else self._find(scopes, scope.outer, place)

    def _has(self, source: Source, name: str) -> bool:
        table = self._table(source)
        return table is not None and name in self._columns.get(table.relation_id, {})

    def _table(self, source: Source) -> Table | None:
        if source.schema:
            return self._tables.get((source.schema, source.table))
        named = self._by_name.get(source.table, [])
        return named[0] if len(named) == 1 else None
