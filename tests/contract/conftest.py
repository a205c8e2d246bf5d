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

_tags = itertools.count(1)


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with servers.single(tmp_path_factory.mktemp("redis") / "data") as server:
        yield f"redis://127.0.0.1:{server.port}/1"


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
