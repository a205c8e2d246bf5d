"""The query cache: values by key, in memory, in Redis, on a disk or nowhere. Knows neither SQL nor a page."""

from functools import partial

from dashboard.cache.blocks import blocks, months, runs
from dashboard.cache.contract import Backend, Fault, Locks, Miss, Reason, Stats
from dashboard.cache.disk import DiskStore
from dashboard.cache.inspection import BUDGET_SECONDS, Inspection, Server, TagUse
from dashboard.cache.key import Key, Part, key
from dashboard.cache.levels import Hit
from dashboard.cache.memory import MemoryCache
from dashboard.cache.null import NullCache
from dashboard.cache.pace import Pace
from dashboard.cache.reader import Reader
from dashboard.cache.store import Store, StoreCache
from dashboard.cache.value import Value
from dashboard.settings import Settings

__all__ = [
    "BUDGET_SECONDS",
    "Backend",
    "Fault",
    "Hit",
    "Inspection",
    "Key",
    "Locks",
    "Miss",
    "Pace",
    "Part",
    "Reader",
    "Reason",
    "Server",
    "Stats",
    "TagUse",
    "Value",
    "blocks",
    "key",
    "months",
    "open_levels",
    "runs",
]


def open_levels(settings: Settings) -> tuple[Backend, ...]:
    """The backends that the settings ask for, from the top down.

    Raises SettingsError; a server that is down is no error.
    """
    if settings.cache == "null":
        return (NullCache(),)
    memory = MemoryCache(settings.cache_memory_max_bytes, settings.cache_max_stale_seconds)
    if settings.cache == "memory":
        return (memory,)
    below = StoreCache(
        _store(settings),
        retry_seconds=settings.redis_retry_seconds,
        keep_stale_seconds=settings.cache_max_stale_seconds,
    )
    return memory, below


def _store(settings: Settings) -> Store:
    if settings.redis_url is None:
        return DiskStore(settings.data_dir / "cache", settings.cache_max_bytes)
    # Importing redis takes a quarter of a second, which programs without one need not wait.
    from dashboard.cache.redis import RedisStore  # noqa: PLC0415
    from dashboard.cache.redis_url import connect, parse  # noqa: PLC0415

    address = parse(settings.redis_url.get_secret_value())
    return RedisStore(partial(connect, address, settings.redis_timeout_seconds), settings.cache_max_bytes)
