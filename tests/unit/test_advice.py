"""What the operators are told: the worst that is true, and what to do about it."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from dashboard.advice import (
    OUTCOMES,
    Level,
    Now,
    Verdict,
    backlog,
    facts,
    freshness,
    job,
    next_refresh,
    report,
    shelf,
)
from dashboard.changes import Backlog
from dashboard.freshness import STATUSES, Job, Jobs, Source, Sources, Status, ViewState
from dashboard.notation import Notation
from dashboard.reports import Report, Shelf

MOMENT = datetime(2025, 3, 20, 12, tzinfo=UTC)
NIGHTLY = MOMENT + timedelta(hours=14)
NOW = Now(MOMENT, Notation("en_US", "BRL"))
DAYS = (date(2025, 3, 18), date(2025, 3, 19))

TRIGGERS = Sources(
    (Source("orders", 4, is_polled=False), Source("products", 4, is_polled=False)), is_counted=True
)
NONE = Sources((Source("orders", 0, is_polled=True), Source("products", 0, is_polled=True)), is_counted=True)


def ago(seconds: float) -> datetime:
    return MOMENT - timedelta(seconds=seconds)


def waiting(seconds: float, *days: date, is_any_day: bool = False, view: str = "sales") -> Backlog:
    return Backlog(view, is_filled=True, days=days, is_any_day=is_any_day, since=ago(seconds))


def view(name: str = "sales", **chosen: Any) -> ViewState:
    """A view that shows every change."""
    facts = {
        "title": "Sales.",
        "backlog": Backlog(name, is_filled=True, days=(), is_any_day=False, since=None),
        "is_populated": True,
        "has_days": True,
        "refreshed_at": ago(12),
        "duration_seconds": 0.42,
        "rows": 749,
        "failures": 0,
        "error": None,
        "failed_at": None,
        "retry_at": None,
        "data_through": date(2025, 3, 19),
        "version": 7,
        "months_changed": 1,
        "durations": (0.4, 0.42),
    }
    return ViewState(view=name, **facts | chosen)


def failing(name: str = "sales", **chosen: Any) -> ViewState:
    facts = {"failures": 3, "error": "No.", "failed_at": ago(3), "backlog": waiting(30, *DAYS)}
    return view(name, **facts | chosen)


def jobs(heard: float | None = 2, waiting: float | None = None, **counts: int) -> Jobs:
    since, heard_at = (None if seconds is None else ago(seconds) for seconds in (waiting, heard))
    return Jobs(dict.fromkeys(STATUSES, 0) | counts, since, heard_at)


def verdict(
    *views: ViewState, sources: Sources | None = TRIGGERS, tracking: str = "triggers", **of: Any
) -> Verdict:
    return freshness(NOW, views or (view(), view("people")), sources, of.get("jobs", jobs()), tracking)


class TestVerdict:
    def test_all_is_well(self) -> None:
        assert verdict() == Verdict(Level.GOOD, "All 2 views show every change.")

    def test_what_is_not_known_is_no_trouble(self) -> None:
        assert verdict(sources=None, jobs=None).level is Level.GOOD

    def test_changes_wait_for_a_moment(self) -> None:
        said = verdict(view(backlog=waiting(2, *DAYS)), view("people"))
        assert said.level is Level.NOTE
        assert said.finding == "1 view lacks changes of 2 days, since 2 s ago."
        assert "by itself" in said.advice

    def test_changes_wait_for_long(self) -> None:
        said = verdict(view(backlog=waiting(300, is_any_day=True)), view("people", backlog=waiting(2, *DAYS)))
        assert said.level is Level.WARNING
        assert "2 views lack changes of 2 days and more, since 5 min ago" in said.finding
        assert "look at the jobs" in said.advice

    def test_a_view_of_which_nothing_is_known_waits_for_all_its_rows(self) -> None:
        unknown = Backlog("sales", is_filled=False, days=(), is_any_day=False, since=None)
        assert verdict(view(backlog=unknown)).finding.endswith("lacks all rows.")

    @pytest.mark.parametrize("chosen", [{"is_populated": False}, {"refreshed_at": None, "rows": None}])
    def test_a_view_was_never_filled(self, chosen: dict[str, Any]) -> None:
        said = verdict(view(), view("people", **chosen))
        assert said.level is Level.WARNING
        assert said.finding.startswith("people was never filled")
        assert "Refresh now" in said.advice

    def test_a_view_fails_and_is_tried_again_soon(self) -> None:
        said = verdict(view("people"), failing(retry_at=MOMENT + timedelta(seconds=8)))
        assert said.level is Level.BAD
        assert said.finding == "The refresh of sales fails; pages show what was there before."
        assert "It is tried again in 8 s" in said.advice

    def test_several_views_fail(self) -> None:
        said = verdict(failing("a"), failing("b"), failing("c", retry_at=ago(1)))
        assert "The refresh of a, b and c fails" in said.finding
        assert "It is tried again now" in said.advice

    def test_a_view_failed_that_lacks_nothing(self) -> None:
        settled = view().backlog
        assert "after a change or at night" in verdict(failing(backlog=settled)).advice

    @pytest.mark.parametrize(
        ("heard", "said"), [(None, "none has signed on"), (300, "the last sign of one came 5 min ago")]
    )
    def test_no_worker_is_alive_is_worse_than_what_follows_from_it(
        self, heard: float | None, said: str
    ) -> None:
        found = verdict(failing(), jobs=jobs(heard, 200, queued=1))
        assert found.level is Level.BAD
        assert found.finding.startswith(f"No worker is alive ({said})")
        assert "1 job is queued" in found.finding
        assert "`python -m dashboard worker`" in found.advice

    def test_jobs_wait_for_a_worker_that_is_busy(self) -> None:
        said = verdict(view(backlog=waiting(300, *DAYS)), jobs=jobs(2, 200, queued=2, running=1))
        assert said.level is Level.WARNING
        assert "Jobs are late: the first was due 3 min ago" in said.finding
        assert verdict(jobs=jobs(2, 5, queued=1)).level is Level.GOOD

    def test_tracking_is_off(self) -> None:
        said = verdict(sources=NONE, tracking="off")
        assert said.level is Level.WARNING
        assert "off: what changes in orders and products" in said.finding
        assert "`DASHBOARD_CHANGE_TRACKING`" in said.advice

    def test_tracking_goes_on_while_triggers_are_there_whatever_the_setting_says(self) -> None:
        assert verdict(sources=TRIGGERS, tracking="off").level is Level.GOOD

    def test_polling_needs_counts(self) -> None:
        assert verdict(sources=NONE, tracking="poll").level is Level.GOOD
        uncounted = Sources(NONE.tables, is_counted=False)
        assert "`track_counts`" in verdict(sources=uncounted, tracking="poll").advice

    def test_no_order_yet(self) -> None:
        said = verdict(view(rows=0, data_through=None), view("people", rows=0))
        assert said.level is Level.NOTE
        assert "`python -m dashboard load demo`" in said.advice


@pytest.mark.parametrize(
    ("triggers", "is_polled", "tracking", "noticed_by"),
    [
        (4, False, "triggers", "triggers"),
        (4, True, "poll", "triggers"),
        (3, True, "triggers", "poll"),
        (0, False, "poll", "nothing yet"),
        (0, True, "off", "off"),
    ],
)
def test_a_table_is_watched_by_its_triggers_or_as_the_setting_says(
    triggers: int, is_polled: bool, tracking: str, noticed_by: str
) -> None:
    assert Source("orders", triggers, is_polled).noticed_by(tracking) == noticed_by


class TestWords:
    def test_next_refresh_is_at_night_unless_something_waits(self) -> None:
        assert next_refresh(NOW, view(), NIGHTLY, is_tracked=True) == "after a change, or in 14 h"
        assert next_refresh(NOW, view(), NIGHTLY, is_tracked=False) == "in 14 h"
        assert next_refresh(NOW, view(backlog=waiting(1)), NIGHTLY, is_tracked=True) == "now"

    def test_next_refresh_of_a_view_that_fails_is_its_next_trial(self) -> None:
        trial = failing(retry_at=MOMENT + timedelta(minutes=4))
        assert next_refresh(NOW, trial, NIGHTLY, is_tracked=True) == "in 4 min"

    def test_backlog(self) -> None:
        assert backlog(NOW, [view()]) == "nothing"
        assert backlog(NOW, [view(backlog=waiting(1, DAYS[0]))]) == "changes of 1 day, since 1 s ago"
        assert backlog(NOW, [view(backlog=waiting(90, is_any_day=True))]) == "changes, since 90 s ago"

    def test_facts_tell_of_failures(self) -> None:
        assert "Failed" not in facts(NOW, view(), NIGHTLY, is_tracked=True)
        assert facts(NOW, failing(), NIGHTLY, is_tracked=True)["Failed"] == "3 times, last 3 s ago"

    @pytest.mark.parametrize(
        ("chosen", "said"),
        [
            ({"views": ("a", "b")}, "Refresh of a and b: running for 2 s."),
            ({"views": ("a", "b"), "is_of_all": True}, "Refresh of all views: running for 2 s."),
            ({"status": "queued"}, "Refresh: queued 3 s ago."),
            ({"status": "queued", "error": "No."}, "Refresh: failed, and is queued again."),
            ({"task": "full_refresh", "status": "done"}, "Full refresh: done 1 s ago in 0.42 s."),
            ({"status": "failed", "views": ("a",)}, "Refresh of a: failed 1 s ago in 0.42 s."),
        ],
    )
    def test_job(self, chosen: dict[str, Any], said: str) -> None:
        facts = {
            "task": "refresh",
            "views": (),
            "is_of_all": False,
            "status": "running",
            "queued_at": ago(3),
            "started_at": ago(2),
            "finished_at": ago(1),
            "duration_seconds": 0.42,
            "error": None,
        }
        assert job(NOW, Job(**facts | chosen)) == said


def test_the_worst_of_a_view_is_what_it_is_called() -> None:
    assert view().status is Status.FRESH
    assert view(backlog=waiting(1)).status is Status.PENDING
    assert view(backlog=waiting(1), is_populated=False).status is Status.EMPTY
    assert failing(is_populated=False).status is Status.FAILING


class TestReports:
    def a_report(self, **chosen: Any) -> Report:
        facts = {
            "report_id": 1,
            "title": "November",
            "first_day": date(2018, 11, 1),
            "last_day": date(2018, 11, 28),
            "queued_at": ago(180),
            "generated_at": None,
            "data_version": None,
            "status": "queued",
            "started_at": None,
            "finished_at": None,
            "duration_seconds": None,
            "error": None,
        }
        return Report(**facts | chosen)

    @pytest.mark.parametrize(
        ("chosen", "said"),
        [
            ({}, "1–28 Nov 2018: queued 3 min ago."),
            ({"error": "x"}, "1–28 Nov 2018: failed, and is queued again."),
            (
                {"status": "running", "started_at": ago(2)},
                "1–28 Nov 2018, asked for 3 min ago: running for 2 s.",
            ),
            (
                {"status": "done", "finished_at": ago(120), "duration_seconds": 0.4},
                "1–28 Nov 2018, asked for 3 min ago: done 2 min ago in 0.4 s.",
            ),
            (
                {"status": "failed"},
                "1–28 Nov 2018, asked for 3 min ago: failed.",
            ),
        ],
    )
    def test_what_becomes_of_one_is_said_in_words(self, chosen: dict[str, Any], said: str) -> None:
        assert report(NOW, self.a_report(**chosen)) == said

    def test_every_state_of_a_job_has_its_level(self) -> None:
        assert set(OUTCOMES) == set(STATUSES)

    def test_only_a_worker_that_is_alive_makes_them(self) -> None:
        assert shelf(NOW, Shelf(MOMENT, (), ago(5))) is None
        dead = shelf(NOW, Shelf(MOMENT, (self.a_report(), self.a_report(status="done")), ago(300)))
        assert dead
        assert dead.level is Level.BAD
        assert (
            "the last sign of one came 5 min ago), so no report is made; 1 report is queued." in dead.finding
        )

    def test_they_are_followed_while_one_is_being_made(self) -> None:
        done, new = self.a_report(status="done"), self.a_report(queued_at=ago(5))
        assert Shelf(MOMENT, (done,), None).pause_seconds is None
        assert Shelf(MOMENT, (new, done), None).pause_seconds == 1
        assert Shelf(MOMENT, (self.a_report(),), None).pause_seconds == 10
