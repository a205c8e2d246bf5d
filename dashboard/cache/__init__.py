"""The query cache: values by key, over Redis, a disk or nothing. Knows neither SQL nor a page."""

from functools import partial

from dashboard.cache.contract import NOT_KEPT, Backend, Miss, Reason, Stats
from dashboard.cache.disk import DiskStore
from dashboard.cache.key import Key, Part, key
from dashboard.cache.null import NullCache
from dashboard.cache.store import Store, StoreCache
from dashboard.cache.value import Value
from dashboard.settings import Settings

__all__ = [
    "NOT_KEPT",
    "Backend",
    "Key",
    "Miss",
    "Part",
    "Reason",
    "Stats",
    "Value",
    "key",
    "open_cache",
]


def open_cache(settings: Settings) -> Backend:
    """The backend that the settings ask for. Raises SettingsError; a server that is down is no error."""
    if settings.cache == "null":
        return NullCache()
    return StoreCache(
        _store(settings),
        retry_seconds=settings.redis_retry_seconds,
        keep_stale_seconds=settings.cache_max_stale_seconds,
    )


def _store(settings: Settings) -> Store:
    if settings.redis_url is None:
        return DiskStore(settings.data_dir / "cache", settings.cache_max_bytes)
    # Importing redis takes a quarter of a second, which programs without one need not wait.
    from dashboard.cache.redis import RedisStore  # noqa: PLC0415
    from dashboard.cache.redis_url import connect, parse  # noqa: PLC0415

    address = parse(settings.redis_url.get_secret_value())
    return RedisStore(partial(connect, address, settings.redis_timeout_seconds))
