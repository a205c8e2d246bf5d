"""The page of reports: asking for one, following it, fetching and deleting it, and what is in the way."""

import pytest
from streamlit.testing.v1 import AppTest

from dashboard import app, reports
from dashboard.jobs import attempts, tasks
from dashboard.jobs.tasks import Work
from dashboard.settings import Settings
from tests.pages.conftest import OpenPage, Show
from tests.pages.test_pages import let_in
from tests.reads import Admin

STRANGE = "<b>bold</b> **x** [a](b) `y` :smile: $z$"


@pytest.fixture
def page(open_page: OpenPage, show: Show, own_shop_url: str, admin: Admin) -> AppTest:
    """The page of a shop that has a worker, though one that does nothing."""
    show(own_shop_url)
    admin("INSERT INTO procrastinate.procrastinate_workers DEFAULT VALUES")
    return open_page("reports", range="2025-02", compare="year")


def press(page: AppTest, label: str) -> AppTest:
    [button] = [button for button in page.button if button.label == label]
    return button.click().run()


def labels(page: AppTest) -> list[str]:
    return [button.label for button in page.button if button.label]


def said(page: AppTest) -> str:
    texts = [*page.markdown, *page.caption, *page.error, *page.info]
    return " ".join(text.value for text in texts).replace("\\", "")


def work(settings: Settings) -> None:
    """Make the reports that were asked for, as a worker does."""
    data = app.process_data()
    for report in reports.read(data.database).reports:
        tasks.report(Work(data, settings, attempts.Cancellation()), report.report_id)


def test_there_is_no_report_yet(page: AppTest) -> None:
    assert not page.exception
    assert not page.error
    assert page.subheader[0].value == "Reports"
    assert page.text_input[0].placeholder == "Sales 1–28 Feb 2025"
    assert "No report was asked for yet." in said(page)


def test_report_is_asked_for_made_and_offered(page: AppTest, admin: Admin, settings: Settings) -> None:
    press(page, "Generate report")
    assert not page.exception
    assert "It is queued." in said(page)
    assert "1–28 Feb 2025: queued just now." in said(page)
    assert not page.get("download_button")
    assert admin("SELECT title, choices->>'comparison', choices->>'unit' FROM dashboard.reports") == [
        ("Sales 1–28 Feb 2025", "year", "MONTH")
    ]
    work(settings)
    page.run()
    assert "Sales 1–28 Feb 2025** :green-badge[done]" in said(page)
    assert "It is queued." not in said(page)
    [download] = page.get("download_button")
    assert download.proto.label == "Download"


def test_title_is_no_markup_and_makes_room_for_the_next(page: AppTest) -> None:
    page.text_input[0].input(STRANGE)
    press(page, "Generate report")
    assert page.text_input[0].value == ""
    [title] = [text.value for text in page.markdown if "queued" in text.value]
    assert "\\<b\\>bold\\</b\\>" in title.replace("\\/", "/")
    assert "\\*\\*x\\*\\*" in title


def test_report_that_failed_says_why(page: AppTest, admin: Admin) -> None:
    press(page, "Generate report")
    admin(
        "INSERT INTO dashboard.job_attempts (job_id, attempt, worker, error)"
        f" SELECT job_id, 1, 'w', '{STRANGE}' FROM dashboard.reports"
    )
    admin("DELETE FROM procrastinate.procrastinate_periodic_defers")
    admin(
        "SET search_path TO procrastinate; UPDATE procrastinate_jobs SET status = 'failed'; RESET search_path"
    )
    page.run()
    assert not page.exception
    assert [code.value for code in page.code] == [STRANGE]
    assert ":red-badge[failed]" in said(page)


def test_deleting_is_asked_twice(page: AppTest, admin: Admin) -> None:
    press(page, "Generate report")
    press(page, "Delete")
    assert labels(page)[-2:] == ["Delete for good", "Keep"]
    press(page, "Keep")
    assert labels(page)[-1] == "Delete"
    press(press(page, "Delete"), "Delete for good")
    assert admin("SELECT count(*) FROM dashboard.reports") == [(0,)]
    assert "No report was asked for yet." in said(page)


def test_without_a_worker_it_says_what_to_start(page: AppTest, admin: Admin) -> None:
    admin("DELETE FROM procrastinate.procrastinate_workers")
    press(page, "Generate report")
    [error] = page.error
    words = error.value.replace("\\", "")
    assert "No worker is alive (none has signed on), so no report is made; 1 report is queued." in words
    assert "`python -m dashboard worker`" in words


def test_too_many_are_refused_in_words(page: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dashboard.reports.shelf.MOST_WAITING", 0)
    press(page, "Generate report")
    assert not page.exception
    assert "0 reports wait" in page.error[0].value


def test_while_the_database_is_away_it_says_so(page: AppTest, own_shop_url: str, server: str) -> None:
    let_in(server, own_shop_url, False)
    page.run()
    assert not page.exception
    assert "PostgreSQL does not answer" in page.error[0].value
    let_in(server, own_shop_url, True)
    assert not page.run().error
