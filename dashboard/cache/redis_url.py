"""REDIS_URL: what it may say, and connections made of it, each with timeouts and without retries."""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, TypeAlias
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from redis import Redis
from redis.backoff import NoBackoff
from redis.cluster import ClusterNode, RedisCluster
from redis.retry import Retry
from redis.sentinel import Sentinel

from dashboard.errors import SettingsError

Layout: TypeAlias = Literal["single", "cluster", "sentinel"]

_SCHEMES: dict[str, tuple[Layout, bool]] = {
    "redis": ("single", False),
    "rediss": ("single", True),
    "redis+cluster": ("cluster", False),
    "rediss+cluster": ("cluster", True),
    "redis+sentinel": ("sentinel", False),
    "rediss+sentinel": ("sentinel", True),
}
_FORMS: dict[Layout, str] = {
    "single": "redis://[user:password@]host[:port][/database]",
    "cluster": "redis+cluster://[user:password@]host[:port][,host[:port]…]",
    "sentinel": "redis+sentinel://[user:password@]host[:port][,host[:port]…]/service[/database]",
}
_TLS_OPTIONS = {"ssl_ca_certs", "ssl_certfile", "ssl_keyfile", "ssl_cert_reqs"}
_SENTINEL_OPTIONS = {"sentinel_username", "sentinel_password"}
_NO_RETRY = Retry(NoBackoff(), 0)  # the breaker decides when to try again


@dataclass(frozen=True, slots=True)
class Address:
    """A REDIS_URL, taken apart. Its text form holds no password."""

    layout: Layout
    hosts: tuple[tuple[str, int], ...]
    service: str = ""
    database: int = 0
    login: dict[str, Any] = field(default_factory=dict, repr=False)
    sentinel_login: dict[str, Any] = field(default_factory=dict, repr=False)
    tls: dict[str, Any] = field(default_factory=dict)


class Connection(NamedTuple):
    """A client, and what closes it with everything that belongs to it."""

    client: Any  # Redis or RedisCluster; half of their methods have no types
    close: Callable[[], None]


def parse(url: str) -> Address:
    """The servers that a URL names. Raises SettingsError, whose message shows no part that may be a password."""
    layout, has_tls = _SCHEMES.get(url.partition("://")[0], (None, False))
    if layout is None:
        raise SettingsError(
            f"REDIS_URL must begin with one of {', '.join(f'{name}://' for name in _SCHEMES)}."
        )
    parts = _split(layout, url)
    login, _, hosts = parts.netloc.rpartition("@")
    service, database = _path(layout, parts.path.strip("/"))
    options = dict(parse_qsl(parts.query))
    known = (_TLS_OPTIONS if has_tls else set()) | (_SENTINEL_OPTIONS if layout == "sentinel" else set())
    for name in options.keys() - known:
        raise _wrong(layout, f"can't have the option {name}")
    return Address(
        layout=layout,
        hosts=_hosts(layout, hosts),
        service=service,
        database=database,
        login=_login(*map(unquote, login.partition(":")[::2])),
        sentinel_login=_login(options.pop("sentinel_username", ""), options.pop("sentinel_password", "")),
        tls={"ssl": True, **options} if has_tls else {},
    )


def connect(address: Address, timeout_seconds: float) -> Connection:
    """A client for these servers. Only a Cluster is contacted at once, for its map of slots."""
    common = {
        "socket_timeout": timeout_seconds,
        "socket_connect_timeout": timeout_seconds,
        "protocol": 2,  # without a driver's name, RESP 2 connects without a single round trip
        "driver_info": None,
        **address.tls,
    }
    match address.layout:
        case "cluster":
            nodes = [ClusterNode(*host) for host in address.hosts]  # type: ignore[no-untyped-call]
            cluster = RedisCluster(startup_nodes=nodes, retry=_NO_RETRY, **common, **address.login)
            return Connection(cluster, cluster.close)
        case "sentinel":
            return _behind_sentinel(address, {**common, "retry": _NO_RETRY})
        case "single":
            [(host, port)] = address.hosts
            single = Redis(host, port, address.database, retry=_NO_RETRY, **common, **address.login)
            return Connection(single, single.close)


def _behind_sentinel(address: Address, common: dict[str, Any]) -> Connection:
    servers: Any = Sentinel(  # type: ignore[no-untyped-call]
        address.hosts, sentinel_kwargs={**common, **address.sentinel_login}
    )
    master = servers.master_for(address.service, db=address.database, **common, **address.login)
    closing = contextlib.ExitStack()
    closing.callback(servers.close)
    closing.callback(master.close)
    return Connection(master, closing.close)


def _split(layout: Layout, url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
    except ValueError:
        raise _unreadable(layout) from None
    if "@" in f"{parts.path}{parts.query}{parts.fragment}":  # a password went on where the host should end
        raise _unreadable(layout)
    return parts


def _hosts(layout: Layout, text: str) -> tuple[tuple[str, int], ...]:
    default_port = 26379 if layout == "sentinel" else 6379
    hosts = []
    for host in text.split(","):
        try:
            name, port = (parts := urlsplit(f"//{host}")).hostname, parts.port
        except ValueError:
            name = port = None
        if not name:
            raise _unreadable(layout)
        hosts.append((name, port or default_port))
    if layout == "single" and len(hosts) > 1:
        raise _wrong("cluster", "names several hosts, which takes redis+cluster:// or redis+sentinel://")
    return tuple(hosts)


def _path(layout: Layout, path: str) -> tuple[str, int]:
    """Service and database."""
    service, _, database = path.partition("/") if layout == "sentinel" else ("", "", path)
    if layout == "sentinel" and not service:
        raise _wrong(layout, "names no service")
    if database and not (database.isascii() and database.isdigit()):
        raise _wrong(layout, "names a database that is not a number")
    if layout == "cluster" and int(database or 0):
        raise _wrong(layout, "names a database: a Cluster only has number 0")
    return service, int(database or 0)


def _login(username: str, password: str) -> dict[str, Any]:
    login = {"username": username, "password": password}
    return {name: text for name, text in login.items() if text}


def _unreadable(layout: Layout) -> SettingsError:
    return _wrong(
        layout, "can't be read: is a host or port missing, or @ : / ? # in a password not written as %40 …"
    )


def _wrong(layout: Layout, problem: str) -> SettingsError:
    return SettingsError(f"REDIS_URL {problem}. Write it as {_FORMS[layout]}.")
