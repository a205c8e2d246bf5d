"""Importing the CSV files of the Olist data set, in one transaction."""

import time
from collections import Counter
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from rich.progress import Progress

from dashboard.database import Database, Writer
from dashboard.errors import DatabaseError, LoadError
from dashboard.loading import merge, shop
from dashboard.loading.checks import checked
from dashboard.loading.rejects import Reject, RejectsFile
from dashboard.loading.source import LINE, Batch, Source, open_source
from dashboard.loading.summary import Summary, TableSummary, changed
from dashboard.loading.tables import TABLES, UNUSED_FILE, Table
from dashboard.refresh import refresh_views

_LAST_KIND = "SELECT kind FROM dashboard.loads ORDER BY load_id DESC LIMIT 1"
_INTEGRITY = "23"  # the class of PostgreSQL's codes for broken keys and references

T = TypeVar("T")


def load_olist(
    database: Database,
    directory: Path,
    *,
    strict: bool = False,
    replace: bool = False,
    rejects_dir: Path,
    progress: Progress,
) -> Summary:
    """Bring the shop's tables to what the files in ``directory`` say; rows that they lack are kept.

    ``replace`` empties the shop first. Rows that can't be kept go to a file in ``rejects_dir``; ``strict``
    makes them an error. Raises LoadError, after which the database is as before.
    """
    started = time.monotonic()
    sources = find_sources(directory)
    with RejectsFile(rejects_dir, "olist") as rejects, database.writer() as writer:
        shop.take(writer)
        if replace:
            shop.empty(writer)
        _refuse_mixture(writer)
        tables = _summaries(directory, _Import(writer, sources, rejects, progress).run())
        path = rejects.publish()
        if strict and path:
            raise LoadError(
                f"Rows were rejected, so nothing was written: {_counted(tables)}. {path} lists them. "
                "Put them right, or load without --strict."
            )
        _refresh(writer, shop.TABLE_NAMES if replace else changed(tables), progress)
        summary = Summary(tables, path, time.monotonic() - started)
        _record(writer, directory, summary)
    return summary


def find_sources(directory: Path) -> list[Source]:
    """The files of a folder, their headers checked, in the order of TABLES. Raises LoadError."""
    if not directory.is_dir():
        raise LoadError(f"{directory} is not a folder. Name the one that holds the Olist CSV files.")
    paths = {table: _path(directory, table.file) for table in TABLES}
    missing = [table.file for table, path in paths.items() if path is None and not table.optional]
    if missing:
        raise LoadError(f"{directory} lacks {', '.join(missing)} (or the same with .gz at the end).")
    return [open_source(table, path) for table, path in paths.items() if path]


def _path(directory: Path, name: str) -> Path | None:
    found = [path for path in (directory / name, directory / f"{name}.gz") if path.is_file()]
    if len(found) > 1:
        raise LoadError(f"{directory} holds both {name} and {name}.gz. Remove the one that is not meant.")
    return found[0] if found else None


def _refuse_mixture(writer: Writer) -> None:
    if writer.rows(_LAST_KIND) == [("demo",)] and not shop.is_empty(writer):
        raise LoadError(
            "The database holds the demo shop, and nothing was written. To delete it and load these files in "
            "its place, repeat the command with --replace."
        )


@dataclass(slots=True)
class _Tally:
    """What became of one file's rows so far."""

    source: Source
    read: int = 0
    inserted: int = 0
    updated: int = 0
    rejected: Counter[str] = field(default_factory=Counter)

    @property
    def kept(self) -> int:
        return self.read - self.rejected.total()

    def summary(self) -> TableSummary:
        unchanged = self.kept - self.inserted - self.updated
        counts = (self.read, self.inserted, self.updated, unchanged)
        return TableSummary(self.source.table.name, self.source.path, *counts, self.rejected)


@dataclass(frozen=True, slots=True)
class _Import:
    """The way of the files into the tables, within one transaction."""

    writer: Writer
    sources: Sequence[Source]
    rejects: RejectsFile
    progress: Progress

    def run(self) -> list[_Tally]:
        """Fill empty tables without detour; where that breaks a key, or rows are there, merge."""
        fresh = shop.is_empty(self.writer)
        if fresh:
            try:
                with self.writer.savepoint():
                    return self._fill()
            except DatabaseError as error:
                if not shop.sqlstate(error).startswith(_INTEGRITY):
                    raise
                self.rejects.discard()
        return self._merge(fresh)

    def _fill(self) -> list[_Tally]:
        with shop.without_indexes(self.writer):
            tallies = [self._copy(source, f"shop.{source.table.name}", ()) for source in self.sources]
            for tally in tallies:
                tally.inserted = tally.kept
            task = self.progress.add_task("Keys and indexes", total=None)
        self.progress.update(task, total=1, completed=1)
        return tallies

    def _merge(self, fresh: bool) -> list[_Tally]:
        tallies = []
        for source in self.sources:
            merge.make_stage(self.writer, source.table)
            tallies.append(self._copy(source, merge.stage(source.table), (LINE,)))
        with shop.without_indexes(self.writer) if fresh else nullcontext():
            for tally in self.progress.track(tallies, description="Merging"):
                self._merge_table(tally)
        return tallies

    def _merge_table(self, tally: _Tally) -> None:
        table = tally.source.table
        merge.mark_rejects(self.writer, table)
        self._reject(tally, merge.marked_rejects(self.writer, table, tally.source.columns))
        tally.inserted, tally.updated = merge.merge(self.writer, table)

    def _copy(self, source: Source, target: str, further: tuple[str, ...]) -> _Tally:
        """Copy the rows whose fields are right, with ``further`` columns of their batches, to a table."""
        tally = _Tally(source)
        task = self.progress.add_task(source.path.name, total=source.size_bytes)
        columns = (*further, *source.columns)
        batches = source.batches(lambda read_bytes: self.progress.update(task, completed=read_bytes))
        sql = f"COPY {target} ({', '.join(columns)}) FROM STDIN (FORMAT csv, ENCODING 'UTF8')"
        encoded = _ahead(_encoded(batches, source.table, columns))
        with closing(encoded), self.writer.copy_in(sql) as copy:
            for batch, data in encoded:
                copy.write(data)
                tally.read += len(batch.rows) + len(batch.rejected)
                self._reject(tally, batch.rejected)
        self.progress.update(task, completed=source.size_bytes)
        return tally

    def _reject(self, tally: _Tally, rejects: Iterable[Reject]) -> None:
        for reject in rejects:
            self.rejects.add(tally.source.path, reject)
            tally.rejected[reject.reason] += 1


def _encoded(batches: Iterator[Batch], table: Table, columns: Sequence[str]) -> Iterator[tuple[Batch, bytes]]:
    for batch in batches:
        kept = checked(batch, table)
        yield kept, kept.rows.select(columns).write_csv(include_header=False).encode()


def _ahead(items: Iterator[T]) -> Generator[T, None, None]:
    """The same items, the next one made in a thread while PostgreSQL takes in this one."""
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(next, items, None)
        while (item := coming.result()) is not None:
            coming = pool.submit(next, items, None)
            yield item


def _summaries(directory: Path, tallies: Sequence[_Tally]) -> tuple[TableSummary, ...]:
    done = {tally.source.table: tally.summary() for tally in tallies}
    absent = "no file (optional)"
    summaries = [done.get(table) or TableSummary(table.name, None, note=absent) for table in TABLES]
    unused = _path(directory, UNUSED_FILE)
    note = "not kept: nothing uses it" if unused else absent
    return (*summaries, TableSummary("geolocation", unused, note=note))


def _counted(tables: Iterable[TableSummary]) -> str:
    return "; ".join(f"{table.table}: {table.reasons}" for table in tables if table.rejects)


def _refresh(writer: Writer, changed: Sequence[str], progress: Progress) -> None:
    if changed:
        task = progress.add_task("Views", total=None)
        shop.analyze(writer)
        refresh_views(writer, reason="load olist", sources=changed)
        progress.update(task, total=1, completed=1)


def _record(writer: Writer, directory: Path, summary: Summary) -> None:
    tables = summary.tables
    shop.record(
        writer,
        "olist",
        str(directory),
        summary.duration_seconds,
        read=sum(table.read for table in tables),
        inserted=sum(table.inserted for table in tables),
        updated=sum(table.updated for table in tables),
        rejected=sum(table.rejects for table in tables),
    )
