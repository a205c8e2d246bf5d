"""Which indexes are missing, and which cost more than they give."""

from collections.abc import Sequence

from dashboard.advice.verdict import NAMED, Level, Now, Verdict, listed, plain
from dashboard.database_state import Candidate, Finding, Table, Trial, Trouble, is_scanned, is_worthwhile
from dashboard.notation import Format

_WORTH_WARNING_MS = 1_000.0
_FASTER = 2.0  # times, or it is not worth the writes
_MUCH_BYTES = 10_000_000
_PRECISE_MS = 9.95

_ONE = {"is_": "is", "it": "it", "a_duplicate": "a duplicate"}
_SOME = {"is_": "are", "it": "them", "a_duplicate": "duplicates"}
_WHY = {
    Trouble.INVALID: "{is_} invalid: making {it} failed, and PostgreSQL answers nothing by what is left",
    Trouble.DUPLICATE: "{is_} {a_duplicate}: another index of the same table is the same",
    Trouble.OVERLAPPING: "{is_} superfluous: another index begins with the same columns",
    Trouble.BLOATED: "{is_} mostly empty: rows were deleted, and their room is not given back",
    Trouble.UNUSED: "{is_} unused: no statement was answered by {it}",
}


def missing(now: Now, candidates: Sequence[Candidate]) -> list[Verdict]:
    """What each missing index is about, and the statement that makes it."""
    return [
        Verdict(
            Level.WARNING if one.total_ms >= _WORTH_WARNING_MS else Level.NOTE,
            f"An index is missing: {plain(one.table.relation)} is searched {_searched(one)}, "
            f"and was read in full {now.counted(one.table.seq_scans, 'time')}.",
            f"{_first(one)}`{plain(one.ddl)}` The Database page tells what it gives and costs.",
        )
        for one in candidates
    ]


def _first(one: Candidate) -> str:
    of_partition = one.ddl_of_partition
    return (
        f"So that no writer waits, first `{plain(of_partition)}` and so on each partition, then "
        if of_partition
        else ""
    )


def _searched(one: Candidate) -> str:
    wish = one.wish
    names = [plain(column.name) for column in wish.equal]
    if wish.ranged:
        names.append(f"a range of {plain(wish.ranged.name)}")
    said = [f"by {listed(names)}{' in a join' if wish.is_join else ''}"] if names else []
    if wish.ordered:
        said.append(f"for the first rows by {listed(plain(column.name) for column in wish.ordered)}")
    return " and ".join(said)


def searched(now: Now, one: Candidate) -> dict[str, str]:
    """By what and how often rows are searched, and what an index would cost, by label."""
    asked = [plain(statement.name or "others' statements") for statement in one.statements]
    counted = f"; {now.counted(one.calls, 'call')}, {now.notation.duration(one.total_ms / 1_000)} in all"
    each = f"{now.counted(round(one.table.seq_rows / max(one.table.seq_scans, 1)), 'row')} each time"
    first = {"Make first, on each partition": plain(one.ddl_of_partition)} if one.ddl_of_partition else {}
    return first | {
        "Searched": _searched(one),
        "Asked by": f"{listed(dict.fromkeys(asked))}{counted if one.calls else ''}",
        "Read in full": f"{now.counted(one.table.seq_scans, 'time')}, {each}; "
        f"by an index {now.counted(one.table.index_scans, 'time')}",
        "Would take": f"about {now.notation.exact(one.index_bytes, Format.BYTES)}",
        "Would cost writers": _writes(now, one),
    }


def _writes(now: Now, one: Candidate) -> str:
    number = one.number_of_indexes
    others = f"as in the {'index' if number == 1 else f'{number} indexes'} that the table has"
    has = f"an entry for each new row, {others if number else 'as in none yet'}"
    if one.inserts_a_day is None:
        return f"{has}; how many rows a day is not on record yet"
    return f"{has}; {now.counted(round(one.inserts_a_day), 'row')} a day"


def trial(now: Now, one: Candidate, found: Trial | None) -> Verdict:
    """What came of trying an index."""
    if found is None:
        return Verdict(Level.NOTE, "It can't be tried: no rows were found to try it with.")
    before, after = (_took(now, ms) for ms in (found.before_ms, found.after_ms))
    rows = now.counted(found.rows, "row")
    told = (
        f"On a copy of {rows}, a search took {before} without the index and {after} with it "
        f"(cost {found.before_cost:,.0f} and {found.after_cost:,.0f})."
    )
    if not found.is_used or found.before_ms < _FASTER * found.after_ms:
        why = "it gains too little" if found.is_used else "PostgreSQL does not use it"
        return Verdict(Level.NOTE, told, f"Don't make it: {why}.")
    if one.table.rows > found.rows:
        told += f" The table has {now.counted(one.table.rows, 'row')}, so more is gained there."
    size = now.notation.exact(found.index_bytes, Format.BYTES)
    return Verdict(Level.GOOD, told, f"It is worth making, and would take about {size}.")


def _took(now: Now, ms: float) -> str:
    """``0.31 ms``, and what is longer as anywhere else."""
    return f"{ms:.2g} ms" if ms < _PRECISE_MS else now.notation.duration(ms / 1_000)


def superfluous(now: Now, findings: Sequence[Finding]) -> list[Verdict]:
    """One verdict for each kind of trouble with indexes."""
    return [verdict for trouble in Trouble if (verdict := _trouble(now, trouble, findings))]


def _trouble(now: Now, trouble: Trouble, findings: Sequence[Finding]) -> Verdict | None:
    found = [one for one in findings if one.trouble is trouble]
    if not found:
        return None
    words = _ONE if len(found) == 1 else _SOME
    size_bytes = sum(one.index.size_bytes for one in found)
    names = [plain(one.index.name) for one in found[:NAMED]]
    if len(found) > NAMED:
        names.append(f"{len(found) - NAMED} others")
    size = now.notation.exact(size_bytes, Format.BYTES)
    its = f"; {size} that each write has to keep up to date" if size_bytes else ""
    is_bad = trouble is Trouble.INVALID or size_bytes >= _MUCH_BYTES
    said = f"{listed(names)} {_WHY[trouble].format(**words)}{its}."
    todo = f"{'Drop it' if found[0].can_go else 'Make it anew'}: `{plain(found[0].ddl)}`"
    more = " The Database page has the others' statements." if len(found) > 1 else ""
    return Verdict(Level.WARNING if is_bad else Level.NOTE, said, f"{todo}{more}")


def scanned(now: Now, tables: Sequence[Table]) -> list[Verdict]:
    """What the counters of scans say alone, where the texts of statements say nothing."""
    found = [one for one in tables if is_scanned(one) and is_worthwhile(one)]
    found.sort(key=lambda one: one.index_scans - one.seq_scans)
    if not found:
        return []
    names = [plain(one.relation) for one in found[:NAMED]]
    return [
        Verdict(
            Level.NOTE,
            f"{now.counted(len(found), 'large table')} {'is' if len(found) == 1 else 'are'} read in full more often "
            f"than by an index: {listed(names)}{' and others' if len(found) > NAMED else ''}.",
            "Whether an index would help can't be told while the texts of statements are unknown.",
        )
    ]
