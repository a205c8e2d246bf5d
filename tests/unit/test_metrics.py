"""What Prometheus is told, the document that explains it, and the dashboard that shows it."""

import json
import re
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_text

from dashboard.cache import key, open_levels
from dashboard.database import Database
from dashboard.settings import ROOT, Settings
from dashboard.telemetry import Statistics, Traffic
from dashboard.telemetry.families import METRICS, STANDARD
from dashboard.telemetry.metrics import Metrics

ROW = re.compile(r"^\| `([a-z_]+)` \| (\w+) \| (.+) \| (.+) \|$", re.MULTILINE)
NAME = re.compile(r"\b(?:api|daybook|process|memory)_[a-z_]+\b")
DOCUMENT = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
BOARD = json.loads((ROOT / "deploy" / "grafana-dashboard.json").read_text(encoding="utf-8"))
OPENMETRICS = "application/openmetrics-text; version=1.0.0"


@pytest.fixture
def traffic() -> Traffic:
    traffic = Traffic()
    traffic.requests.record(("/sales", "GET", "200"), 0.02)
    traffic.requests.record(("/sales", "GET", "500"), 3.0)
    traffic.requests.record(("/explore", "GET", "200"), 0.02)
    traffic.reruns.record(("/sales",), 0.2)
    traffic.jobs.record(("refresh", "done"), 0.2)
    traffic.refreshes.record(("daily_sales_metrics", "failed"), 0.2)
    traffic.figures = {"jobs": {"queued": 2.0}, "refreshed_at_seconds": {"daily_sales_metrics": 1.5e9}}
    return traffic


@pytest.fixture
def metrics(traffic: Traffic, settings: Settings) -> Iterator[Metrics]:
    statistics, (memory, below) = Statistics(), open_levels(settings)
    statistics.record("business/x", "memory", elapsed_ms=0.03, size_bytes=100, saved_ms=20)
    statistics.record("business/x", "database", "cold", elapsed_ms=40, spent_ms=20, is_coalesced=True)
    memory.get_many([key("business/x").at(1)])
    with closing(below), closing(Database("postgresql://nobody@127.0.0.1:1/none", settings)) as database:
        yield Metrics(statistics, [memory, below], database, traffic)


def told(metrics: Metrics) -> dict[tuple[str, tuple[str, ...]], float]:
    """Values by the name of a sample and the values of its labels, which are sorted by their names."""
    text = metrics.text("")[0].decode()
    return {
        (sample.name, tuple(sample.labels.values())): sample.value
        for family in read_text(text)
        for sample in family.samples
    }


def test_every_metric_is_told_as_it_is_declared(metrics: Metrics) -> None:
    content, content_type = metrics.text("text/plain")
    assert content_type.startswith("text/plain")
    found = {}
    for family in read_text(content.decode()):
        name = f"{family.name}_total" if family.type == "counter" else family.name
        labels = {label for sample in family.samples for label in sample.labels} - {"le"}
        found[name] = (family.type, labels)
    declared = {one.name: (one.kind, set(one.labels)) for one in METRICS.values()}
    assert {name: one for name, one in found.items() if name not in STANDARD} == declared
    assert set(found) == {*declared, *STANDARD}


def test_figures_are_those_of_the_rooms(metrics: Metrics) -> None:
    values = told(metrics)
    assert values["api_request_duration_seconds_count", ("/sales", "GET")] == 2
    assert values["api_request_duration_seconds_sum", ("/sales", "GET")] == pytest.approx(3.02)
    assert values["api_requests_total", ("/sales", "GET", "500")] == 1
    assert values["memory_usage_bytes", ()] > 1e6
    assert values["daybook_reads_total", ("business/x", "cold", "database")] == 1
    assert values["daybook_reads_coalesced_total", ("business/x",)] == 1
    assert values["daybook_database_saved_seconds_total", ("business/x",)] == pytest.approx(0.02)
    assert values["daybook_cache_misses_total", ("memory", "cold")] == 1
    assert values["daybook_pool_size", ("statements",)] == 6
    assert values["daybook_jobs", ("queued",)] == 2
    assert values["daybook_jobs", ("running",)] == 0
    assert values["daybook_view_refreshed_timestamp_seconds", ("daily_sales_metrics",)] == 1.5e9


def test_the_stricter_format_is_given_to_who_asks_for_it(metrics: Metrics) -> None:
    content, content_type = metrics.text(OPENMETRICS)
    assert content_type.startswith("application/openmetrics-text")
    assert {"api_request_duration_seconds"} < {one.name for one in read_openmetrics(content.decode())}


@pytest.mark.parametrize(
    "accept", ["application/openmetrics-text; version=x", "text/plain;version=1.x", ";,;="]
)
def test_who_asks_in_a_strange_way_is_answered_plainly(metrics: Metrics, accept: str) -> None:
    content, content_type = metrics.text(accept)
    assert content_type.startswith("text/plain; version=0.0.4")
    assert b"memory_usage_bytes" in content


def test_what_never_failed_has_failed_0_times(metrics: Metrics) -> None:
    values = told(metrics)
    assert values["daybook_job_duration_seconds_count", ("done", "refresh")] == 1
    assert values["daybook_job_duration_seconds_count", ("failed", "refresh")] == 0
    assert values["daybook_refresh_duration_seconds_count", ("done", "daily_sales_metrics")] == 0
    assert values["api_requests_total", ("/sales", "GET", "500")] == 1
    assert values["api_requests_total", ("/explore", "GET", "500")] == 0
    for query in ("business/x", "business/daily_sales"):  # one that was read, and one that is in a file
        assert values["daybook_reads_total", (query, "", "error")] == 0
    assert values["daybook_cache_faults_total", ("Timeout", "disk")] == 0


def test_reads_count_from_the_start_also_over_minutes() -> None:
    now = [60.0]
    statistics = Statistics(lambda: now[0])
    for minute in range(1, 100):
        now[0] = minute * 60.0
        statistics.record("business/x", "memory", elapsed_ms=1, saved_ms=2)
    [(series, sums)] = statistics.totals().items()
    assert series == ("business/x", "memory", "", False)
    assert (sums["reads"], sums["saved_ms"], sum(sums["elapsed_buckets"])) == (99, 198, 99)


def test_the_document_lists_every_metric_and_no_other() -> None:
    rows = [
        (one.name, one.kind, ", ".join(f"`{label}`" for label in one.labels) or "none", one.help)
        for one in METRICS.values()
    ]
    assert ROW.findall(DOCUMENT) == rows
    assert re.findall(r"^- `(\w+)`$", DOCUMENT, re.MULTILINE) == [*STANDARD]


def test_names_say_the_unit_and_what_adds_up() -> None:
    for one in METRICS.values():
        assert one.name.endswith("_total") == (one.kind == "counter"), one.name
        assert one.kind != "histogram" or one.name.endswith("_seconds")


def expressions(board: dict[str, object]) -> list[str]:
    found = re.findall(r'"(?:expr|query|definition)": "((?:[^"\\]|\\.)*)"', json.dumps(board))
    return [one for one in found if "_" in one]


ALERTS = re.findall(r"^\| [a-z ]+ \| `(.*)` \|$", DOCUMENT, re.MULTILINE)
EXPRESSIONS = [*(json.loads(f'"{one}"') for one in expressions(BOARD)), *ALERTS]


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_dashboard_and_alerts_ask_for_metrics_that_there_are(expression: str) -> None:
    histograms = {one.name for one in METRICS.values() if one.kind == "histogram"}
    parts = {f"{name}_{part}" for name in histograms for part in ("bucket", "count", "sum")}
    asked = set(NAME.findall(expression))
    assert asked
    assert asked <= {*METRICS, *STANDARD, *parts} - histograms


OF_TARGETS = {"job", "instance", "le"}
SELECTOR = re.compile(r"(\w+)\{([^}]*)\}")
PART = re.compile(r"_(?:bucket|count|sum)$")


def labels_of(expression: str) -> set[str]:
    """Those that the series of an expression may have."""
    names = {name if name in METRICS else PART.sub("", name) for name in NAME.findall(expression)}
    return OF_TARGETS.union(*(METRICS[name].labels for name in names if name in METRICS))


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_dashboard_and_alerts_choose_and_group_by_labels_that_there_are(expression: str) -> None:
    for name, selectors in SELECTOR.findall(expression):
        assert set(re.findall(r"(\w+)[=!]", selectors)) <= labels_of(name)
    for grouped in re.findall(r"\bby \(([^)]*)\)", expression):
        assert set(grouped.split(", ")) <= labels_of(expression)
    if "histogram_quantile" in expression:
        assert re.search(r"sum by \(le\b.*_bucket\b", expression)


@pytest.mark.parametrize("panel", BOARD["panels"], ids=lambda panel: str(panel["title"]))
def test_panels_are_of_the_chosen_jobs_and_named_by_labels_that_are_left(panel: dict[str, Any]) -> None:
    for target in panel["targets"]:
        expression, shown = target["expr"], set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
        metrics = re.findall(r"\b(?:api|daybook|process|memory)_\w+", expression)
        assert expression.count('{job=~"$job"') == len(metrics)
        grouped = re.search(r"\bby \(([^)]*)\)", expression)
        is_summed = grouped or re.search(r"\b(?:sum|min|max)\(", expression)
        assert shown <= (
            set(grouped[1].split(", ")) if grouped else set() if is_summed else labels_of(expression)
        )


def test_all_jobs_are_those_of_this_program() -> None:
    [_, job] = BOARD["templating"]["list"]
    assert job["includeAll"]
    assert "allValue" not in job  # .* would take in whatever else Prometheus scrapes


def test_panels_of_the_dashboard_do_not_overlap() -> None:
    places = [
        (panel["gridPos"]["x"] + x, panel["gridPos"]["y"] + y)
        for panel in BOARD["panels"]
        for x in range(panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["h"])
    ]
    assert len(places) == len(set(places))
    assert len({panel["id"] for panel in BOARD["panels"]}) == len(BOARD["panels"])
