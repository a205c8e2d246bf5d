"""What a process takes of its machine, or of its container."""

from pathlib import Path

import psutil
import pytest

from dashboard.telemetry.vitals import Pulse, machine_memory

LIMIT, TAKEN, IDLE = 100_000_000, 95_000_000, 60_000_000


def container(folder: Path, version: int, limit: str = str(LIMIT)) -> Path:
    names, idle = {
        1: (("memory.limit_in_bytes", "memory.usage_in_bytes"), "total_inactive_file"),
        2: (("memory.max", "memory.current"), "inactive_file"),
    }[version]
    place = folder / "memory" if version == 1 else folder
    place.mkdir(exist_ok=True)
    for name, text in zip(names, (limit, str(TAKEN)), strict=True):
        (place / name).write_text(f"{text}\n")
    (place / "memory.stat").write_text(f"anon 35000000\nfile 60000000\n{idle} {IDLE}\n")
    return folder


@pytest.mark.parametrize("version", [1, 2])
def test_a_container_has_what_it_may_take_and_files_that_nobody_reads_are_not_in_its_way(
    tmp_path: Path, version: int
) -> None:
    assert machine_memory(container(tmp_path, version)) == (LIMIT, LIMIT - TAKEN + IDLE)


@pytest.mark.parametrize(
    ("version", "limit"), [(2, "max"), (1, "9223372036854771712"), (2, str(2**60)), (2, "")]
)
def test_without_a_limit_it_is_the_machine_that_counts(tmp_path: Path, version: int, limit: str) -> None:
    total, left = machine_memory(container(tmp_path, version, limit))
    assert total == psutil.virtual_memory().total
    assert 0 < left <= total


def test_without_a_container_it_is_the_machine_that_counts(tmp_path: Path) -> None:
    assert machine_memory(tmp_path)[0] == psutil.virtual_memory().total


def test_the_course_has_the_share_of_each_whole_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    pulse, now, spent = Pulse(), [6_000.0], [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    monkeypatch.setattr(pulse, "_spent", lambda: spent[0])
    pulse.measure()
    for seconds in (0, 0, 0, 15, 0, 15):  # of each 20
        now[0] += 20
        spent[0] += seconds
        last = pulse.measure()
    assert last.cpu_share == 0.75
    assert [one["cpu_share"] for one in pulse.course()[1:]] == [0.25, 0.75]


def test_the_course_has_a_measurement_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    pulse, now = Pulse(), [6_000.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    for _ in range(10):
        now[0] += 30
        pulse.measure()
    assert len(pulse.course()) == 6
    assert all(one["resident_bytes"] > 1e6 for one in pulse.course())
