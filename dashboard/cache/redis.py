"""The cache in Redis or Valkey: one server, a Cluster, or one behind Sentinel."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

from redis.cluster import RedisCluster
from redis.exceptions import OutOfMemoryError, ResponseError

from dashboard.cache.key import Key
from dashboard.cache.redis_url import Connection
from dashboard.cache.shared import Shared
from dashboard.cache.store import Item, Stored, StoreFull, Usage, new_generation
from dashboard.cache.value import FORMAT

# Compare and delete in one step: between the two, the lock could expire and become another's.
_RELEASE = "return redis.call('GET', KEYS[1]) == ARGV[1] and redis.call('DEL', KEYS[1]) or 0"


class RedisStore:
    """A tag is the hash tag of its names, so in a Cluster all of a tag is on one node and one MGET reads it."""

    name = "redis"

    def __init__(self, connect: Callable[[], Connection]) -> None:
        self._shared = Shared(connect)

    def read(self, keys: Sequence[Key]) -> list[Stored]:
        by_tag: defaultdict[str, list[Key]] = defaultdict(list)
        for key in keys:
            by_tag[key.tag].append(key)
        answers = self._run(
            [("MGET", _generation(tag), *map(_name, of_tag)) for tag, of_tag in by_tag.items()]
        )
        found: dict[Key, bytes | None] = {}
        generations: dict[str, bytes | None] = {}
        for (tag, of_tag), answer in zip(by_tag.items(), answers, strict=True):
            generations[tag], *data = _checked(answer, 1 + len(of_tag))
            found.update(zip(of_tag, data, strict=True))
        known = generations | self._made(
            [tag for tag, generation in generations.items() if generation is None]
        )
        return [Stored(found[key], known[key.tag] or b"") for key in keys]

    def _made(self, tags: list[str]) -> dict[str, bytes | None]:
        """New generations, or those that somebody made meanwhile, or None from a full Redis."""
        commands: list[tuple[Any, ...]] = []
        for tag in tags:
            commands += [("SET", _generation(tag), new_generation(), "NX"), ("GET", _generation(tag))]
        answers = self._run(commands, raise_on_error=False) if commands else []
        return dict(zip(tags, _checked(answers[1::2], len(tags)), strict=True))

    def write(self, items: Sequence[Item]) -> None:
        self._run([("SET", _name(key), data, "PX", _milliseconds(seconds)) for key, data, seconds in items])

    def acquire(self, key: Key, token: bytes, lifetime_seconds: float) -> bool:
        [answer] = self._run([("SET", _lock(key), token, "NX", "PX", _milliseconds(lifetime_seconds))])
        return answer is not None

    def release(self, key: Key, token: bytes) -> None:
        self._run([("EVAL", _RELEASE, 1, _lock(key), token)])

    def forget(self, tag: str) -> None:
        # Deleting works on a full Redis too, where setting a new generation would not.
        self._run([("DEL", _generation(tag))])

    def usage(self) -> Usage | None:
        nodes = _nodes(self._shared.get().client)
        try:
            memory = [node.info("memory") for node in nodes]
            entries = sum(node.dbsize() for node in nodes)
        except ResponseError:
            return None  # hosted servers may forbid the question
        limits = [of_node["maxmemory"] for of_node in memory]
        size_bytes = sum(of_node["used_memory"] for of_node in memory)
        return Usage(entries, size_bytes, sum(limits) if all(limits) else None)

    def reset(self, error: Exception) -> None:  # noqa: ARG002 - the protocol's
        """Connect anew next time: what still arrives on the old connections belongs to other questions."""
        self.close()

    def close(self) -> None:
        connection = self._shared.take()
        if connection is not None:
            connection.close()

    def _run(self, commands: Sequence[tuple[Any, ...]], *, raise_on_error: bool = True) -> list[Any]:
        """Answers of commands that go out together. Raises StoreFull for any that Redis has no room for."""
        client = self._shared.get().client
        try:
            if len(commands) == 1:
                return [client.execute_command(*commands[0])]
            pipeline = client.pipeline(transaction=False)
            for command in commands:
                pipeline.execute_command(*command)
            return list(pipeline.execute(raise_on_error=raise_on_error))
        except OutOfMemoryError as error:
            raise StoreFull("Redis has no room: give it a maxmemory-policy of allkeys-lru.") from error


def _milliseconds(seconds: float) -> int:
    return max(1, round(seconds * 1_000))


def _checked(answer: Any, length: int) -> list[bytes | None]:
    """An MGET's answer, unless the server is none."""
    if not isinstance(answer, list) or len(answer) != length:
        raise TypeError(f"Redis answered with {type(answer).__name__} instead of {length} values.")
    return [one if isinstance(one, bytes) else None for one in answer]


def _nodes(client: Any) -> list[Any]:
    """A client for each server that has values of its own."""
    if isinstance(client, RedisCluster):
        return [node.redis_connection for node in client.get_primaries()]  # type: ignore[no-untyped-call]
    return [client]


def _name(key: Key) -> str:
    return f"daybook:{FORMAT}:{{{key.tag}}}:{key.digest}"


def _lock(key: Key) -> str:
    return f"daybook:{FORMAT}:{{{key.tag}}}:{key.digest}:lock"


def _generation(tag: str) -> str:
    return f"daybook:{FORMAT}:{{{tag}}}:generation"
