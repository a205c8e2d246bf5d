"""Whether statements are quick, and what to do about those that are not."""

from collections.abc import Iterator
from typing import Any

from dashboard.advice.verdict import Level, Now, Verdict, listed
from dashboard.notation import Format
from dashboard.settings import variable
from dashboard.statements import MEASURED_SECONDS, Counted, Statements, Statistics, Subject

MOST_VERDICTS = 5
"""So many queries are spoken of; the table names all."""
MUCH_SPILLED_BYTES = 10_000_000
"""Worth a word, if statements wrote so much into temporary files."""

_MOSTLY = 0.5
_SHOWN_CHARACTERS = 300
_ORDER = (Level.BAD, Level.WARNING, Level.NOTE, Level.GOOD)
_PERIODS = {1: "the last hour", 24: "the last 24 hours"}


def statements(now: Now, told: Statements, slow_seconds: float) -> list[Verdict]:
    """What is the matter with statements, the worst first; one good verdict if all is well.

    ``slow_seconds`` is ``DASHBOARD_SLOW_STATEMENT_SECONDS``.
    """
    during = period(told.period.hours)
    found = [*_of_queries(now, told, during)]
    if (known := told.statistics.otherwise(None)) is not None:
        found.extend(statistics(known))
    if (counted := told.counted.otherwise(None)) is not None:
        found.extend(_of_counts(now, counted))
        if told.trouble is not None:
            finding = "What statements cost can't be written down, so the counts are not the newest."
            found.append(Verdict(Level.NOTE, finding, str(told.trouble)))
    if told.slow.error:
        found.append(Verdict(Level.NOTE, "Which statements were slow can't be read.", str(told.slow.error)))
    bad = sorted(found, key=lambda verdict: _ORDER.index(verdict.level))
    if told.slow.error or (bad and bad[0].level in (Level.BAD, Level.WARNING)):
        return bad
    limit = now.notation.duration(slow_seconds)
    of = f" of {told.query}" if told.query else ""
    return [Verdict(Level.GOOD, f"No statement{of} took longer than {limit} or failed in {during}."), *bad]


def period(hours: int) -> str:
    """``the last 24 hours``."""
    return _PERIODS.get(
        hours, f"the last {hours // 24} days" if hours % 24 == 0 else f"the last {hours} hours"
    )


def statistics(known: Statistics) -> Iterator[Verdict]:
    """What keeps PostgreSQL from counting statements, and what puts that right."""
    if known.schema is None and not known.is_available:
        yield Verdict(
            Level.NOTE,
            "PostgreSQL can't count what statements cost, since its extension pg_stat_statements is not installed.",
            "Install the package with PostgreSQL's contributed modules, add `pg_stat_statements` to the setting "
            "`shared_preload_libraries`, restart PostgreSQL, and run `CREATE EXTENSION pg_stat_statements`.",
        )
    elif not known.is_loaded:
        create = "" if known.schema else ", and run `CREATE EXTENSION pg_stat_statements` in this database"
        yield Verdict(
            Level.NOTE,
            "PostgreSQL does not count what statements cost: pg_stat_statements is not loaded.",
            f"Add `pg_stat_statements` to the setting `shared_preload_libraries`, restart PostgreSQL{create}.",
        )
    elif known.schema is None:
        yield Verdict(
            Level.NOTE,
            "PostgreSQL counts what statements cost, but this database lacks the extension that shows it.",
            "Let an administrator run `CREATE EXTENSION pg_stat_statements` in this database.",
        )
    elif not known.is_tracking:
        yield Verdict(
            Level.NOTE,
            "PostgreSQL was told to count nothing of statements: `pg_stat_statements.track` is none.",
            "Set it to `top`, and reload the configuration with `SELECT pg_reload_conf()`.",
        )


def slow_help(now: Now, slow_seconds: float) -> str:
    """What stands in the list of slow statements."""
    limit = now.notation.duration(slow_seconds)
    return (
        f"Statements for pages, files, commands and jobs that took longer than {limit} "
        f"({variable('slow_statement_seconds')}), with what they waited for a place, and all that failed."
    )


def counted_line(now: Now, counted: Counted) -> str:
    """Of what time the counts are, and what they lack."""
    if counted.until is None:
        return "PostgreSQL's counters were not written down yet."
    until = now.ago(counted.until)
    if counted.is_empty:
        return f"The counters were first written down {until}; the next time tells what came to them."
    since = "the counters began" if counted.since is None else now.ago(counted.since)
    said = f"From {since} to {until}."
    if counted.reset_at:
        times = listed(now.ago(moment) for moment in counted.reset_at)
        said += (
            f" The counters were set to zero {times}: what they had counted in the minutes before is lost."
        )
    return said


def subject_line(subject: Subject) -> str:
    """Which statement a plan is of, and with which parameters."""
    if subject.values is None:
        return f"{subject.title}, with parameters that are not known: its plan for any is shown, and it is not run."
    given = f" with {subject.parameters}" if subject.parameters else ""
    return f"{subject.title}{given}. It is run to be measured, read only and for {MEASURED_SECONDS} s at the most."


def _of_queries(now: Now, told: Statements, during: str) -> Iterator[Verdict]:
    if (slow := told.slow.otherwise(None)) is None:
        return
    for row in slow.head(MOST_VERDICTS).iter_rows(named=True):
        if row["failed"]:
            yield _failing(now, row, during)
        if row["slow"]:
            yield _slow(now, row, during)


def _failing(now: Now, row: dict[str, Any], during: str) -> Verdict:
    times = now.counted(row["failed"], "time")
    finding = f"{row['query']} failed {times} in {during}, last {now.ago(row['last_at'])}."
    if row["timed_out"] * 2 > row["failed"]:
        limit = variable("statement_timeout_seconds")
        advice = (
            f"It ran into a timeout: look at its plan, on the page Slow queries, before you raise `{limit}`."
        )
    elif row["unavailable"] * 2 > row["failed"]:
        advice = (
            "PostgreSQL could not be reached, or there was no place for the statement. If PostgreSQL was up, raise "
            f"`{variable('max_statements')}`, or find what holds the places: the slowest queries."
        )
    else:
        advice = f"What was said last: {row['error'][:_SHOWN_CHARACTERS]}"
    return Verdict(Level.BAD, finding, advice)


def _slow(now: Now, row: dict[str, Any], during: str) -> Verdict:
    write, seconds = now.notation.duration, row["wait_seconds"] + row["run_seconds"]
    waited = row["wait_seconds"] / seconds if seconds else 0.0
    whom = f", mostly for {row['asker']}" if row["asker"] else ""
    finding = (
        f"{row['query']} was slow {now.counted(row['slow'], 'time')} in {during} "
        f"(the longest took {write(row['longest_seconds'])}){whom}."
    )
    if waited >= _MOSTLY:
        advice = (
            f"{now.notation.portion(waited)} of that it waited for a place, since others were running. Make those "
            "quicker that run longest, "
            f"or raise `{variable('max_statements')}` if PostgreSQL has cores to spare."
        )
    else:
        advice = (
            "It ran for most of that: have its plan measured on the page Slow queries, to see where it goes."
        )
    return Verdict(Level.WARNING, finding, advice)


def _of_counts(now: Now, counted: Counted) -> Iterator[Verdict]:
    spilling = counted.rows.filter(counted.rows["spilled_bytes"] >= MUCH_SPILLED_BYTES)
    for row in spilling.sort("spilled_bytes", descending=True).head(1).iter_rows(named=True):
        yield _spilling(now, row, len(spilling))
    if counted.hidden:
        yield Verdict(
            Level.NOTE,
            f"{now.counted(counted.hidden, 'statement')} of other users can't be seen.",
            "Let an administrator run `GRANT pg_read_all_stats TO` the user that Daybook connects as.",
        )
    if counted.evictions:
        yield Verdict(
            Level.NOTE,
            f"PostgreSQL had to forget statements {now.counted(counted.evictions, 'time')}, so figures are too low.",
            "Raise its setting `pg_stat_statements.max`, and restart it.",
        )


def _spilling(now: Now, row: dict[str, Any], number: int) -> Verdict:
    megabytes = now.notation.exact(round(row["spilled_bytes"] / 1e6), Format.COUNT)
    calls = now.counted(row["calls"], "call")
    others = f" {now.counted(number - 1, 'other')} did as well." if number > 1 else ""
    if row["query"]:
        what, where = row["query"], f"`-- set: work_mem=64MB` in the header of queries/{row['query']}.sql"
    else:
        what, where = "A statement that is in no file of ours", "a higher `work_mem` for whoever runs it"
    return Verdict(
        Level.WARNING if row["query"] else Level.NOTE,
        f"{what} sorted or hashed {megabytes} MB on disk in {calls}, for want of memory.{others}",
        f"Its plan tells how much it needs; the way to give it is {where}.",
    )
