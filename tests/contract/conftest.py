"""The stores that the contract is held against, each started once a test process, when first needed."""

import itertools
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from dashboard.cache import Backend, open_levels
from dashboard.settings import Settings
from tests import servers
from tests.servers import Server

Opener = Callable[..., Backend]

SERVERS = ["redis", "cluster", "sentinel"]
SHARED = ["disk", *SERVERS]  # by processes
KEEPING = ["memory", *SHARED]

_tags = itertools.count(1)


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with servers.single(tmp_path_factory.mktemp("redis") / "data") as server:
        yield server


@pytest.fixture(scope="session")
def redis_url(redis_server: Server) -> str:
    return f"redis://127.0.0.1:{redis_server.port}/1"


@pytest.fixture(scope="session")
def cluster_nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Server]]:
    with servers.cluster(tmp_path_factory.mktemp("cluster")) as nodes:
        yield nodes


@pytest.fixture(scope="session")
def cluster_url(cluster_nodes: list[Server]) -> str:
    return "redis+cluster://" + ",".join(f"127.0.0.1:{node.port}" for node in cluster_nodes)


@pytest.fixture(scope="session")
def sentinel_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with servers.sentinel(tmp_path_factory.mktemp("sentinel") / "data", "daybook") as watcher:
        yield f"redis+sentinel://127.0.0.1:{watcher.port}/daybook"


@pytest.fixture
def open_store(tmp_path: Path) -> Iterator[Opener]:
    """Open the lowest level of a cache with some settings; the folder of one on disk is the test's own."""
    with ExitStack() as closing:

        def opened(**chosen: Any) -> Backend:
            values = {"data_dir": tmp_path / "data", "redis_timeout_seconds": 2.0, **chosen}
            *_, cache = open_levels(Settings(_env_file=None, **values))
            closing.callback(cache.close)
            return cache

        yield opened


@pytest.fixture
def tag() -> str:
    """A tag that no other test uses."""
    return f"business/daily_sales_{next(_tags)}"


def opener(name: str, request: pytest.FixtureRequest) -> Opener:
    """Opens the same store each time, as another process would; of memory there is one for each settings."""
    open_store: Opener = request.getfixturevalue("open_store")
    if name in SERVERS:
        url = request.getfixturevalue(f"{name}_url")
        return lambda **chosen: open_store(redis_url=url, **chosen)
    if name == "disk":
        return open_store
    opened: dict[str, Backend] = {}
    return lambda **chosen: opened.setdefault(repr(chosen), open_store(cache=name, **chosen))


@pytest.fixture(params=KEEPING)
def reopen(request: pytest.FixtureRequest) -> Opener:
    return opener(request.param, request)


@pytest.fixture
def cache(reopen: Opener) -> Backend:
    return reopen()


@pytest.fixture(params=["null", *KEEPING])
def any_cache(request: pytest.FixtureRequest) -> Backend:
    return opener(request.param, request)()
