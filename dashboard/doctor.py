"""Looks at everything once and says what is the matter: what the operators' pages say, for a terminal."""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import TypeAlias

from dashboard import advice, cache_state, database_state, freshness, schema, statements, system_state
from dashboard.advice import Level, Now, Verdict
from dashboard.cache import open_levels
from dashboard.catalogue import catalogue
from dashboard.data import Data
from dashboard.database import Database
from dashboard.errors import DatabaseUnavailable, DaybookError
from dashboard.notation import Notation
from dashboard.settings import Settings
from dashboard.statements import Period

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Patient:
    """What is looked at. The database need not answer."""

    settings: Settings
    database: Database

    @property
    def notation(self) -> Notation:
        return Notation(self.settings.locale, self.settings.currency)


class _NotPrepared(DaybookError):
    """The database was never prepared for Daybook."""


_PAST_HOURS = 24  # of which slow statements are told
Look: TypeAlias = Callable[[Patient], Sequence[Verdict]]


def _database(patient: Patient) -> list[Verdict]:
    version = system_state.read(patient.database).database_version.get()
    return [Verdict(Level.GOOD, f"PostgreSQL {version} answers.")]


def _schema(patient: Patient) -> list[Verdict]:
    state = schema.state(patient.database)
    if state.is_current:
        return [Verdict(Level.GOOD, f"The tables are those of this program (migration {state.expected}).")]
    if state.current is None:
        raise _NotPrepared(
            "The database was never prepared for Daybook. "
            "`python -m dashboard serve` makes its tables and views, as does any command that reads."
        )
    if state.is_known:
        return [
            Verdict(
                Level.WARNING,
                f"The database is at migration {state.current}, this program is at {state.expected}.",
                "The next start of a server or worker brings it up to date.",
            )
        ]
    return [
        Verdict(
            Level.BAD,
            f"The database is at migration {state.current}, which this program does not know.",
            "A newer program has been here: update this checkout.",
        )
    ]


def _cache(patient: Patient) -> list[Verdict]:
    levels = open_levels(patient.settings)
    with closing(Data(catalogue(), patient.database, levels, patient.settings)) as data:
        state = cache_state.read(data)
    found = advice.cache(Now(state.now, patient.notation), state)
    error = state.traffic.error
    if error and not isinstance(error, DatabaseUnavailable):  # which is told by others
        found.append(Verdict(Level.NOTE, f"What the cache did for readers is not known. {error}"))
    return found


def _statements(patient: Patient) -> list[Verdict]:
    found = statements.read(patient.database, Period(_PAST_HOURS))
    now = Now(found.now, patient.notation)
    return advice.statements(now, found, patient.settings.slow_statement_seconds)


def _relations(patient: Patient) -> list[Verdict]:
    state, settings = database_state.read(patient.database), patient.settings
    return advice.database(
        Now(state.now, patient.notation),
        state,
        long_seconds=settings.long_statement_seconds,
        unused_days=settings.unused_index_days,
    )


def _freshness(patient: Patient) -> list[Verdict]:
    found = freshness.read(patient.database)
    now, tracking = Now(found.now, patient.notation), patient.settings.change_tracking
    sources, jobs = found.sources.otherwise(None), found.jobs.otherwise(None)
    return [advice.freshness(now, found.views.get(), sources, jobs, tracking)]


def _system(patient: Patient) -> list[Verdict]:
    found = system_state.read(patient.database)
    return advice.system(Now(found.now, patient.notation), found.processes.get())


CHECKS: tuple[tuple[str, Look], ...] = (
    ("Database", _database),
    ("Tables", _schema),
    ("Cache", _cache),
    ("Freshness", _freshness),
    ("Slow queries", _statements),
    ("Indexes, tables and sessions", _relations),
    ("System", _system),
)
"""What is looked at, in this order, each by itself."""

_OF_THE_DATABASE: tuple[Look, ...] = (_schema, _freshness, _statements, _relations, _system)


def examine(
    patient: Patient, checks: Sequence[tuple[str, Look]] = CHECKS
) -> Iterator[tuple[str, list[Verdict]]]:
    """What each check finds, as soon as it is known. One that fails is a bad verdict that says why, once."""
    why = ""
    skipped: tuple[Look, ...] = ()
    for name, look in checks:
        if look in skipped:
            yield name, [Verdict(Level.NOTE, f"Not looked at, since {why}.")]
            continue
        try:
            yield name, [*look(patient)]
        except DatabaseUnavailable as error:  # each would wait anew for as long as it may take to connect
            yield name, [Verdict(Level.BAD, str(error))]
            why, skipped = "the database does not answer", _OF_THE_DATABASE
        except _NotPrepared as error:
            yield name, [Verdict(Level.BAD, str(error))]
            why, skipped = "the database was never prepared", (*_OF_THE_DATABASE, _cache)
        except DaybookError as error:
            yield name, [Verdict(Level.BAD, str(error))]
        except Exception as error:
            log.debug("the check %s failed", name, exc_info=error)
            said = f"This could not be looked at: {type(error).__name__}."
            yield name, [Verdict(Level.BAD, said, "`DASHBOARD_LOG_LEVEL=debug` shows where it failed.")]


def is_ill(found: Sequence[Verdict], *, is_strict: bool) -> bool:
    """Whether something is wrong: bad, or with ``is_strict`` worth a warning."""
    return any(one.level is Level.BAD or (is_strict and one.level is Level.WARNING) for one in found)
