"""What operators are told of a Redis that is not set up as a cache, and of one that has more than can be looked at."""

from typing import Any

import pytest

from dashboard.cache import key
from dashboard.cache.redis import _name, advice
from dashboard.cache.redis_inspection import Inspecting

TWO_GB = 2_000_000_000


def memory(maxmemory: int, policy: str) -> dict[str, object]:
    return {"used_memory": 1, "maxmemory": maxmemory, "maxmemory_policy": policy}


@pytest.mark.parametrize("policy", ["allkeys-lru", "allkeys-lfu"])
def test_a_cache_with_a_bound_needs_no_advice(policy: str) -> None:
    assert advice({"Redis": memory(TWO_GB, policy)}, TWO_GB) is None


def test_without_a_bound_the_commands_set_one_and_say_what_is_dropped() -> None:
    told = advice({"Redis": memory(0, "noeviction")}, TWO_GB)
    assert told is not None
    assert told.startswith("Redis: no maxmemory is set, so it grows until")
    assert "the maxmemory-policy is noeviction, so when it is full it refuses" in told
    assert told.endswith("CONFIG SET maxmemory 2000000000; CONFIG SET maxmemory-policy allkeys-lru")


def test_what_is_right_already_is_left_alone() -> None:
    assert "policy" not in str(advice({"Redis": memory(0, "allkeys-lru")}, TWO_GB))
    told = str(advice({"Redis": memory(1, "volatile-ttl")}, TWO_GB))
    assert "volatile-ttl" in told
    assert "no maxmemory" not in told
    assert told.endswith("Run there: CONFIG SET maxmemory-policy allkeys-lru")


def test_nodes_of_a_cluster_are_named_and_share_the_room() -> None:
    nodes = {"a:1": memory(0, "allkeys-lru"), "b:2": memory(9, "allkeys-lru"), "c:3": memory(0, "noeviction")}
    told = str(advice(nodes, 3_000))
    assert "a:1, c:3: no maxmemory" in told
    assert "b:2" not in told
    assert "CONFIG SET maxmemory 1000;" in told


class Node:
    """Has some names, or more than anybody could look at."""

    def __init__(self, *names: str, is_endless: bool = False) -> None:
        self._names, self._cursor = [*names], int(is_endless)
        self._asked = 0

    def info(self) -> dict[str, object]:
        return {}

    def ping(self) -> bool:
        return True

    def slowlog_get(self, number: int) -> list[Any]:  # noqa: ARG002 - the client's
        return []

    def scan(self, at: int, match: str, count: int) -> tuple[int, list[str]]:  # noqa: ARG002 - the client's
        return self._cursor, self._names

    def pipeline(self, *, transaction: bool) -> "Node":  # noqa: ARG002 - the client's
        return self

    def execute_command(self, *_: str) -> None:
        self._asked += 1

    def execute(self) -> list[int]:
        asked, self._asked = self._asked, 0
        return [100] * asked


def test_each_node_of_a_cluster_has_its_part_of_the_time() -> None:
    nodes = {"a": Node(is_endless=True), "b": Node(is_endless=True), "c": Node(_name(key("business/c")))}
    told = Inspecting(nodes, 0.05).inspection()
    assert [(use.tag, use.entries) for use in told.tags] == [("business/c", 1)]
    assert [one.ends_seconds for one in told.biggest] == [0.1]
    assert not told.is_complete
