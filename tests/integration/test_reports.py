"""Reports from the request to the document, and what becomes of those that fail, are deleted or grow old."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from dashboard import explore, reports
from dashboard.data import Data, opened
from dashboard.database import Database
from dashboard.errors import DatabaseError, ReportError
from dashboard.jobs import attempts, queue, request, request_report, requesting, tasks, worker, working
from dashboard.jobs.tasks import Work
from dashboard.notation import Format, Notation
from dashboard.reports import Made, Report
from dashboard.reports.making import BREAKDOWNS
from dashboard.settings import Settings
from dashboard.window import Window
from tests.reads import order, refresh
from tests.servers import wait_until

Admin = Callable[..., list[tuple[Any, ...]]]
Start = Callable[..., Data]

DAY = date(2018, 11, 24)
NOTATION = Notation("en_US", "BRL")


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """What takes seconds in earnest takes less, and nothing comes by the clock."""
    monkeypatch.setattr(worker, "_RECOVER_SECONDS", 0.2)
    monkeypatch.setattr(attempts, "_ENDED_SECONDS", 1.0)
    monkeypatch.setattr(queue, "_PROMPT_SECONDS", 0)
    monkeypatch.setattr(queue, "_PATIENT_SECONDS", 0)
    monkeypatch.setattr(queue, "schedule", lambda _: {})


@pytest.fixture
def shop(admin: Admin, database: Database) -> Admin:
    """Run SQL on a shop with two orders."""
    order(admin, DAY, 100)
    order(admin, date(2018, 11, 10), 60)
    refresh(database)
    return admin


@pytest.fixture
def start(database_url: str, tmp_path: Path) -> Iterator[Start]:
    """Open the data of a process: ``start(worker="inline")`` runs jobs. At the end of the test all are closed."""
    with ExitStack() as stack:

        def start(**chosen: Any) -> Data:
            values = {
                "DATABASE_URL": database_url,
                "cache": "memory",
                "worker": "off",
                "change_tracking": "off",
                **chosen,
            }
            own = Settings(_env_file=None, data_dir=tmp_path / "data", **values)
            data = stack.enter_context(opened(own))
            stack.enter_context(working(data, own))
            return data

        yield start


def window(watermark: date = DAY, **query: str) -> Window:
    return Window.from_query(query or {"range": "2018-11-20..2018-11-24"}, watermark, date(2018, 11, 10))


def shelf(database: Database) -> list[Report]:
    return [*reports.read(database).reports]


def delete_jobs(admin: Admin) -> None:
    admin("SET search_path TO procrastinate; DELETE FROM procrastinate_jobs; RESET search_path")


def work(data: Data, settings: Settings) -> Work:
    return Work(data, settings, attempts.Cancellation())


def test_report_is_made_by_a_worker_and_shows_what_pages_show(
    start: Start, shop: Admin, database: Database
) -> None:
    data = start(worker="inline")
    number = request_report(database, " For the board ", window())
    wait_until(lambda: shelf(database)[0].status == "done", "it is made")
    [report] = shelf(database)
    assert (report.report_id, report.title, report.error) == (number, "For the board", None)
    assert report.days.label() == "20–24 Nov 2018"
    assert report.queued_at <= report.started_at <= report.generated_at == report.finished_at
    assert 0 < report.duration_seconds < 60
    document = reports.content(database, number).decode()
    asked = window()
    totals = explore.totals(data.reading(), asked.elapsed)
    assert totals.rows["revenue"][0] == Decimal(100)
    [(newest,)] = shop("SELECT max(version) FROM dashboard.versions WHERE relation <> 'customer_metrics'")
    assert report.data_version == newest
    assert NOTATION.exact(totals.rows["revenue"][0], Format.MONEY) in document
    assert f"<dd>{report.data_version}</dd>" in document
    wait_until(lambda: reports.read(database).pause_seconds is None, "nothing is followed any more")


def test_report_and_job_are_there_together_or_not_at_all(
    database: Database, admin: Admin, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> int:
        raise DatabaseError("gone")

    with monkeypatch.context() as patch:
        patch.setattr(requesting, "defer", fail)
        with pytest.raises(DatabaseError, match="gone"):
            request_report(database, "", window())
    assert shelf(database) == []
    number = request_report(database, "", window())
    assert admin("SELECT task, arguments, job_id FROM dashboard.jobs") == [
        ("report", {"report_id": number}, admin("SELECT job_id FROM dashboard.reports")[0][0])
    ]


@pytest.mark.parametrize(
    "query",
    [
        {"range": "2018-11-20..2018-11-24", "compare": "none", "grain": "week"},
        {"range": "mtd", "compare": "period"},
        {"range": "2018-Q4", "compare": "2018-01-01..2018-01-31"},
        {"range": "all", "compare": "weekday"},
    ],
    ids=lambda query: query["range"],
)
def test_window_is_that_of_the_page_whatever_was_chosen(database: Database, query: dict[str, str]) -> None:
    asked = window(**query)
    number = request_report(database, "", asked)
    with database.writer() as writer:
        _, stored = reports.take_up(writer, number)
    on_record = window(watermark=stored.watermark, **query) if query["range"] == "2018-Q4" else stored
    assert stored.span == on_record.span == asked.span
    for name in ("chosen_grain", "comparison", "compared", "unit", "preset"):
        assert getattr(stored, name) == getattr(asked, name)


@pytest.mark.usefixtures("shop")
class TestDoneTwice:
    def test_second_time_changes_nothing(
        self, start: Start, admin: Admin, database: Database, settings: Settings
    ) -> None:
        data, number = start(), request_report(database, "", window())
        tasks.report(work(data, settings), number)
        before = admin("SELECT generated_at, content FROM dashboard.reports")
        tasks.report(work(data, settings), number)
        assert admin("SELECT generated_at, content FROM dashboard.reports") == before

    def test_of_two_at_once_the_first_stays(
        self, start: Start, database: Database, settings: Settings
    ) -> None:
        data, number = start(), request_report(database, "", window())
        made = reports.make(data, "", window(), NOTATION)
        tasks.report(work(data, settings), number)
        with database.writer() as writer:
            reports.fill(writer, number, Made("made too late", 1, made.generated_at))
        assert b"made too late" not in reports.content(database, number)

    def test_deleted_report_is_not_made(
        self,
        start: Start,
        database: Database,
        settings: Settings,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        data, number = start(), request_report(database, "", window())
        reports.delete(database, number)
        monkeypatch.delattr(reports, "make")
        tasks.report(work(data, settings), number)
        assert shelf(database) == []
        with pytest.raises(ReportError, match="deleted"):
            reports.content(database, number)

    def test_one_deleted_while_it_is_made_stays_so(
        self,
        start: Start,
        database: Database,
        settings: Settings,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        data, number = start(), request_report(database, "", window())
        make = reports.make

        def make_and_lose(*asked: Any) -> Made:
            reports.delete(database, number)
            return make(*asked)

        monkeypatch.setattr(reports, "make", make_and_lose)
        tasks.report(work(data, settings), number)
        assert shelf(database) == []


def test_report_that_fails_shows_why(start: Start, database: Database) -> None:
    start(worker="inline")
    request_report(database, "", window())
    wait_until(lambda: shelf(database)[0].status == "failed", "it has failed")
    [report] = shelf(database)
    assert "There are no orders to report" in report.error
    assert report.generated_at is None
    assert reports.read(database).pause_seconds is None


def test_report_whose_job_is_gone_has_failed(database: Database, admin: Admin) -> None:
    request_report(database, "", window())
    delete_jobs(admin)
    [report] = shelf(database)
    assert (report.status, report.error) == ("failed", "Its job was deleted before it was done.")


def test_report_outlives_its_job(start: Start, shop: Admin, database: Database, settings: Settings) -> None:
    number = request_report(database, "", window())
    tasks.report(work(start(), settings), number)
    delete_jobs(shop)
    [report] = shelf(database)
    assert (report.status, report.duration_seconds, report.error) == ("done", None, None)


def test_no_more_than_so_many_wait(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dashboard.reports.shelf.MOST_WAITING", 2)
    first = request_report(database, "", window())
    request_report(database, "", window())
    with pytest.raises(ReportError, match="2 reports wait"):
        request_report(database, "", window())
    assert len(shelf(database)) == 2
    reports.delete(database, first)
    request_report(database, "", window())


def test_retention_deletes_old_reports(start: Start, database: Database, admin: Admin) -> None:
    numbers = [request_report(database, "", window()) for _ in range(2)]
    admin(
        "UPDATE dashboard.reports SET requested_at = now() - (3 + report_id) * interval '1 day'"
        " - interval '1 hour'"
    )
    start(worker="inline", keep_reports_days=3 + numbers[1])
    request(database, "retention")
    wait_until(lambda: [each.report_id for each in shelf(database)] == numbers[:1], "the older one is gone")


def test_all_figures_are_of_one_state_of_the_data(
    start: Start, shop: Admin, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, times, ranking = start(), [], explore.ranking

    def change_before(*asked: Any) -> Any:
        times.append(asked)
        if len(times) == 1:
            order(shop, DAY, 50)
            refresh(database)
        return ranking(*asked)

    monkeypatch.setattr(explore, "ranking", change_before)
    made = reports.make(data, "", window(), NOTATION)
    assert len(times) > len(BREAKDOWNS)  # the first try came to nothing
    assert made.content.count("R$150.00") >= 3  # tile, states and series


def test_the_reader_may_look_at_reports(database: Database) -> None:
    with closing(database), database.snapshot() as snapshot:
        assert snapshot.frame("SELECT title, content FROM dashboard.reports").is_empty()
