"""What backends tell operators of what they hold, each of them, and what they leave out if they may not tell."""

import signal
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from dashboard.cache import Backend, disk, key
from tests import servers
from tests.answers import hit, miss, store
from tests.contract.conftest import Opener
from tests.servers import Server, free_port

SMALL, LARGE = pl.DataFrame({"orders": [1]}), pl.DataFrame({"orders": range(20_000)})
PLENTY_SECONDS = 30.0


def test_entries_and_bytes_are_told_by_query_and_the_biggest_first(cache: Backend, tag: str) -> None:
    other = f"{tag}/other"
    age = timedelta(seconds=60)
    for number in range(3):
        store(cache, key(tag, number), SMALL)
    store(cache, key(other), LARGE, created=datetime.now(UTC) - age)
    told = cache.inspect(PLENTY_SECONDS)
    assert told is not None
    assert told.gaps == ()
    assert told.is_complete
    ours = {use.tag: use for use in told.tags}
    assert (ours[tag].entries, ours[other].entries) == (3, 1)
    assert ours[other].size_bytes > 50_000 > ours[tag].size_bytes > 0
    [biggest] = [one for one in told.biggest if one.tag == other]
    assert biggest.size_bytes > 50_000
    assert str(key(other).digest) in biggest.name
    assert biggest.ends_seconds is not None
    assert biggest.age_seconds is not None
    assert (0 if cache.name == "disk" else 60) <= biggest.age_seconds < 3_600  # there, since it was stored
    assert 3_600 < biggest.ends_seconds < 3 * 86_400
    assert [one.size_bytes for one in told.biggest] == sorted(
        (one.size_bytes for one in told.biggest), reverse=True
    )


def test_without_time_what_was_seen_is_told_and_that_there_is_more(cache: Backend, tag: str) -> None:
    store(cache, key(tag), SMALL)
    told = cache.inspect(0.0)
    assert told is not None
    assert told.is_complete == (cache.name == "memory")  # which needs no time


def test_an_empty_one_tells_of_nothing(any_cache: Backend) -> None:
    told = any_cache.inspect(PLENTY_SECONDS)
    assert told is not None
    assert told.gaps == ()
    if any_cache.name != "redis":  # others share that
        assert (told.tags, told.biggest, told.seen) == ((), (), 0)


@pytest.mark.parametrize("url", ["redis_url", "cluster_url", "sentinel_url"])
def test_each_server_tells_its_own_figures(
    open_store: Opener, tag: str, request: pytest.FixtureRequest, url: str
) -> None:
    cache = open_store(redis_url=request.getfixturevalue(url))
    store(cache, key(tag), SMALL)
    told = cache.inspect(PLENTY_SECONDS)
    assert told is not None
    assert len(told.servers) == (3 if url == "cluster_url" else 1)
    for server in told.servers:
        assert server.version
        assert server.policy == "noeviction"
        assert server.max_bytes is None
        assert server.size_bytes
        assert server.clients
        assert server.ping_ms is not None
        assert (server.evicted, server.operations_per_second is not None) == (0, True)


def test_the_file_on_disk_tells_its_own_figures_over_all_processes(
    open_store: Opener, tag: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk, "TELL_USE_SECONDS", 0.0)  # each tells at once what it did
    cache, other = (open_store(cache_max_bytes=2_000_000) for _ in range(2))
    store(cache, key(tag), SMALL)
    hit(other, key(tag))
    miss(other, key(tag, "unknown"))
    for number in range(200):
        store(other, key(tag, number), LARGE)
    told = cache.inspect(PLENTY_SECONDS)
    assert told is not None
    [file] = told.servers
    assert (file.name, file.policy, file.max_bytes) == ("Disk", "least recently used", 2_000_000)
    assert str(file.version).startswith("SQLite 3.")
    assert (file.hits, file.misses, file.expired) == (1, 1, 0)
    assert file.evicted
    assert 0.5 < (file.used_share or 0) < 1.5
    assert file.ping_ms is not None
    assert file.uptime_seconds is not None
    assert file.uptime_seconds < 60


def test_what_a_server_forbids_is_a_gap_and_the_rest_is_told(
    redis_server: Server, open_store: Opener, tag: str
) -> None:
    rules = ("on", ">secret", "~*", "+@all", "-info", "-memory", "-slowlog")
    redis_server.ask("ACL", "SETUSER", "limited", *rules)
    cache = open_store(redis_url=f"redis://limited:secret@127.0.0.1:{redis_server.port}/1")
    store(cache, key(tag), LARGE)
    told = cache.inspect(PLENTY_SECONDS)
    assert told is not None
    assert [gap.split(" (")[0] for gap in told.gaps] == [
        "Redis refuses INFO",
        "Redis refuses SLOWLOG",
        "Redis refuses MEMORY USAGE",
    ]
    assert "secret" not in "".join(told.gaps)
    [use] = [use for use in told.tags if use.tag == tag]
    assert use.size_bytes > 50_000  # by the length of its value
    redis_server.ask("ACL", "SETUSER", "limited", "-scan")
    told = cache.inspect(PLENTY_SECONDS)
    assert told is not None
    assert told.tags == ()
    assert any("SCAN" in gap for gap in told.gaps)
    assert cache.stats().faults == {}


def test_slow_commands_are_told_without_what_they_say(
    redis_server: Server, open_store: Opener, tag: str
) -> None:
    cache = open_store(redis_url=f"redis://127.0.0.1:{redis_server.port}/1")
    redis_server.ask("CONFIG", "SET", "slowlog-log-slower-than", "0")
    redis_server.ask("SET", "password", "hunter2")
    redis_server.ask("CONFIG", "SET", "slowlog-log-slower-than", "-1")
    told = cache.inspect(PLENTY_SECONDS)
    assert told is not None
    assert "SET" in [one.command for one in told.slow]
    assert "hunter2" not in repr(told)


def test_one_that_is_not_there_tells_nothing_and_shuts_no_reader_out(open_store: Opener) -> None:
    cache = open_store(redis_url=f"redis://127.0.0.1:{free_port()}")
    assert cache.inspect(PLENTY_SECONDS) is None
    stats = cache.stats()
    assert stats.last_fault is not None
    assert "refused" in stats.last_fault.problem
    assert not stats.is_available
    miss(cache, key("tag"))
    assert cache.stats().faults == {"ConnectionError": 3}  # the reader asked, too


def test_a_look_that_comes_too_soon_costs_readers_nothing(
    open_store: Opener, tmp_path: Path, tag: str
) -> None:
    with servers.single(tmp_path / "valkey") as server:
        cache = open_store(redis_url=f"redis://127.0.0.1:{server.port}", redis_retry_seconds=PLENTY_SECONDS)
        store(cache, key(tag), SMALL)
        server.signal(signal.SIGSTOP)
        assert not cache.stats().is_available
        server.signal(signal.SIGCONT)
        hit(cache, key(tag))
        assert cache.stats().is_available
