"""Does the cache do its job; what is in its way if not, and what other lifetimes would bring."""

import streamlit as st

from dashboard import advice, app, cache_state, charts, filters, ui
from dashboard.cache_state import SPANS, CacheState, Level
from dashboard.measures import Column
from dashboard.notation import Format

LABELS = {"hour": "Last hour", "day": "Last day", "week": "Last week"}
WANTED = "what is to be done to the cache"
SUBJECT = "what the cache has of it"
DONE = "what was done to the cache"
INVALIDATE, WARM = "Invalidate", "Warm"
MEANING = {
    INVALIDATE: "What was cached until now is not used again; the next reader of each answer waits for the database.",
    WARM: "What people asked most in the last seven days is read again, so that the next ones find it.",
}
QUERIES = (
    Column("query", "Query"),
    Column("reads", "Reads", Format.COUNT),
    Column("hit_share", "Hits", Format.SHARE),
    Column("stale_share", "Stale", Format.SHARE),
    Column(
        "coalesced", "Waited", Format.COUNT, definition="Reads that waited for another one's computation."
    ),
    Column(
        "spent_seconds", "Database time", Format.SECONDS, definition="What these reads took of the database."
    ),
    Column("saved_seconds", "Saved", Format.SECONDS, definition="Database time that the cache spared."),
    Column("size_bytes", "Rows given", Format.BYTES, definition="The size of all rows that were read."),
    Column("errors", "Failed", Format.COUNT),
)
REASONS = (
    Column("query", "Query"),
    Column("cold", "Cold", Format.COUNT, definition="Not asked before, or long ago."),
    Column("expired", "Expired", Format.COUNT, definition="Past their lifetime."),
    Column("version", "New version", Format.COUNT, definition="The data had changed."),
    Column("evicted", "Evicted", Format.COUNT, definition="Gone before their end, for want of room."),
    Column("damaged", "Damaged", Format.COUNT, definition="Not what was stored."),
    Column("unavailable", "Unavailable", Format.COUNT, definition="The cache did not answer."),
    Column("bypass", "Wanted fresh", Format.COUNT, definition="Readers chose Read anew."),
)
BEYOND = "Nothing is said where that is over 30 seconds."
WAITS = (
    Column("query", "Query"),
    Column("source", "Answered by"),
    Column("reads", "Reads", Format.COUNT),
    Column("median_ms", "Half took up to", Format.MILLISECONDS, definition=BEYOND),
    Column("p95_ms", "95% took up to", Format.MILLISECONDS, definition=BEYOND),
)
LIFETIMES = (
    Column("lifetime", "Lifetime"),
    Column("hit_share", "Hits", Format.SHARE),
    Column("database_seconds", "Database time", Format.SECONDS),
    Column(
        "computed", "Months computed", Format.COUNT, definition="And whole answers of what has no months."
    ),
    Column("renewed", "Of these renewed", Format.COUNT, definition="Behind the reader, before their end."),
)
TAGS = (
    Column("tag", "Query"),
    Column(
        "entries",
        "Entries",
        Format.COUNT,
        definition="Answers. Below memory, each has a record beside it, which counts as an entry of the level.",
    ),
    Column("size_bytes", "Size", Format.BYTES),
)
BIGGEST = (
    Column("name", "Key"),
    Column("size_bytes", "Size", Format.BYTES),
    Column("age", "Age"),
    Column("ends", "Deleted in"),
)
SERVERS = (
    Column("name", "Server"),
    Column("version", "Version"),
    Column(
        "counted",
        "Counts for",
        definition="All counts are of this time: since its start, or since it was made.",
    ),
    Column("size_bytes", "Takes", Format.BYTES),
    Column("max_bytes", "Maximum", Format.BYTES),
    Column("used_share", "Used", Format.SHARE),
    Column("policy", "When full"),
    Column("evicted", "Evicted", Format.COUNT),
    Column("expired", "Expired", Format.COUNT),
    Column("hit_share", "Hits of all clients", Format.SHARE),
    Column("operations_per_second", "Operations/s", Format.COUNT),
    Column("clients", "Clients", Format.COUNT),
    Column("ping_ms", "Answers in", Format.MILLISECONDS, definition="What one look took just now."),
)
SLOW = (
    Column("at", "At"),
    Column("server", "Server"),
    Column("command", "Command"),
    Column("arguments", "Arguments", Format.COUNT),
    Column("milliseconds", "Took", Format.MILLISECONDS),
)


def headline(state: CacheState, now: advice.Now) -> None:
    past, recent = state.traffic.get().all, state.recent.get().all
    portion, count = Format.SHARE, Format.COUNT
    notation = now.notation
    shown = (
        ("Hits now", notation.exact(recent.hit_share, portion), "Of the reads of the last five minutes."),
        (
            "Hits",
            notation.exact(past.hit_share, portion),
            "Of all in the range that asked the cache, over all processes.",
        ),
        ("Reads", notation.exact(past.reads, count), "Answered or failed."),
        (
            "Time saved",
            notation.duration(past.saved_ms / 1_000),
            "Of the database: what answers took once, each time again.",
        ),
        ("Time spent", notation.duration(past.spent_ms / 1_000), "Of the database, for these reads."),
    )
    with st.container(horizontal=True):
        for label, value, help in shown:
            ui.figure(label, value, help, is_framed=True)


def reads(state: CacheState, now: advice.Now) -> None:
    with ui.guarded():
        headline(state, now)

    with ui.card("Where answers came from", help="Shares of the reads, over all processes."):
        course = state.course.get()
        if course.is_empty():
            ui.line("Nobody read anything in this range.")
        else:
            figure = charts.outcomes(
                course, state.since, state.now, state.bucket_minutes, ui.zone(), now.notation
            )
            ui.drawing(figure, alt="Share of reads by where their answers came from, over time.")

    with ui.card("By query", help="Most read first."):
        nobody = "Nobody read anything in this range."
        ui.table(state.traffic.get().table(), QUERIES, alt="Reads by query.", empty=nobody)

    with ui.card("Why reads missed", help="How many reads of each query were no hits, by the reason."):
        ui.table(state.traffic.get().missed(), REASONS, alt="Misses by query and reason.", empty="None did.")

    with ui.card("How long readers waited", help="By query and by what answered; bounds, not means."):
        nobody = "Nobody waited for anything."
        ui.table(state.traffic.get().waits, WAITS, alt="Waits by query and source.", empty=nobody)

    with ui.card("What if answers lived longer, or shorter", help="The recorded reads, made again."):
        told = state.what_if.get()
        if told is None:
            ui.line(
                "Reads are recorded by the minute; there are none yet."
                if state.is_on
                else "The cache is off."
            )
        else:
            ui.table(advice.cache_lifetimes(now, told), LIFETIMES, alt="Hits by lifetime.")
            ui.line(advice.cache_replayed(now, told))


def level_card(level: Level, now: advice.Now) -> None:
    said, how_bad = advice.cache_level_state(level)
    title = {"memory": "Memory of this process", "redis": "Redis", "disk": "Disk"}.get(level.name, level.name)
    with ui.card(title, tag=ui.Tag(said, how_bad)):
        ui.facts(advice.cache_level(now, level))
        if level.inspection is None:
            ui.line("What it holds can't be looked at now.", "warning")
            return
        for gap in level.inspection.gaps:
            ui.line(gap, "warning")
        ui.table(level.tags(), TAGS, alt=f"{title}: entries by query.", empty="Nothing is kept here yet.")
        if note := advice.cache_seen(now, level):
            ui.line(note)
        if level.inspection.biggest:
            with st.expander("Biggest entries"):
                ui.table(advice.cache_biggest(now, level), BIGGEST, alt=f"{title}: the biggest entries.")


def servers_card(level: Level, now: advice.Now) -> None:
    title = "What the file tells" if level.name == "disk" else "What the servers tell"
    with ui.card(title, help="Of all that their clients do, and all processes."):
        ui.table(advice.cache_servers(now, level), SERVERS, alt=f"{title}: their own figures.")
        if level.name != "disk":  # which keeps none
            ui.line("Slow log")
            ui.table(level.slow(), SLOW, alt="The slow log.", empty="No command was slow.")


def want(what: str) -> None:
    st.session_state[WANTED] = (what, st.session_state[SUBJECT])


def leave() -> None:
    """Choose anew, beginning with what was chosen before."""
    if wanted := st.session_state.pop(WANTED, None):
        st.session_state[SUBJECT] = wanted[1]


def do(what: str, subject: str) -> None:
    leave()
    by = f"the cache page, for {st.context.ip_address or 'this machine'}"
    with ui.guarded():
        if what == INVALIDATE:
            cache_state.invalidate(app.process_data(), subject, by)
            st.session_state[DONE] = f"{subject} was made invalid: its next readers get fresh answers."
        else:
            done = cache_state.warm(app.process_data(), subject, by)
            st.session_state[DONE] = f"{subject} was warmed: {done}"


def actions(tags: list[str]) -> None:
    known = cache_state.subjects(app.process_data().catalogue, tags)
    what, subject = st.session_state.get(WANTED, ("", ""))
    if what:
        st.markdown(f"{what} **{ui.escaped(subject)}**? {MEANING[what]}")
        with st.container(horizontal=True):
            st.button(
                f"Yes, {what.lower()}", type="primary", key="confirm", on_click=do, args=(what, subject)
            )
            st.button("Leave it", key="leave", on_click=leave)
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        chosen = st.selectbox(
            "Query or relation",
            list(known),
            format_func=lambda name: f"{name} ({known[name]})",
            key=SUBJECT,
            label_visibility="collapsed",
            width=360,
        )
        st.button(INVALIDATE, icon=":material/delete_sweep:", on_click=want, args=(INVALIDATE,))
        if known[chosen] != "tag":
            st.button(WARM, icon=":material/local_fire_department:", on_click=want, args=(WARM,))
    if said := st.session_state.pop(DONE, ""):
        ui.line(said, "check")


minutes = SPANS[filters.asked("past", list(SPANS))]
app.while_waiting()  # what is looked at may be slow
state = cache_state.read(app.process_data(), minutes)
now = advice.Now(state.now, app.notation())
traffic = state.traffic.otherwise(None)

for verdict in advice.cache(now, state):
    ui.verdict(verdict)
filters.choice("past", "Range", LABELS)
if state.failure:
    with ui.guarded():
        raise state.failure
else:
    reads(state, now)

for column, level in zip(st.columns(len(state.levels)), state.levels, strict=True):
    with column:
        level_card(level, now)
for level in state.levels:
    if level.inspection and level.inspection.servers:
        servers_card(level, now)

with ui.card(
    "Invalidate or warm", help="Of a query, of all that reads a relation, or of a tag of your own functions."
):
    actions([one.query for one in traffic.queries] if traffic else [])
