"""What operators are told of a Redis that is not set up as a cache."""

import pytest

from dashboard.cache.redis import advice

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
