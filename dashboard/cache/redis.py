"""The cache in Redis or Valkey: one server, a Cluster, or one behind Sentinel."""

import contextlib
import logging
import threading
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from redis.cluster import RedisCluster
from redis.exceptions import OutOfMemoryError, ResponseError

from dashboard.cache.inspection import Inspection
from dashboard.cache.key import Key
from dashboard.cache.redis_inspection import Inspecting
from dashboard.cache.redis_url import Connection
from dashboard.cache.shared import Shared
from dashboard.cache.store import Item, Stored, StoreFull, Usage
from dashboard.cache.value import FORMAT

# Compare and act in one step: between the two, the lock could expire and become another's.
_IF_HELD = "for _, lock in ipairs(KEYS) do if redis.call('GET', lock) == ARGV[1] then redis.call({}) end end"
_RELEASE = _IF_HELD.format("'DEL', lock")
_PROLONG = _IF_HELD.format("'PEXPIRE', lock, ARGV[2]")

# What makes room by dropping the answers that nobody asks for.
_GOOD_POLICIES = {"allkeys-lru", "allkeys-lfu"}

log = logging.getLogger(__name__)


class RedisStore:
    """A tag is the hash tag of its names, so in a Cluster all of a tag is on one node and one MGET reads it.

    ``max_bytes`` is what a server without a bound is advised to be given.
    """

    name = "redis"

    def __init__(self, connect: Callable[[], Connection], max_bytes: int) -> None:
        self._shared = Shared(connect)
        self._max_bytes = max_bytes
        self._first_answer = threading.Lock()
        self._adviser: threading.Thread | None = None

    def read(self, keys: Sequence[Key]) -> list[Stored]:
        by_tag = _by_tag(keys)
        answers = self._run(
            [("MGET", *map(_name, of_tag), *map(_latest, of_tag)) for of_tag in by_tag.values()]
        )
        found: dict[Key, Stored] = {}
        for of_tag, answer in zip(by_tag.values(), answers, strict=True):
            data = _checked(answer, 2 * len(of_tag))
            found.update(zip(of_tag, map(Stored, data[: len(of_tag)], data[len(of_tag) :]), strict=True))
        return [found[key] for key in keys]

    def write(self, items: Sequence[Item]) -> None:
        commands: list[tuple[Any, ...]] = []
        for key, data, latest, lifetime_seconds in items:
            lifetime = ("PX", _milliseconds(lifetime_seconds))
            commands += [("SET", _name(key), data, *lifetime), ("SET", _latest(key), latest, *lifetime)]
        self._run(commands)

    def acquire(self, keys: Sequence[Key], token: bytes, lifetime_seconds: float) -> list[bytes | None]:
        commands: list[tuple[Any, ...]] = []
        for key in keys:
            commands += [
                ("SET", _lock(key), token, "NX", "PX", _milliseconds(lifetime_seconds)),
                ("GET", _lock(key)),
            ]
        return _checked(self._run(commands)[1::2], len(keys))

    def prolong(self, keys: Sequence[Key], token: bytes, lifetime_seconds: float) -> None:
        self._run_on_locks(_PROLONG, keys, token, _milliseconds(lifetime_seconds))

    def release(self, keys: Sequence[Key], token: bytes) -> None:
        self._run_on_locks(_RELEASE, keys, token)

    def usage(self) -> Usage | None:
        nodes = _nodes(self._shared.get().client)
        try:
            memory = {name: node.info("memory") for name, node in nodes.items()}
            limits = [of_node["maxmemory"] for of_node in memory.values()]
            return Usage(
                entries=sum(node.dbsize() for node in nodes.values()),
                size_bytes=sum(of_node["used_memory"] for of_node in memory.values()),
                max_bytes=sum(limits) if all(limits) else None,
                advice=advice(memory, self._max_bytes),
                version=_version(next(iter(nodes.values())).info("server")),
            )
        except (ResponseError, KeyError):
            return None  # hosted servers may forbid the question, and those that are like Redis tell less

    def inspect(self, budget_seconds: float) -> Inspection:
        return Inspecting(_nodes(self._shared.get().client), budget_seconds).inspection()

    def reset(self, error: Exception) -> None:  # noqa: ARG002 - the protocol's
        """Connect anew next time: what still arrives on the old connections belongs to other questions."""
        self._disconnect()

    def close(self) -> None:
        if self._adviser is not None:
            self._adviser.join()
        self._disconnect()

    def _disconnect(self) -> None:
        connection = self._shared.take()
        if connection is not None:
            connection.close()

    def _run_on_locks(self, script: str, keys: Sequence[Key], *arguments: Any) -> None:
        self._run(
            [
                ("EVAL", script, len(of_tag), *map(_lock, of_tag), *arguments)
                for of_tag in _by_tag(keys).values()
            ]
        )

    def _run(self, commands: Sequence[tuple[Any, ...]]) -> list[Any]:
        """Answers of commands that go out together. Raises StoreFull for any that Redis has no room for."""
        client = self._shared.get().client
        try:
            is_cluster = isinstance(client, RedisCluster)
            answers = _routed(client, commands) if is_cluster else _sent(client.connection_pool, commands)
        except OutOfMemoryError as error:
            raise StoreFull("Redis has no room: give it a maxmemory-policy of allkeys-lru.") from error
        if self._first_answer.acquire(blocking=False):  # beside the reader, who has waited long enough
            self._adviser = threading.Thread(target=self._tell_advice, name="redis-advice", daemon=True)
            self._adviser.start()
        return answers

    def _tell_advice(self) -> None:
        with contextlib.suppress(Exception):  # a fault that matters will meet a reader as well
            usage = self.usage()
            if usage is not None and usage.advice is not None:
                log.warning("%s", usage.advice)


def _routed(client: Any, commands: Sequence[tuple[Any, ...]]) -> list[Any]:
    """Answers from a Cluster, each from the node of its tag."""
    if len(commands) == 1:
        return [client.execute_command(*commands[0])]
    pipeline = client.pipeline(transaction=False)
    for command in commands:
        pipeline.execute_command(*command)
    return list(pipeline.execute())


def _sent(pool: Any, commands: Sequence[tuple[Any, ...]]) -> list[Any]:
    """Answers from one server. A pipeline of redis-py's would do the same, and besides much that takes longer."""
    connection = pool.get_connection()
    try:
        connection.send_packed_command(connection.pack_commands(commands))
        answers = [_answer(connection) for _ in commands]
    except BaseException:
        connection.disconnect()  # what still arrives on it belongs to nobody
        raise
    finally:
        pool.release(connection)
    for answer in answers:
        if isinstance(answer, ResponseError):
            raise answer
    return answers


def _answer(connection: Any) -> Any:
    """The next answer; an error too, since more answers follow it."""
    try:
        return connection.read_response()
    except ResponseError as error:
        return error


def advice(memory: Mapping[str, Mapping[str, Any]], max_bytes: int) -> str | None:
    """What is wrong with how servers make room, and the commands that put it right; None if all is well.

    ``memory`` is each server's answer to INFO memory, by what to call it.
    """
    policies = {name: str(of_node["maxmemory_policy"]) for name, of_node in memory.items()}
    unbounded = [name for name, of_node in memory.items() if not of_node["maxmemory"]]
    careless = {name: policy for name, policy in policies.items() if policy not in _GOOD_POLICIES}
    problems, commands = [], []
    if unbounded:
        problems.append(
            f"{', '.join(unbounded)}: no maxmemory is set, so it grows until the machine has no memory left, "
            "and the system ends it."
        )
        commands.append(f"CONFIG SET maxmemory {max_bytes // len(memory)}")
    if careless:
        problems.append(
            f"{', '.join(careless)}: the maxmemory-policy is {' or '.join(sorted(set(careless.values())))}, "
            "so when it is full it refuses new answers, or drops some that are in use."
        )
        commands.append("CONFIG SET maxmemory-policy allkeys-lru")
    return f"{' '.join(problems)} Run there: {'; '.join(commands)}" if problems else None


def _by_tag(keys: Sequence[Key]) -> dict[str, list[Key]]:
    by_tag: defaultdict[str, list[Key]] = defaultdict(list)
    for key in keys:
        by_tag[key.tag].append(key)
    return by_tag


def _version(server: Mapping[str, Any]) -> str | None:
    """``Valkey 9.1.2``, from a server's answer to INFO server."""
    for name in ("Valkey", "Redis"):
        if version := server.get(f"{name.lower()}_version"):
            return f"{name} {version}"
    return None


def _milliseconds(seconds: float) -> int:
    return max(1, round(seconds * 1_000))


def _checked(answer: Any, length: int) -> list[bytes | None]:
    """An MGET's answer, unless the server is none."""
    if not isinstance(answer, list) or len(answer) != length:
        raise TypeError(f"Redis answered with {type(answer).__name__} instead of {length} values.")
    return [one if isinstance(one, bytes) else None for one in answer]


def _nodes(client: Any) -> dict[str, Any]:
    """A client for each server that has values of its own, by what to call it."""
    if isinstance(client, RedisCluster):
        primaries = client.get_primaries()  # type: ignore[no-untyped-call]
        return {f"Redis at {node.name}": node.redis_connection for node in primaries}
    return {"Redis": client}


def _name(key: Key) -> str:
    return f"daybook:{FORMAT}:{{{key.tag}}}:{key.digest}:{key.version}"


def _latest(key: Key) -> str:
    return f"daybook:{FORMAT}:{{{key.tag}}}:{key.digest}:latest"


def _lock(key: Key) -> str:
    return f"{_name(key)}:lock"
