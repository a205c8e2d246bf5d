"""What the operators are told of servers and workers."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dashboard.advice import Level, Now, process_facts, spread, system
from dashboard.database import Pool
from dashboard.notation import Notation
from dashboard.system_state import Process
from dashboard.telemetry import Timing, Timings

MOMENT = datetime(2025, 3, 20, 12, tzinfo=UTC)
NOW = Now(MOMENT, Notation("en_US", "BRL"))
GIGABYTE = 10**9


def timing(number: int, seconds: float) -> Timing:
    timings = Timings(("page",))
    for _ in range(number):
        timings.record(("",), seconds)
    return timings.totals()["",]


def process(pid: int = 1, heard: float = 3, started: float = 3_600, **chosen: Any) -> Process:
    """A server that is well; ``heard`` and ``started`` are seconds ago."""
    facts: dict[str, Any] = {
        "kind": "server",
        "host": "web-1",
        "version": "0.1.0+aa",
        "resident_bytes": GIGABYTE // 2,
        "memory_bytes": 8 * GIGABYTE,
        "available_bytes": 4 * GIGABYTE,
        "cpu_seconds": 12.0,
        "cpu_share": 0.02,
        "threads": 20,
        "sessions": 2,
        "lag_seconds": 0.004,
        "resident_course": (1.0, 2.0),
        "cpu_course": (0.1,) * 10,
        "pools": (Pool("statements", 6, 6),),
        "requests": {("/sales", "GET", "200"): timing(90, 0.01)},
        "reruns": {("/sales",): timing(90, 0.1)},
        "versions": {"Python": "3.11"},
    }
    at = {
        "heard_at": MOMENT - timedelta(seconds=heard),
        "started_at": MOMENT - timedelta(seconds=started),
    }
    return Process(process=f"web-1:{pid}", pid=pid, **at, **facts | chosen)


def told(*processes: Process) -> list[tuple[Level, str]]:
    return [(one.level, one.finding) for one in system(NOW, processes)]


def test_all_is_well() -> None:
    [(level, finding)] = told(process(1), process(2, sessions=1), process(3, kind="worker", sessions=0))
    assert level is Level.GOOD
    assert (
        finding
        == "3 processes run well: 3 pages are open in browsers, no request failed, and there is memory left."
    )


def test_nobody_is_there() -> None:
    [(level, finding)] = told()
    assert (level, finding) == (Level.NOTE, "No server has given a sign of life in the last minute.")
    assert told(process(kind="worker"))[0][0] is Level.NOTE


def test_one_went_silent() -> None:
    [(level, finding)] = told(process(1), process(2, heard=300))
    assert level is Level.WARNING
    assert finding == "Server web-1, 2 went silent; the last sign of life came 5 min ago."


def test_one_that_was_killed_and_started_again_is_not_missed() -> None:
    assert told(process(1, started=200), process(2, heard=300))[0][0] is Level.GOOD
    again = told(process(1, started=200), process(2, heard=300), process(3, heard=300))
    assert "went silent" in again[0][1]
    assert "went silent" in told(process(1, started=200), process(2, heard=300, kind="worker"))[0][1]


def test_each_of_a_row_of_killed_ones_was_replaced_by_the_next() -> None:
    killed = [process(pid, heard=3_000 - pid * 100, started=3_090 - pid * 100) for pid in range(1, 21)]
    assert [level for level, _ in told(process(21, started=900), *killed[:2])] == [Level.GOOD]
    [(level, finding)] = told(process(21, started=900), *killed)
    assert level is Level.WARNING
    assert finding == (
        "Servers were killed 20 times in the last hour and started again, the last of them 16 min ago."
    )


def test_of_many_that_went_silent_the_last_are_named() -> None:
    [(_, finding)] = told(process(1), *(process(pid, heard=100 * pid) for pid in range(2, 9)))
    assert finding == (
        "Server web-1, 4, Server web-1, 3, Server web-1, 2 and 4 others went silent; "
        "the last sign of life came 3 min ago."
    )


def test_requests_failed() -> None:
    failing = {
        ("/sales", "GET", "200"): timing(95, 0.01),
        ("/export/orders.{kind}", "GET", "500"): timing(4, 0.01),
        ("/live", "GET", "503"): timing(1, 0.01),
    }
    [(level, finding)] = told(process(requests=failing))
    assert level is Level.BAD
    assert finding == (
        "5 requests of the last hour failed (5.0% of all), most of them GET /export/orders.{kind} with 500."
    )
    few = failing | {("/sales", "GET", "200"): timing(200, 0.01)}
    assert told(process(requests=few))[0][0] is Level.WARNING


def test_a_probe_that_says_no_is_no_failure() -> None:
    assert told(process(requests={("/readyz", "GET", "503"): timing(9, 0.01)}))[0][0] is Level.GOOD


def test_a_probe_that_crashes_is_one() -> None:
    probed = {("/metrics", "GET", "500"): timing(1, 0.01), ("/healthz", "GET", "200"): timing(999, 0.01)}
    [(level, finding)] = told(process(requests=probed | {("/", "GET", "200"): timing(9, 0.01)}))
    assert level is Level.BAD
    assert finding == "1 request of the last hour failed (10.0% of all), most of them GET /metrics with 500."


@pytest.mark.parametrize(("available", "level"), [(1.3, Level.GOOD), (1.0, Level.WARNING), (0.3, Level.BAD)])
def test_memory_runs_out(available: float, level: Level) -> None:
    left = int(available * GIGABYTE)
    [(found, finding)] = told(process(1, available_bytes=left), process(2, available_bytes=left))
    assert found is level
    if level is Level.BAD:
        assert finding == "web-1 has 300 MB of 8 GB of memory left; Daybook holds 1 GB of it."


def test_all_places_are_taken() -> None:
    [(level, finding)] = told(process(pools=(Pool("statements", 6, 6, 3), Pool("exports", 2, 2))))
    assert level is Level.WARNING
    assert finding == "All 6 statements at a time of web-1, 1 are taken, and 3 more wait."


def test_a_page_is_slow() -> None:
    slow = {
        ("/sales",): timing(30, 2.0),
        ("/explore",): timing(30, 0.1),
        ("/",): timing(3, 9.0),
    }
    [(level, finding)] = told(process(reruns=slow))
    assert level is Level.WARNING
    assert finding == "One in twenty runs of /sales took over 2.4 s in the last hour."


@pytest.mark.parametrize(("late", "level"), [(2.5, Level.WARNING), (12, Level.BAD)])
def test_an_event_loop_is_held(late: float, level: Level) -> None:
    [(found, finding)] = told(process(), process(2, lag_seconds=late), process(3, lag_seconds=None))
    assert found is level
    assert finding.startswith("The event loop of web-1, 2 came up to ")
    assert told(process(lag_seconds=1.9))[0][0] is Level.GOOD


def test_a_server_takes_a_whole_core() -> None:
    [(level, finding)] = told(process(cpu_course=(0.1, *[0.95] * 5)))
    assert level is Level.WARNING
    assert "web-1, 1 took a whole core for the last 5 minutes" in finding
    assert told(process(cpu_course=(0.95,) * 4))[0][0] is Level.GOOD


def test_replicas_run_different_programs() -> None:
    [(level, finding)] = told(process(1), process(2, version="0.1.0+bb"), process(3))
    assert level is Level.WARNING
    assert finding == "The processes run different programs: 0.1.0+aa (2) and 0.1.0+bb (1)."


def test_the_worst_comes_first() -> None:
    levels = [
        level
        for level, _ in told(
            process(1, available_bytes=1, version="x"), process(2, heard=300), process(3, heard=9)
        )
    ]
    assert levels == [Level.BAD, Level.WARNING, Level.WARNING]


def test_facts_and_spread_are_told_in_words() -> None:
    assert process_facts(NOW, process())["Started"] == "60 min ago"
    assert process_facts(NOW, process())["Event loop"] == "up to 4 ms late in the last minute"
    assert (
        not {"Open pages", "Event loop"} & process_facts(NOW, process(kind="worker", lag_seconds=None)).keys()
    )
    assert spread(NOW, [timing(20, 0.004)], "request") == (
        "Of 20 requests in the last hour, half took up to 2 ms and 95% up to 5 ms."
    )
    assert spread(NOW, [], "run") == "There were no runs in the last hour."
