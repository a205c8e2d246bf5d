"""A process that reads and writes down what it got: ``python -m bench.soak.reader SEED LOG`` until its input ends."""

import json
import os
import random
import sys
import threading
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from bench.soak.claim import FIRST_DAY, LAST_DAY, SAMPLES, SPLIT, Claim, Digest
from dashboard.data import Data, Reading, opened
from dashboard.errors import DataMoved
from dashboard.settings import load_settings
from dashboard.window import Span

THREADS = 4
READS = 5  # of one reading, at most
PAUSE_SECONDS = 0.05  # between two readings, at most

_POPULAR = 12  # ranges that all ask for time and again
_POPULAR_SHARE, _ALL_DAYS_SHARE, _SAMPLE_SHARE, _FRESH_SHARE, _LEAVING_SHARE = 0.4, 0.03, 0.2, 0.02, 0.03


class Left(Exception):
    """A reader who has no patience left."""


class Log:
    """A line for each answer or error, in the file as soon as it is written: this process may be killed."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def write(self, *entry: object) -> None:
        os.write(self._file, json.dumps(entry, default=str).encode() + b"\n")


def entries(path: Path) -> Iterator[Claim | str]:
    """What a log says: a claim, or what became of a reading that came to no end."""
    for line in path.read_text().splitlines(keepends=True):
        if line.endswith("\n"):  # else its process was killed while it wrote
            yield _entry(json.loads(line))


def _entry(fields: list[Any]) -> Claim | str:
    if len(fields) == 1:
        return str(fields[0])
    reading, query, sample, edges, version, source, digest = fields
    span = Span(*map(date.fromisoformat, edges)) if edges else None
    return Claim(reading, query, sample, span, version, source, Digest(*digest))


class Reader:
    """One thread's reads."""

    def __init__(self, data: Data, log: Log, name: str) -> None:
        self._data, self._log, self._name = data, log, name
        self._draw = random.Random(name)
        everywhere = random.Random("popular")
        self._popular = [_span(everywhere) for _ in range(_POPULAR)]

    def run(self, stop: threading.Event) -> None:
        number = 0
        while not stop.is_set():
            number += 1
            try:
                self._read(self._data.reading(), f"{self._name}/{number}")
            except (DataMoved, Left) as error:
                self._log.write(type(error).__name__)
            except Exception as error:
                self._log.write(f"error {error!r}")
            stop.wait(self._draw.uniform(0, PAUSE_SECONDS))

    def _read(self, reading: Reading, name: str) -> None:
        for _ in range(self._draw.randint(1, READS)):
            claim = self._asked(reading, name)
            edges = (claim.span.start, claim.span.end) if claim.span else None
            self._log.write(*(claim._asdict() | {"span": edges}).values())

    def _asked(self, reading: Reading, name: str) -> Claim:
        is_fresh = self._draw.random() < _FRESH_SHARE
        if self._draw.random() < _SAMPLE_SHARE:
            place = self._draw.randrange(len(SAMPLES))
            query, params = SAMPLES[place]
            return Claim.of(name, place, reading.frame(query, None, is_fresh, **params))
        query = self._draw.choice(SPLIT).name
        return Claim.of(name, None, reading.frame(query, self._span(), is_fresh))

    def _span(self) -> Span | None:
        kind = self._draw.random()
        if kind < _ALL_DAYS_SHARE:
            return None
        return self._draw.choice(self._popular) if kind < _POPULAR_SHARE else _span(self._draw)


def _span(draw: random.Random) -> Span:
    """A range that may reach beyond the data."""
    days = (LAST_DAY - FIRST_DAY).days
    start, end = sorted(draw.sample(range(-40, days + 40), 2))
    return Span(FIRST_DAY + timedelta(start), FIRST_DAY + timedelta(end))


def _lose_patience() -> None:
    if random.random() < _LEAVING_SHARE:
        raise Left


def main(seed: str, path: str) -> None:
    stop, log = threading.Event(), Log(Path(path))
    with opened(load_settings(), _lose_patience) as data:
        readers = [Reader(data, log, f"{seed}/{number}") for number in range(THREADS)]
        threads = [threading.Thread(target=reader.run, args=(stop,)) for reader in readers]
        for thread in threads:
            thread.start()
        sys.stdin.read()
        stop.set()
        for thread in threads:
            thread.join()


if __name__ == "__main__":
    main(*sys.argv[1:])
