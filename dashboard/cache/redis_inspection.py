"""What Redis servers tell of themselves, and of the entries that a bounded SCAN meets. Never KEYS."""

import re
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, TypeVar

from redis.exceptions import ResponseError

from dashboard.cache.inspection import Entry, Inspection, Server, SlowCommand, Tally
from dashboard.cache.value import FORMAT, HEAD_BYTES, created_of

_PREFIX = f"daybook:{FORMAT}:"
_NAME = re.compile(rf"{_PREFIX}\{{([^{{}}]*)\}}:([0-9a-f]+:\d+)(:lock)?|{_PREFIX}\{{([^{{}}]*)\}}:.*")
_BATCH = 500  # entries that one SCAN looks at: a fraction of a millisecond of the server's time
_SLOWEST = 10

T = TypeVar("T")


class Inspecting:
    """One look at all servers, which ends at a deadline. Raises RedisError while one of them does not answer."""

    def __init__(self, nodes: Mapping[str, Any], budget_seconds: float) -> None:
        self._nodes = nodes
        self._deadline = time.monotonic() + budget_seconds
        self._tally = Tally()
        self._gaps: dict[str, None] = {}  # each once, in order
        self._refused: set[str] = set()
        self._clients: dict[Entry, Any] = {}
        self._is_complete = True

    def inspection(self) -> Inspection:
        servers = [self._server(name, node) for name, node in self._nodes.items()]
        slow = [one for name, node in self._nodes.items() for one in self._slow(name, node)]
        for left, node in zip(range(len(self._nodes), 0, -1), self._nodes.values(), strict=True):
            now = time.monotonic()
            self._scan(node, now + (self._deadline - now) / left)  # what one leaves over is the others'
        return Inspection(
            servers=tuple(servers),
            slow=tuple(sorted(slow, key=lambda one: -one.milliseconds)[:_SLOWEST]),
            tags=self._tally.tags,
            biggest=self._dated(self._tally.biggest),
            seen=self._tally.seen,
            is_complete=self._is_complete,
            gaps=tuple(self._gaps),
        )

    def _asked(self, command: str, ask: Callable[[], T]) -> T | None:
        """An answer; None if the server forbids the question, which is then a gap. It is not asked again."""
        if command in self._refused:
            return None
        try:
            return ask()
        except ResponseError as error:
            self._refused.add(command)
            reason = str(error).strip().rstrip(".")
            self._gaps[f"Redis refuses {command} ({reason}): allow it to this user, with ACL SETUSER."] = None
            return None

    def _server(self, name: str, node: Any) -> Server:
        told: Mapping[str, Any] = self._asked("INFO", node.info) or {}
        started = time.perf_counter()
        answered = self._asked("PING", node.ping)
        ping_ms = round((time.perf_counter() - started) * 1_000, 2) if answered is not None else None
        return Server(
            name=name,
            version=_text(told.get("valkey_version") or told.get("redis_version")),
            policy=_text(told.get("maxmemory_policy")),
            size_bytes=_number(told.get("used_memory")),
            max_bytes=_number(told.get("maxmemory")) or None,
            evicted=_number(told.get("evicted_keys")),
            expired=_number(told.get("expired_keys")),
            hits=_number(told.get("keyspace_hits")),
            misses=_number(told.get("keyspace_misses")),
            operations_per_second=_number(told.get("instantaneous_ops_per_sec")),
            clients=_number(told.get("connected_clients")),
            uptime_seconds=_number(told.get("uptime_in_seconds")),
            ping_ms=ping_ms,
        )

    def _slow(self, name: str, node: Any) -> list[SlowCommand]:
        told: Any = self._asked("SLOWLOG", lambda: node.slowlog_get(_SLOWEST))
        found = []
        for one in told if isinstance(told, list) else ():
            command, *arguments = _words(one.get("command")) or ["?"]
            found.append(
                SlowCommand(name, command, len(arguments), one["duration"] / 1_000, float(one["start_time"]))
            )
        return found

    def _scan(self, node: Any, deadline: float) -> None:
        cursor: Any = 0
        while time.monotonic() < deadline:
            answer = self._asked("SCAN", lambda at=cursor: node.scan(at, f"{_PREFIX}*", _BATCH))  # type: ignore[misc]
            if answer is None:
                self._is_complete = False
                return
            cursor, names = answer
            self._count(node, [*map(_text, names)])
            if not int(cursor):
                return
        self._is_complete = False

    def _count(self, node: Any, names: Sequence[str | None]) -> None:
        matches = [match for name in names if name and (match := _NAME.fullmatch(name))]
        sizes = self._sizes(node, [match[0] for match in matches])
        self._tally.seen += len(names)
        answers, others = [], dict[str, int]()
        for match, size_bytes in zip(matches, sizes, strict=True):
            if match[2] and not match[3]:
                answers.append(Entry(match[1], match[0], size_bytes))
            else:
                tag = match[1] or match[4]
                others[tag] = others.get(tag, 0) + size_bytes
        self._tally.add(answers)
        self._tally.add_bytes(others)
        self._clients.update((one, node) for one in self._tally.biggest if one in answers)

    def _sizes(self, node: Any, names: Sequence[str]) -> list[int]:
        """Bytes that each takes; of a server that does not tell, those of its value; 0 where neither is allowed."""
        for command, words in (("MEMORY USAGE", ("MEMORY", "USAGE")), ("STRLEN", ("STRLEN",))):
            told = self._asked(command, lambda words=words: _each(node, [(*words, name) for name in names]))  # type: ignore[misc]
            if told is not None:
                return [_number(one) or 0 for one in told]
        return [0] * len(names)

    def _dated(self, entries: Sequence[Entry]) -> tuple[Entry, ...]:
        """With the age of each, and the time that it has left."""
        left = self._each_told(entries, "PTTL")
        heads = self._each_told(entries, "GETRANGE", "0", str(HEAD_BYTES - 1))
        now = datetime.now(UTC)
        return tuple(
            one._replace(age_seconds=_age(heads.get(one), now), ends_seconds=_seconds(left.get(one)))
            for one in entries
        )

    def _each_told(self, entries: Sequence[Entry], command: str, *words: str) -> dict[Entry, Any]:
        """What one command says of each entry, asked at once of each server."""
        found: dict[Entry, Any] = {}
        for node in self._nodes.values():
            of_node = [one for one in entries if self._clients[one] is node]
            asked = [(command, one.name, *words) for one in of_node]
            told = self._asked(command, lambda node=node, asked=asked: _each(node, asked))  # type: ignore[misc]
            found.update(zip(of_node, told or (), strict=False))
        return found


def _each(node: Any, commands: Sequence[tuple[str, ...]]) -> list[Any]:
    """Answers to commands that go out together. Raises ResponseError for the first that is refused."""
    if not commands:
        return []
    pipeline = node.pipeline(transaction=False)
    for command in commands:
        pipeline.execute_command(*command)
    return list(pipeline.execute())


def _age(head: object, now: datetime) -> float | None:
    created = created_of(head) if isinstance(head, bytes) else None
    return max(0.0, (now - created).total_seconds()) if created else None


def _seconds(milliseconds: object) -> float | None:
    """None of what has no end, or is gone."""
    number = _number(milliseconds) or 0
    return number / 1_000 if number > 0 else None


def _words(command: object) -> list[str]:
    text = _text(command)
    return text.split(" ") if text else []


def _text(value: object) -> str | None:
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    return None if value is None else str(value)


def _number(value: object) -> int | None:
    with suppress(TypeError, ValueError):
        return int(value)  # type: ignore[call-overload, no-any-return]
    return None
