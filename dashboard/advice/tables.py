"""Whether tables are vacuumed and analyzed."""

from collections.abc import Iterator, Mapping, Sequence

from dashboard.advice.verdict import NAMED, Level, Now, Verdict, listed, others, plain
from dashboard.database_state import Table, is_mostly_empty
from dashboard.notation import Format

_MUCH_WASTED_BYTES = 100_000_000
_DEAD_SHARE, _LEAST_ROWS = 0.2, 1_000


def tables(
    now: Now, tables: Sequence[Table], empty: Mapping[str, float], *, is_vacuumed: bool
) -> Iterator[Verdict]:
    """What is the matter with tables; ``empty`` is the share of each that is, ``is_vacuumed``: autovacuum is on."""
    if not is_vacuumed:
        yield Verdict(
            Level.BAD,
            "Autovacuum is off: dead rows pile up, and statistics grow old.",
            "Turn `autovacuum` and `track_counts` on.",
        )
    dead = [one for one in tables if one.dead_share >= _DEAD_SHARE and one.dead_rows >= _LEAST_ROWS]
    due = [one for one in tables if one.needs_vacuum and one not in dead]
    never = [one for one in due if one.vacuumed_at is None]
    left = [one for one in (*dead, *never) if not one.is_autovacuumed]
    if dead:
        shares = (f"{plain(one.relation)} ({now.notation.portion(one.dead_share)})" for one in dead[:NAMED])
        yield Verdict(
            Level.WARNING,
            f"Dead rows take room in {listed(shares)}{others(dead)}.",
            f"`VACUUM (ANALYZE) {plain(dead[0].relation)};`{_why_left(dead, left)}",
        )
    if bloated := [
        one
        for one in tables
        if one not in dead and is_mostly_empty(empty.get(one.relation, 0.0), one.heap_bytes)
    ]:
        yield _bloated(now, bloated, empty)
    if never:
        yield Verdict(
            Level.WARNING if any(one in left for one in never) else Level.NOTE,
            f"{_names(never)} {'was' if len(never) == 1 else 'were'} never vacuumed.",
            f"`VACUUM (ANALYZE) {plain(never[0].relation)};`{_why_left(never, left)}",
        )
    if stale := [one for one in tables if one.needs_analyze]:
        one = stale[0]
        yield Verdict(
            Level.WARNING if any(not one.is_autovacuumed for one in stale) else Level.NOTE,
            f"The statistics of {_names(stale)} are "
            f"{'missing' if one.analyzed_at is None else 'stale'}, so the planner guesses.",
            f"`ANALYZE {plain(one.relation)};`",
        )


def _bloated(now: Now, some: Sequence[Table], empty: Mapping[str, float]) -> Verdict:
    named = [
        f"{plain(one.relation)} ({now.notation.portion(empty[one.relation])} of "
        f"{now.notation.exact(one.heap_bytes, Format.BYTES)})"
        for one in some[:NAMED]
    ]
    wasted_bytes = sum(empty[one.relation] * one.heap_bytes for one in some)
    return Verdict(
        Level.WARNING if wasted_bytes >= _MUCH_WASTED_BYTES else Level.NOTE,
        f"Most room is empty in {listed(named)}{others(some)}. Whoever reads all of it reads that, too.",
        f"New rows will take it. To give it back: `VACUUM (FULL, ANALYZE) {plain(some[0].relation)};` Nobody can read "
        "or write the table meanwhile; the extension pg_repack does it beside them.",
    )


def _why_left(some: Sequence[Table], left: Sequence[Table]) -> str:
    """Whether PostgreSQL would do it by itself."""
    off = [one for one in some if one in left]
    if off:
        return (
            " Autovacuum is turned off for it: "
            f"`ALTER TABLE {plain(off[0].relation)} RESET (autovacuum_enabled);`"
        )
    return " Autovacuum should do it within minutes; if it does not, an old transaction may hold it back."


def _names(some: Sequence[Table]) -> str:
    return f"{listed(plain(one.relation) for one in some[:NAMED])}{others(some)}"
