"""The commands: ``python -m dashboard …``. Each opens what it needs and prints; the work is done elsewhere."""

import json
import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, closing, nullcontext, suppress
from datetime import date
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import polars as pl
import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress
from rich.table import Table

from dashboard import advice, doctor, embedded, jobs, logs, refresh, reports, system_state, telemetry
from dashboard.cache import Reason, open_levels
from dashboard.catalogue import catalogue
from dashboard.data import EVER, Data, Frame, connected, opened
from dashboard.errors import DaybookError, LoadError, ParameterError, ReportError
from dashboard.loading.first_start import is_untouched
from dashboard.notation import MISSING, Notation
from dashboard.settings import settings
from dashboard.versions import ANY
from dashboard.warming import warm_up
from dashboard.window import Comparison, Span, Window, write_days

if TYPE_CHECKING:
    from dashboard.telemetry.metrics import Metrics

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
load = typer.Typer(no_args_is_help=True, help="Fill the database with orders.")
cache = typer.Typer(no_args_is_help=True, help="Look at the cache, or make parts of it invalid.")
app.add_typer(load, name="load")
app.add_typer(cache, name="cache")
report = typer.Typer(
    no_args_is_help=True, help="Write reports, or list those that were asked for on the page."
)
app.add_typer(report, name="report")

log = logging.getLogger(__name__)
out, err = Console(), Console(stderr=True)

_AS_WIDE_AS_NEEDED = 10_000
_COLOURS = {
    advice.Level.GOOD: "green",
    advice.Level.NOTE: "blue",
    advice.Level.WARNING: "yellow",
    advice.Level.BAD: "bold red",
}

Replace = Annotated[bool, typer.Option("--replace", help="Delete the orders that are there first.")]


class RowFormat(StrEnum):
    TABLE = "table"
    JSON = "json"
    CSV = "csv"
    ARROW = "arrow"


def main() -> None:
    """Run a command; an error that a person can put right is a message, not a traceback."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # so that servers are stopped
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup ignores that the terminal is closed
        signal.signal(signal.SIGHUP, lambda *_: signal.raise_signal(signal.SIGTERM))
    try:
        logs.begin(settings())
        logging.getLogger("alembic").setLevel(logging.WARNING)
        with telemetry.asking(f"command {' '.join(_named(sys.argv[1:]))}"):
            app()
    except DaybookError as error:
        if logs.are_json():
            log.critical("%s", error)
        else:
            err.print(f"[bold red]error:[/] {escape(str(error))}", soft_wrap=True)
        sys.exit(1)
    except Exception:
        log.critical("The program ended by an error that it does not know", exc_info=True)
        sys.exit(1)


def _named(words: list[str]) -> list[str]:
    """The command without its arguments and options: ``cache warm``."""
    first, *others = [word for word in words if not word.startswith("-")] or ["help"]
    is_group = any(group.name == first for group in app.registered_groups)
    return [first, *others[:1]] if is_group else [first]


@app.callback()
def _describe() -> None:
    """Daybook, a sales dashboard that is never slow and never wrong."""


@app.command()
def serve(
    port: Annotated[int | None, typer.Option(help="Port to listen on, instead of DASHBOARD_PORT.")] = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on, instead of DASHBOARD_HOST.")] = None,
) -> None:
    """Run the dashboard, on the bundled PostgreSQL and a disk cache unless settings name others."""
    from dashboard import app as pages  # noqa: PLC0415 - other commands need neither this
    from dashboard import server  # noqa: PLC0415 - nor Streamlit, which takes a second to import
    from dashboard.server.exports import Exports  # noqa: PLC0415
    from dashboard.server.live import LivePages  # noqa: PLC0415
    from dashboard.server.metrics import metrics_routes  # noqa: PLC0415

    chosen = {name: value for name, value in (("port", port), ("host", host)) if value is not None}
    data = pages.process_data()
    _fill_first(data)
    live = LivePages(data, settings().versions_poll_seconds)
    server.serve(
        settings().model_copy(update=chosen),
        {"database": data.check},
        routes=metrics_routes(_metrics_of(data)),
        live=live,
        exports=Exports(data),
    )


@load.command()
def demo(
    orders: Annotated[
        int | None, typer.Option(min=1, help="How many; DASHBOARD_DEMO_ORDERS if not said.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Another seed makes another shop.")] = 1,
    replace: Replace = False,
) -> None:
    """Make up a shop that looks like a real one; it ends yesterday."""
    from dashboard.loading.demo import load_demo  # noqa: PLC0415 - other commands need no numpy

    with _opened() as data, _progress() as progress:
        load_demo(
            data.database,
            orders=orders or settings().demo_orders,
            seed=seed,
            replace=replace,
            progress=progress,
        )


@load.command()
def olist(
    directory: Annotated[
        Path, typer.Argument(help="Folder with the CSV files as downloaded, or as .csv.gz.")
    ],
    strict: Annotated[
        bool, typer.Option("--strict", help="Load nothing if a single row is rejected.")
    ] = False,
    replace: Replace = False,
) -> None:
    """Import the files of the Olist data set; again for a newer state of them."""
    from dashboard.loading.olist import load_olist  # noqa: PLC0415 - other commands do without

    with _opened() as data:
        with _progress() as progress:
            summary = load_olist(
                data.database,
                directory,
                strict=strict,
                replace=replace,
                rejects_dir=settings().data_dir / "rejects",
                progress=progress,
            )
        out.print(summary.table(), soft_wrap=True)


@app.command("refresh")
def refresh_command(
    views: Annotated[list[str] | None, typer.Argument(help="Names of views; all if none is given.")] = None,
) -> None:
    """Fill materialized views anew."""
    with _opened() as data:
        chosen = [data.catalogue.view(name) for name in views] if views else None
        with data.database.writer() as writer:
            done = refresh.refresh_views(writer, reason="command", views=chosen)
    for each in done:
        out.print(f"{each.view}: {each.rows:,} rows in {each.duration_seconds:.2f} s")


@app.command()
def worker(
    metrics_port: Annotated[
        int | None,
        typer.Option(min=0, max=65_535, help="Port to tell Prometheus on; by itself it tells nobody."),
    ] = None,
) -> None:
    """Run jobs until it is told to stop: refreshes after changes, warm-up, reports, retention."""
    chosen = settings().model_copy(update={"worker": "inline"})
    with (
        _opened() as data,
        nullcontext() if metrics_port is None else _metrics_of(data).served(settings().host, metrics_port),
        jobs.working(data, chosen),
        telemetry.beating("worker", data.statistics.process, data.database, settings(), telemetry.TRAFFIC),
    ):
        signal.signal(signal.SIGINT, signal.default_int_handler)  # that of polars does not end a wait
        if not logs.are_json():
            err.print("Working (Ctrl-C ends it)")
        with suppress(KeyboardInterrupt, SystemExit):  # once more, it ends without its grace
            threading.Event().wait()


@app.command()
def query(
    name: Annotated[str, typer.Argument(help="Name of a query, such as business/daily_sales.")],
    start: Annotated[str | None, typer.Option(help="First day, as 2017-11-24.")] = None,
    end: Annotated[str | None, typer.Option(help="The day after the last one.")] = None,
    param: Annotated[list[str] | None, typer.Option(help="Another parameter, as name=value.")] = None,
    row_format: Annotated[RowFormat, typer.Option("--format", help="How to print them.")] = RowFormat.TABLE,
    fresh: Annotated[bool, typer.Option("--fresh", help="Ask the database, whatever the cache has.")] = False,
) -> None:
    """Read a query of the catalogue, through the cache, and print its rows."""
    params = dict(_named_value(item) for item in param or [])
    with _opened() as data:
        frame = data.frame(name, _span(start, end), fresh, **params)
    _WRITERS[row_format](frame)


@app.command("doctor")
def doctor_command(
    strict: Annotated[bool, typer.Option("--strict", help="Also a warning makes the exit status 1.")] = False,
) -> None:
    """Say what is configured, what answers and what is wrong; exit status 1 if something is."""
    table = Table("setting", "value", title="Set")
    for setting, value, is_from, _ in system_state.setting_rows(settings()).iter_rows():
        if is_from == "set":
            table.add_row(setting, escape(value))
    if table.rows:
        out.print(table)
    found: list[advice.Verdict] = []
    with connected(settings()) as database:
        out.print(f"Database: {database}", soft_wrap=True, markup=False, highlight=False)
        for name, verdicts in doctor.examine(doctor.Patient(settings(), database)):
            found += verdicts
            for each in verdicts:
                said = f"{each.finding} {each.advice}".strip()
                mark = f"[{_COLOURS[each.level]}]{each.level:<7}[/]"
                out.print(f"{mark} {name}: {escape(said)}", soft_wrap=True, highlight=False)
    raise typer.Exit(1 if doctor.is_ill(found, is_strict=strict) else 0)


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def psql(context: typer.Context) -> None:
    """Run psql on the configured database; write its arguments after ``--``."""
    with connected(settings()) as database:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for psql, which cancels its statement
        environment = os.environ | database.psql_environment()
        command = [str(embedded.program("psql")), *context.args]
        status = subprocess.run(command, env=environment, check=False).returncode
    raise typer.Exit(status)


@cache.command()
def stats(
    minutes: Annotated[
        int, typer.Option(min=1, max=43_200, help="Reads of so many minutes are counted.")
    ] = 60,
) -> None:
    """What the cache holds, and what it did for each query."""
    with closing(open_levels(settings())[-1]) as lowest:
        held = lowest.stats()
    table = Table(title=f"Cache: {held.backend}", show_header=False)
    table.add_row("answers", "yes" if held.is_available else "no")
    for name, figure in (("entries", held.entries), ("bytes", held.size_bytes), ("room", held.max_bytes)):
        table.add_row(name, "unknown" if figure is None else f"{figure:,}")
    out.print(table)
    if held.advice:
        err.print(held.advice, soft_wrap=True, markup=False)
    with _opened() as data, data.database.snapshot() as snapshot:
        _print_reads(telemetry.recent(snapshot, minutes), minutes)


@cache.command()
def invalidate(
    tag: Annotated[str, typer.Argument(help="A query, or a relation that queries read.")],
    prefix: Annotated[
        bool, typer.Option("--prefix", help="Whatever begins like this; also cached functions.")
    ] = False,
) -> None:
    """Make cached answers invalid, in all processes within DASHBOARD_VERSIONS_POLL_SECONDS."""
    queries = catalogue().queries.values()
    known = {tag for query in queries for tag in query.tags}
    if not prefix and tag not in known:
        raise ParameterError(
            f"No query and no relation is called {tag!r}; there are {', '.join(sorted(known))}. "
            "--prefix takes whatever begins like it."
        )
    with _opened() as data:
        data.invalidate(f"{tag}{ANY}" if prefix else tag)
    out.print(f"{tag}: its cached answers are no longer used.")


@cache.command()
def warm(
    seconds: Annotated[
        float | None, typer.Option(min=0, help="Time for it, instead of DASHBOARD_WARM_UP_SECONDS.")
    ] = None,
) -> None:
    """Make the answers ready that people read most."""
    with _opened() as data:
        done = warm_up(data, budget_seconds=settings().warm_up_seconds if seconds is None else seconds)
    out.print(str(done), soft_wrap=True)


@report.command()
def generate(
    first: Annotated[str, typer.Option("--from", help="First day, as 2017-11-24.")],
    last: Annotated[str, typer.Option("--to", help="Last day, as 2017-11-30.")],
    compare: Annotated[
        str, typer.Option(help="With what: period, year, weekday, none, or days as 2016-11-24..2016-11-30.")
    ] = str(Comparison.PREVIOUS_PERIOD),
    title: Annotated[str, typer.Option(help="What to call it, if not by its days.")] = "",
    output: Annotated[
        Path | None, typer.Option(help="File to write it to, instead of standard output.")
    ] = None,
) -> None:
    """Write the report of a range of days, as one HTML document."""
    days = Span.through(_day("--from", first, EVER.start), _day("--to", last, EVER.last))
    asked = {"range": write_days(days), "compare": compare}
    window = Window.from_query(asked, watermark=days.last, first_day=days.start)
    with _opened() as data:
        made = reports.make(data, title, window, _notation())
    if output is None:
        sys.stdout.buffer.write(made.content.encode())
        return
    try:
        output.write_text(made.content, encoding="utf-8")
    except OSError as error:
        raise ReportError(f"{output} can't be written: {error.strerror}.") from None
    err.print(f"{escape(str(output))}: {days.label()}, data version {made.data_version}", soft_wrap=True)


@report.command("list")
def list_reports() -> None:
    """The last reports that were asked for on the page, and what became of them."""
    with _opened() as data:
        found = reports.read(data.database)
    now = advice.Now(found.now, _notation())
    table = Table("title", "days", "asked", "status", "took", "error")
    for each in found.reports:
        seconds = each.duration_seconds
        table.add_row(
            escape(each.title),
            each.days.label(),
            now.ago(each.queued_at),
            each.status,
            MISSING if seconds is None else now.notation.duration(seconds),
            escape(each.error or "").replace("\n", " "),
        )
    Console(width=_AS_WIDE_AS_NEEDED).print(table)


def _notation() -> Notation:
    return Notation(settings().locale, settings().currency)


def _print_reads(reads: pl.DataFrame, minutes: int) -> None:
    columns = ("reads", "hits", "stale", "errors", "coalesced", "misses", "size", "spent", "saved", "wait")
    table = Table("query", title=f"Reads of the last {minutes:,} minutes")
    for column in columns:
        table.add_column(column, justify="left" if column == "misses" else "right")
    for row in reads.iter_rows(named=True):
        missed = sorted((reason for reason in Reason if row[reason]), key=lambda reason: -row[reason])
        table.add_row(
            escape(row["query"]),
            f"{row['reads']:,}",
            f"{row['hit_share']:.1%}",
            f"{row['stale_share']:.1%}",
            f"{row['errors']:,}",
            f"{row['coalesced']:,}",
            ", ".join(f"{reason} {row[reason]:,}" for reason in missed),
            f"{row['size_bytes'] / 1e6:,.1f} MB",
            f"{row['spent_ms'] / 1e3:,.1f} s",
            f"{row['saved_ms'] / 1e3:,.1f} s",
            f"{row['mean_elapsed_ms']:,.2f} ms",
        )
    Console(width=_AS_WIDE_AS_NEEDED).print(table)


def _metrics_of(data: Data) -> "Metrics":
    from dashboard.telemetry.metrics import Metrics  # noqa: PLC0415 - few commands have any

    return Metrics(data.statistics, data.reader.levels.backends, data.database, telemetry.TRAFFIC)


def _opened() -> AbstractContextManager[Data]:
    return opened(settings())


def _progress() -> Progress:
    return Progress(console=err, disable=settings().log_format == "json")


def _fill_first(data: Data) -> None:
    """Give the bundled PostgreSQL something to show on its very first start."""
    if settings().database_url is None and is_untouched(data.database):
        from dashboard.loading.demo import load_demo  # noqa: PLC0415 - as above

        try:
            with _progress() as progress:
                load_demo(data.database, orders=settings().demo_orders, progress=progress)
        except LoadError as error:  # another process fills it at this moment, or was quicker
            err.print(f"No demo shop was made: {escape(str(error))}", soft_wrap=True)


def _span(start: str | None, end: str | None) -> Span | None:
    if start is None and end is None:
        return None
    return Span(_day("--start", start, EVER.start), _day("--end", end, EVER.end))


def _day(option: str, text: str | None, otherwise: date) -> date:
    try:
        return otherwise if text is None else date.fromisoformat(text)
    except ValueError:
        raise ParameterError(f"{option} is {text!r}: write a day as 2017-11-24.") from None


def _named_value(item: str) -> tuple[str, str]:
    name, equals, value = item.partition("=")
    if not equals:
        raise ParameterError(f"--param {item!r} has no value: write name=value.")
    return name, value


def _print_table(frame: Frame) -> None:
    table = Table(*frame.rows.columns)
    for row in frame.rows.iter_rows():
        table.add_row(*("" if value is None else escape(str(value)) for value in row))
    Console(width=_AS_WIDE_AS_NEEDED).print(table)  # a narrow terminal must not cut figures in two
    err.print(
        f"{len(frame.rows)} rows from {frame.provenance.source}, data version {frame.provenance.version}"
    )


def _print_json(frame: Frame) -> None:
    names = ("source", "version", "computed_at", "data_through", "database_ms", "queries")
    provenance = {name: getattr(frame.provenance, name) for name in names}
    answer = {"rows": frame.rows.to_dicts(), "provenance": provenance}
    json.dump(answer, sys.stdout, default=_json_value, ensure_ascii=False)
    sys.stdout.write("\n")


def _json_value(value: object) -> object:
    match value:
        case Decimal():
            return float(value)
        case date():
            return value.isoformat()
        case _:
            return str(value)


def _print_csv(frame: Frame) -> None:
    sys.stdout.write(frame.rows.write_csv())


def _print_arrow(frame: Frame) -> None:
    sys.stdout.buffer.write(frame.rows.write_ipc_stream(None).getvalue())


_WRITERS: dict[RowFormat, Callable[[Frame], None]] = {
    RowFormat.TABLE: _print_table,
    RowFormat.JSON: _print_json,
    RowFormat.CSV: _print_csv,
    RowFormat.ARROW: _print_arrow,
}
