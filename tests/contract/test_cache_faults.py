"""Whatever happens to the store below, no exception reaches a reader and no wrong answer is served."""

import contextlib
import pickle
import shutil
import signal
import socket
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from redis import Redis

from dashboard.cache import Backend, Key, Miss, Pace, Reason, Value, key, latest
from dashboard.cache.disk import DiskStore
from dashboard.cache.latest import Latest
from tests import servers
from tests.answers import answer, found, hit, last_good, miss, store
from tests.servers import Server, free_port, wait_until

Opener = Callable[..., Backend]

KEY = key("business/daily_sales", 1)
NEVER = 1_000.0  # seconds: the breaker does not try again within a test
SOON = 0.02


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[Server]:
    with servers.single(tmp_path / "valkey") as server:
        yield server


@pytest.fixture
def open_redis(valkey: Server, open_store: Opener) -> Opener:
    return lambda **chosen: open_store(
        redis_url=f"redis://127.0.0.1:{valkey.port}", **{"redis_timeout_seconds": 1.0, **chosen}
    )


def use_in_every_way(cache: Backend) -> None:
    """None of this may raise, and without a store there is nothing to find."""
    assert found(cache, KEY) == Miss(Reason.UNAVAILABLE)
    assert last_good(cache, KEY) is None
    cache.set_many({KEY: answer()})
    with cache.lock([KEY], 60) as locks:
        assert (locks.mine, locks.owners) == ({KEY}, {})  # rather computed twice than never
    assert cache.stats().entries is None


def recovers(cache: Backend, key: Key) -> None:
    """After a while it is used again."""

    def works() -> bool:
        store(cache, key)
        return isinstance(found(cache, key), Value) and cache.stats().is_available

    wait_until(works, "the cache recovers")


def is_unavailable(cache: Backend, key: Key) -> bool:
    one = found(cache, key)
    return isinstance(one, Miss) and one.reason is Reason.UNAVAILABLE


@pytest.mark.parametrize("form", ["redis://{}", "redis+cluster://{}", "redis+sentinel://{}/daybook"])
def test_a_server_that_is_not_there_is_asked_once(open_store: Opener, form: str) -> None:
    cache = open_store(redis_url=form.format(f"127.0.0.1:{free_port()}"), redis_retry_seconds=NEVER)
    for _ in range(5):
        use_in_every_way(cache)
    assert sum(cache.stats().faults.values()) == 1
    assert not cache.stats().is_available


def test_a_killed_server_is_missed_and_its_successor_found(valkey: Server, open_redis: Opener) -> None:
    cache = open_redis(redis_retry_seconds=SOON)
    store(cache, KEY)
    valkey.stop()
    assert miss(cache, KEY).reason is Reason.UNAVAILABLE
    valkey.start()
    wait_until(lambda: miss(cache, KEY).reason is Reason.COLD, "the empty successor is asked")
    recovers(cache, KEY)


def test_a_hung_server_costs_one_timeout(valkey: Server, open_redis: Opener) -> None:
    patient, eager = open_redis(redis_retry_seconds=NEVER), open_redis(redis_retry_seconds=SOON)
    store(patient, KEY)
    valkey.signal(signal.SIGSTOP)
    for _ in range(20):
        use_in_every_way(patient)
    assert patient.stats().faults == {"TimeoutError": 1}
    assert miss(eager, KEY).reason is Reason.UNAVAILABLE
    valkey.signal(signal.SIGCONT)
    wait_until(lambda: isinstance(found(eager, KEY), Value), "the server is used again")


def test_a_cluster_goes_on_with_what_the_replicas_of_a_dead_master_hold(
    tmp_path: Path, open_store: Opener
) -> None:
    keys = [key(f"tag/{n}") for n in range(12)]  # on all three masters
    with servers.cluster(tmp_path / "cluster", node_timeout_ms=1_000) as nodes:
        hosts = ",".join(f"127.0.0.1:{node.port}" for node in nodes)
        cache = open_store(redis_url=f"redis+cluster://{hosts}", redis_retry_seconds=SOON)
        for one in keys:
            store(cache, one)
        for master in nodes[:3]:
            master.ask("WAIT", 1, 5_000)
        nodes[0].stop()
        wait_until(lambda: all(isinstance(one, Value) for one in cache.get_many(keys)), "a replica took over")


def test_an_answer_that_comes_too_late_is_not_taken_for_the_next_one(
    valkey: Server, open_redis: Opener
) -> None:
    cache = open_redis(redis_retry_seconds=SOON)
    for n in range(2):
        store(cache, key("a", n), version=n)
    valkey.signal(signal.SIGSTOP)
    assert is_unavailable(cache, key("a", 0))
    valkey.signal(signal.SIGCONT)
    wait_until(lambda: not is_unavailable(cache, key("a", 1)), "the server is used again")
    assert [hit(cache, key("a", n)).version for n in range(2)] == [0, 1]


def test_a_lock_that_could_not_be_prolonged_ends_and_its_owner_works_on(
    valkey: Server, open_redis: Opener, caplog: pytest.LogCaptureFixture
) -> None:
    owner, other, third = open_redis(redis_retry_seconds=NEVER), open_redis(), open_redis()
    with owner.lock([KEY], 0.3) as locks:
        assert locks.mine == {KEY}
        valkey.signal(signal.SIGSTOP)
        stopped = time.monotonic()
        wait_until(lambda: "going on without it" in caplog.text, "an attempt to prolong has failed")
        wait_until(lambda: time.monotonic() > stopped + 0.4, "the lock's lifetime is over")
        valkey.signal(signal.SIGCONT)
        with other.lock([KEY], 60) as taken:
            assert taken.mine == {KEY}
            with third.lock([KEY], 60) as asked:
                assert asked.owners == {KEY: taken.token}
    assert owner.stats().faults == {"TimeoutError": 1}


def test_a_full_server_is_read_from_but_not_written_to(valkey: Server, open_redis: Opener) -> None:
    cache = open_redis(redis_retry_seconds=NEVER)
    store(cache, KEY, version=1)
    valkey.ask("CONFIG", "SET", "maxmemory-policy", "noeviction", "maxmemory", "1mb")
    store(cache, KEY, version=2)
    assert hit(cache, KEY).version == 1
    assert cache.stats().faults == {"StoreFull": 1}
    with cache.lock([KEY], 60) as locks:
        assert locks.mine == {KEY}
    assert found(cache, key("never/read")) == Miss(Reason.COLD)
    assert cache.stats().is_available


@pytest.fixture
def configure(cluster_nodes: list[Server]) -> Iterator[Callable[..., None]]:
    """Set how much memory some nodes may take, and what they do when it is full, for one test."""

    def configured(nodes: list[Server], maxmemory: str, policy: str) -> None:
        for node in nodes:
            node.ask("CONFIG", "SET", "maxmemory-policy", policy, "maxmemory", maxmemory)

    yield configured
    configured(cluster_nodes, "0", "noeviction")


def test_full_nodes_of_a_cluster_are_read_from_but_not_written_to(
    cluster_nodes: list[Server], cluster_url: str, configure: Callable[..., None], open_store: Opener
) -> None:
    keys = [key(f"full/{n}") for n in range(12)]  # on all three masters
    cache = open_store(redis_url=cluster_url, redis_retry_seconds=NEVER)
    cache.set_many({one: answer(version=1) for one in keys})
    configure(cluster_nodes, "1mb", "noeviction")
    cache.set_many({one: answer(version=2) for one in keys})
    assert [one.version for one in cache.get_many(keys) if isinstance(one, Value)] == [1] * 12
    with cache.lock(keys, 60) as locks:
        assert locks.mine == set(keys)
    assert cache.stats().faults == {"StoreFull": 2}
    assert cache.stats().is_available


def test_a_server_that_makes_room_is_told_from_one_that_was_restarted(
    valkey: Server, open_redis: Opener
) -> None:
    cache = open_redis()
    keys = [key("tag", n) for n in range(200)]
    valkey.ask("CONFIG", "SET", "maxmemory-policy", "allkeys-lru", "maxmemory", "3mb")
    rows = pl.DataFrame({"n": range(5_000)})
    for one in keys:
        store(cache, one, rows)
    assert cache.stats().faults == {}
    gone = [one.reason for one in cache.get_many(keys) if isinstance(one, Miss)]
    assert Reason.EVICTED in gone
    assert set(gone) <= {Reason.EVICTED, Reason.COLD}  # the record of an answer may have to go as well
    assert hit(cache, keys[-1]).rows.equals(rows)


def latest_name(server: Server) -> bytes:
    [name] = server.ask("KEYS", "*:latest")
    assert isinstance(name, bytes)
    return name


def test_a_damaged_record_of_what_was_stored_last_is_none(valkey: Server, open_redis: Opener) -> None:
    cache = open_redis()
    asked = key(KEY.tag, 1, version=4)
    store(cache, asked)
    name = latest_name(valkey)
    good = valkey.ask("GET", name)
    other = latest.encode(key(KEY.tag, 2), Latest(4, 1e12))
    flipped = bytes([*good[:6], good[6] ^ 1, *good[7:]])
    for forged in (b"", good[:-1], good + b"\0", flipped, other, b"DYBK" + good[4:], pickle.dumps(good)):
        valkey.ask("SET", name, forged)
        assert miss(cache, asked.at(5)).reason is Reason.COLD
        assert last_good(cache, asked.at(5)) is None
        assert hit(cache, asked).version == 7
        assert last_good(cache, asked) is not None
    store(cache, asked)
    assert miss(cache, asked.at(5)).reason is Reason.VERSION
    assert cache.stats().faults == {}


@pytest.mark.parametrize("ends", [float("nan"), float("inf"), -float("inf"), 1e308, 0.0])
@pytest.mark.parametrize("version", [2**63 - 1, -(2**63), 5])
def test_a_forged_record_leads_nowhere(valkey: Server, open_redis: Opener, version: int, ends: float) -> None:
    cache = open_redis()
    asked = key(KEY.tag, 1, version=4)
    store(cache, asked)
    valkey.ask("SET", latest_name(valkey), latest.encode(asked, Latest(version, ends)))
    for one in (asked.at(5), asked.at(-(2**63))):
        assert miss(cache, one).reason in {Reason.VERSION, Reason.EVICTED, Reason.EXPIRED}
        assert last_good(cache, one) is None
    assert last_good(cache, asked) is not None
    assert hit(cache, asked).version == 7


def test_a_damaged_answer_is_not_the_last_good_one(valkey: Server, open_redis: Opener) -> None:
    cache = open_redis()
    store(cache, KEY)
    [name] = valkey.ask("KEYS", f"*{KEY.digest}:0")
    for data in damaged(valkey.ask("GET", name)):
        valkey.ask("SET", name, data)
        assert cache.last_good([KEY, KEY.at(1)]) == [None, None]


def test_a_wrong_password_is_no_exception_and_not_logged(
    valkey: Server, open_store: Opener, caplog: pytest.LogCaptureFixture
) -> None:
    valkey.ask("CONFIG", "SET", "requirepass", "right-one")
    use_in_every_way(open_store(redis_url=f"redis://:wrong-one@127.0.0.1:{valkey.port}"))
    assert "going on without it" in caplog.text
    assert "wrong-one" not in caplog.text
    store(cache := open_store(redis_url=f"redis://:right-one@127.0.0.1:{valkey.port}"), KEY)
    assert hit(cache, KEY).version == 7


@contextlib.contextmanager
def impostor(reply: bytes) -> Iterator[tuple[int, list[socket.socket]]]:
    """A port where everything is answered with ``reply``, and the connections made to it."""
    connections: list[socket.socket] = []

    def serve(connection: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while connection.recv(65_536):
                connection.sendall(reply)

    def listen() -> None:
        with contextlib.suppress(OSError):
            while True:
                connections.append(listener.accept()[0])
                threads.append(threading.Thread(target=serve, args=(connections[-1],)))
                threads[-1].start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threads = [threading.Thread(target=listen)]
        threads[0].start()
        yield listener.getsockname()[1], connections
        listener.shutdown(socket.SHUT_RDWR)
        threads[0].join()
    for connection in connections:
        with contextlib.suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)
    for thread in threads[1:]:
        thread.join()
    for connection in connections:
        connection.close()


@pytest.mark.parametrize(
    "reply",
    [
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"\x80\x04K*.",
        b"+OK\r\n",
        b":1\r\n",
        b"$-1\r\n",
        b"*0\r\n",
        b"*2\r\n*0\r\n*0\r\n",
        b"*1000\r\n",
        b"$999999999999\r\n",
        b"-ERR no\r\n",
        b"-MOVED 1 nowhere:1\r\n",
        b"-LOADING wait\r\n",
        b"",
    ],
)
@pytest.mark.parametrize("form", ["redis://{}", "redis+cluster://{}", "redis+sentinel://{}/daybook"])
def test_garbage_is_a_miss_and_is_asked_for_once(open_store: Opener, form: str, reply: bytes) -> None:
    with impostor(reply) as (port, connections):
        url = form.format(f"127.0.0.1:{port}")
        cache = open_store(redis_url=url, redis_retry_seconds=NEVER, redis_timeout_seconds=0.1)
        for _ in range(10):
            assert isinstance(found(cache, KEY), Miss)
            assert last_good(cache, KEY) is None
            store(cache, KEY)
            with cache.lock([KEY], 60) as locks:
                assert locks.mine == {KEY}
            cache.stats()
        assert len(connections) <= 3
        cache.close()


def damaged(data: bytes) -> list[bytes]:
    flipped = bytes([*data[:60], data[60] ^ 1, *data[61:]])
    return [
        b"",
        data[:20],
        data[:-1],
        data + b"\0",
        flipped,
        data[:4] + b"\x63" + data[5:],
        pickle.dumps(data),
    ]


def test_a_damaged_value_in_redis_is_a_miss_and_is_replaced(valkey: Server, open_redis: Opener) -> None:
    cache = open_redis()
    store(cache, KEY)
    [name] = valkey.ask("KEYS", f"*{KEY.digest}:0")
    for data in damaged(valkey.ask("GET", name)):
        valkey.ask("SET", name, data)
        assert miss(cache, KEY).reason is Reason.DAMAGED
        store(cache, KEY)
        assert hit(cache, KEY).version == 7


def test_a_value_under_another_s_key_is_damaged(valkey: Server, open_redis: Opener) -> None:
    cache = open_redis()
    store(cache, KEY)
    other = key(KEY.tag, "other")
    [name] = valkey.ask("KEYS", f"*{KEY.digest}:0")
    valkey.ask("COPY", name, name.decode().replace(KEY.digest, other.digest))
    assert miss(cache, other).reason is Reason.DAMAGED


def test_names_of_another_type_in_redis_are_misses(valkey: Server, open_redis: Opener) -> None:
    cache = open_redis()
    store(cache, KEY)
    for name in valkey.ask("KEYS", "*"):
        valkey.ask("DEL", name)
        valkey.ask("LPUSH", name, "stranger")
    assert isinstance(found(cache, KEY), Miss)
    store(cache, KEY)
    assert hit(cache, KEY).version == 7


class Bomb:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.marker,)


@pytest.fixture
def bomb(tmp_path: Path) -> Iterator[bytes]:
    """A live one: the test fails if anybody unpickles it."""
    marker = tmp_path / "exploded"
    data = pickle.dumps(Bomb(marker))
    pickle.loads(data)
    marker.unlink()
    yield data
    assert not marker.exists()


def test_a_forged_pickle_in_redis_is_not_unpickled(valkey: Server, open_redis: Opener, bomb: bytes) -> None:
    cache = open_redis()
    store(cache, KEY)
    for name in valkey.ask("KEYS", "*"):
        valkey.ask("SET", name, bomb)
    assert miss(cache, KEY).reason is Reason.DAMAGED


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data" / "cache"


@contextlib.contextmanager
def rows_of(folder: Path) -> Iterator[sqlite3.Connection]:
    """The cache's database, as a stranger sees it."""
    with contextlib.closing(sqlite3.connect(folder / "cache.db", isolation_level=None)) as connection:
        yield connection


@pytest.mark.parametrize("mode", range(6))
def test_a_forged_pickle_on_disk_is_not_unpickled(
    open_store: Opener, folder: Path, bomb: bytes, mode: int
) -> None:
    cache = open_store()
    store(cache, KEY)
    with rows_of(folder) as database:
        database.execute("UPDATE Cache SET mode = ?, value = ?", (mode, bomb))
        assert isinstance(found(cache, KEY), Miss)
        (folder / "forged.val").write_bytes(bomb)
        database.execute("UPDATE Cache SET mode = ?, value = NULL, filename = 'forged.val'", (mode,))
    assert isinstance(found(cache, KEY), Miss)
    store(cache, KEY)
    assert hit(cache, KEY).version == 7


def test_a_forged_file_name_on_disk_is_neither_read_nor_removed(open_store: Opener, folder: Path) -> None:
    cache = open_store()
    store(cache, KEY)
    treasure = folder.parent / "treasure"
    treasure.write_text("mine")
    with rows_of(folder) as database:
        database.execute("UPDATE Cache SET mode = 2, value = NULL, filename = '../treasure'")
    assert isinstance(found(cache, KEY), Miss)
    store(cache, KEY)
    assert treasure.read_text() == "mine"


def test_a_damaged_value_on_disk_is_a_miss_and_is_replaced(open_store: Opener, folder: Path) -> None:
    cache = open_store()
    store(cache, KEY)
    with rows_of(folder) as database:
        where = "WHERE key LIKE ?", (f"%{KEY.digest}:0",)
        [(data,)] = database.execute(f"SELECT value FROM Cache {where[0]}", where[1])
        for forged in [*damaged(data), "text", 7, 0.5]:
            database.execute(f"UPDATE Cache SET value = ? {where[0]}", (forged, *where[1]))
            assert miss(cache, KEY).reason is Reason.DAMAGED
            store(cache, KEY)
            assert hit(cache, KEY).version == 7


def test_a_deleted_folder_is_made_again(open_store: Opener, folder: Path) -> None:
    cache = open_store()
    store(cache, KEY)
    shutil.rmtree(folder)
    assert miss(cache, KEY).reason is Reason.COLD
    store(cache, KEY)
    assert hit(cache, KEY).version == 7
    assert (folder / "cache.db").exists()


def test_two_processes_meet_again_after_their_folder_was_deleted(open_store: Opener, folder: Path) -> None:
    one, other = open_store(), open_store()
    store(one, KEY)
    hit(other, KEY)
    shutil.rmtree(folder)
    store(one, KEY, version=8)
    assert hit(other, KEY).version == 8


def test_a_file_in_the_folder_s_place_is_lived_with(open_store: Opener, folder: Path) -> None:
    cache = open_store(redis_retry_seconds=SOON)
    store(cache, KEY)
    shutil.rmtree(folder)
    folder.write_text("not a folder")
    use_in_every_way(cache)
    use_in_every_way(open_store())
    assert folder.read_text() == "not a folder"
    folder.unlink()
    recovers(cache, KEY)


@pytest.mark.parametrize("is_open", [True, False])
@pytest.mark.parametrize("size", [0, 100, 5_000, 200_000])
def test_a_database_of_garbage_is_replaced(
    open_store: Opener, folder: Path, size: int, is_open: bool
) -> None:
    writer = open_store()
    rows = store(writer, KEY, pl.DataFrame({"n": range(5_000)})).rows
    cache = open_store(redis_retry_seconds=SOON)
    if is_open:
        hit(cache, KEY)
    writer.close()
    for name in ("cache.db-wal", "cache.db-shm"):
        (folder / name).unlink(missing_ok=True)
    (folder / "cache.db").write_bytes(b"garbage!" * (size // 8))
    one = found(cache, KEY)
    assert isinstance(one, Miss) or one.rows.equals(rows)  # SQLite may still have it in memory
    recovers(cache, KEY)


@pytest.mark.parametrize(
    "forgery",
    [
        "DROP TABLE Cache",
        "DROP TABLE Settings",
        "INSERT INTO Settings VALUES ('disk_evil', 1)",
        "UPDATE Settings SET value = 'nonsense'",
        "DELETE FROM Settings",
        "ALTER TABLE Cache RENAME COLUMN value TO worth",
    ],
)
@pytest.mark.parametrize("is_open", [True, False])
def test_a_database_of_another_make_is_lived_with(
    open_store: Opener, folder: Path, forgery: str, is_open: bool
) -> None:
    store(open_store(), KEY)
    cache = open_store(redis_retry_seconds=SOON)
    if is_open:
        hit(cache, KEY)
    with rows_of(folder) as database:
        database.execute(forgery)
    found(cache, KEY)
    recovers(cache, KEY)


def test_a_hung_process_holds_up_one_write_and_no_reader(open_store: Opener, folder: Path) -> None:
    store(open_store(), KEY)
    opened, eager = open_store(redis_retry_seconds=NEVER), open_store(redis_retry_seconds=SOON)
    hit(opened, KEY)
    hit(eager, KEY)
    with rows_of(folder) as hung:
        hung.execute("BEGIN IMMEDIATE")
        value = hit(opened, KEY)
        opened.set_many({KEY: value})
        for _ in range(5):
            use_in_every_way(opened)
        assert opened.stats().faults == {"Timeout": 1}
        eager.set_many({KEY: value})
        wait_until(lambda: isinstance(found(eager, KEY), Value), "it is read again")
        assert is_unavailable(open_store(), KEY)  # can't even be opened
        hung.execute("ROLLBACK")
    recovers(eager, KEY)


def limit_to_present_size(cache: Backend) -> None:
    """SQLite's own limit stands in for the file system's, and gives the same error."""
    disk = cache._store  # type: ignore[attr-defined]
    assert isinstance(disk, DiskStore)
    sql = disk._cache()._sql
    [(pages,)] = sql("PRAGMA page_count").fetchall()
    sql(f"PRAGMA max_page_count = {pages}").fetchall()


def test_a_full_disk_is_counted_and_read_from(open_store: Opener) -> None:
    cache = open_store(redis_retry_seconds=NEVER)
    store(cache, KEY, version=1)
    limit_to_present_size(cache)
    large = pl.DataFrame({"n": range(5_000)})
    cache.set_many({key(KEY.tag, "large"): answer(large)})
    assert cache.stats().faults == {"StoreFull": 1}
    assert hit(cache, KEY).version == 1


def test_a_full_disk_is_no_reason_to_lose_what_is_on_it(open_store: Opener) -> None:
    cache = open_store(redis_retry_seconds=NEVER)
    store(cache, KEY)
    limit_to_present_size(cache)
    for n in range(200):
        assert isinstance(found(cache, key(f"new/{'x' * 150}/{n}")), Miss)
    assert hit(cache, KEY).version == 7
    assert cache.stats().is_available


def test_an_answer_too_large_for_the_disk_is_counted(open_store: Opener) -> None:
    cache = open_store(cache_max_bytes=100_000)
    store(cache, KEY, pl.DataFrame({"n": range(5_000)}))
    assert miss(cache, KEY).reason is Reason.COLD
    assert cache.stats().faults == {"StoreFull": 1}


def commands(advice: str) -> list[list[str]]:
    return [command.split() for command in advice.partition("Run there: ")[2].split("; ")]


def test_a_server_that_is_not_set_up_as_a_cache_is_told_of_once(
    valkey: Server, open_redis: Opener, caplog: pytest.LogCaptureFixture
) -> None:
    cache = open_redis(cache_max_bytes=50_000_000)
    store(cache, KEY)
    wait_until(lambda: "no maxmemory" in caplog.text, "it is logged")
    hit(cache, KEY)
    cache.close()
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    advice = cache.stats().advice
    assert advice is not None
    assert "noeviction" in advice
    for command in commands(advice):
        valkey.ask(*command)
    assert (cache.stats().advice, cache.stats().max_bytes) == (None, 50_000_000)
    valkey.ask("CONFIG", "SET", "maxmemory-policy", "volatile-ttl")
    assert commands(cache.stats().advice or "") == [["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"]]


def test_each_node_of_a_cluster_is_looked_at(
    cluster_nodes: list[Server], cluster_url: str, configure: Callable[..., None], open_store: Opener
) -> None:
    cache = open_store(redis_url=cluster_url)
    configure(cluster_nodes, "100mb", "allkeys-lfu")
    assert cache.stats().advice is None
    configure(cluster_nodes[1:2], "0", "allkeys-lfu")
    advice = cache.stats().advice or ""
    assert str(cluster_nodes[1].port) in advice
    assert str(cluster_nodes[0].port) not in advice
    assert commands(advice) == [["CONFIG", "SET", "maxmemory", str(2_000_000_000 // 3)]]


def test_an_operator_without_the_right_to_ask_for_sizes_still_has_a_cache(
    valkey: Server, open_redis: Opener
) -> None:
    valkey.ask("ACL", "SETUSER", "default", "-info")
    cache = open_redis(redis_retry_seconds=NEVER)
    store(cache, KEY)
    assert (cache.stats().size_bytes, cache.stats().advice) == (None, None)
    assert cache.stats().is_available
    assert hit(cache, KEY).version == 7


def test_how_soon_it_answers_readers_is_told_and_what_operators_ask_does_not_count(
    valkey: Server, open_redis: Opener
) -> None:
    cache = open_redis(redis_timeout_seconds=10.0)
    assert cache.stats().pace == Pace()
    store(cache, KEY)
    hit(cache, KEY)
    valkey.signal(signal.SIGSTOP)
    threading.Timer(0.3, valkey.signal, (signal.SIGCONT,)).start()
    hit(cache, KEY)
    cache.inspect(NEVER)
    told = cache.stats().pace
    assert told is not None
    assert told.operations == 3
    assert 200 < told.worst_ms < 10_000
    assert told.mean_ms < told.worst_ms


def test_a_server_that_is_like_redis_and_tells_less_is_a_cache_all_the_same(
    open_redis: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Redis, "info", lambda *_: {"used_memory": 1})
    cache = open_redis(redis_retry_seconds=NEVER)
    store(cache, KEY)
    assert (cache.stats().size_bytes, cache.stats().faults) == (None, {})
    told = cache.inspect(NEVER)
    assert told is not None
    assert (told.servers[0].policy, told.seen) == (None, 2)
    assert hit(cache, KEY).version == 7
