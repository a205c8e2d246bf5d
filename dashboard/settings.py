"""Every setting, with its default, its unit and its meaning; the only reader of the environment."""

import os
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

from babel import Locale, UnknownLocaleError
from babel.numbers import list_currencies
from dotenv import dotenv_values
from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from dashboard.errors import SettingsError

ROOT = Path(__file__).resolve().parent.parent
PREFIX = "DASHBOARD_"
ENV_FILE = ROOT / ".env"

Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Bytes = Annotated[int, Field(gt=0)]
Share = Annotated[float, Field(ge=0, le=1)]


class Settings(BaseSettings):
    """What can be configured. Durations are in seconds and sizes in bytes, and their names say so."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="ignore", frozen=True, env_ignore_empty=True)

    database_url: SecretStr | None = Field(
        None,
        validation_alias="DATABASE_URL",
        description="PostgreSQL to read from, as a URL. Without it the bundled PostgreSQL is started.",
    )
    redis_url: SecretStr | None = Field(
        None,
        validation_alias="REDIS_URL",
        description="Redis or Valkey to cache in: redis://, rediss://, redis+cluster:// or "
        "redis+sentinel://. Without it the cache lives on disk, in the data folder.",
    )
    data_dir: Path = Field(
        ROOT / ".daybook", description="Folder for everything that the program writes on this machine."
    )

    host: str = Field("127.0.0.1", description="Address that the dashboard listens on.")
    port: int = Field(8501, ge=0, le=65535, description="Port that the dashboard listens on; 0 picks one.")
    allowed_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="Further host names, with commas between, under which browsers may open the dashboard.",
    )

    currency: str = Field("BRL", description="ISO 4217 code of the currency that amounts are in.")
    locale: str = Field("en_US", description="Locale that numbers, amounts and dates are written in.")

    connect_timeout_seconds: Seconds = Field(5.0, description="Wait for a connection to PostgreSQL.")
    statement_timeout_seconds: Seconds = Field(30.0, description="Longest time that one read may run.")
    max_statements: int = Field(
        6, gt=0, description="Statements that one process runs at a time for its readers; more wait."
    )
    max_exports: int = Field(
        2,
        gt=0,
        description="Exports of orders that one process makes at a time; who asks for more is told to wait.",
    )
    versions_poll_seconds: Seconds = Field(
        2.0, description="Longest time until a process notices that the data has a new version."
    )

    explore_max_orders: int = Field(
        5_000_000,
        gt=0,
        description="Of a window with more orders, breakdowns are computed by PostgreSQL instead of in memory.",
    )

    change_tracking: Literal["triggers", "poll", "off"] = Field(
        "triggers",
        description="How changes of the shop are noticed. triggers: of its tables, which log the days. "
        "poll: by PostgreSQL's counts of changed rows. off: not at all.",
    )
    changes_poll_seconds: Seconds = Field(1.0, description="Time between two looks for changes of the shop.")

    refresh_timeout_seconds: Seconds = Field(
        600.0, description="Longest time that one statement of a view's refresh may run."
    )

    worker: Literal["inline", "off"] = Field(
        "inline",
        description="Who runs jobs. inline: each server, beside its pages. off: no server; start "
        "`python -m dashboard worker`.",
    )
    worker_grace_seconds: Seconds = Field(
        5.0, description="Time in which running jobs may finish when their worker is stopped."
    )
    full_refresh_cron: str = Field(
        "30 3 * * *",
        description="When all views are refreshed, changed or not: minute, hour, day, month, weekday, in UTC.",
    )
    keep_jobs_days: int = Field(7, gt=0, description="Age at which finished jobs are deleted.")
    keep_refreshes_days: int = Field(
        90, gt=0, description="Age at which the history of refreshes is deleted."
    )
    keep_reports_days: int = Field(90, gt=0, description="Age at which reports are deleted.")
    keep_relation_sizes_days: int = Field(
        180, gt=0, description="Age at which the record of the sizes of tables and indexes is deleted."
    )
    unused_index_days: int = Field(
        14, gt=0, description="Time for which an index has to be unused before operators are told to drop it."
    )
    long_statement_seconds: Seconds = Field(
        60.0,
        description="Time from which operators are told of a statement that runs, or of a transaction that is idle.",
    )

    cache: Literal["auto", "memory", "null"] = Field(
        "auto",
        description="auto: in memory, and below it in Redis if there is a REDIS_URL, else on disk. "
        "memory: there only. null: keep nothing.",
    )
    cache_default_ttl_seconds: Seconds = Field(3_600.0, description="Lifetime of answers, unless said.")
    cache_analytics_ttl_seconds: Seconds = Field(21_600.0, description="Lifetime of analytics answers.")
    cache_session_ttl_seconds: Seconds = Field(86_400.0, description="Lifetime of a session's answers.")
    cache_jitter_share: Share = Field(
        0.1, description="Part of a lifetime that is taken off at random, so that answers end at many times."
    )
    cache_soft_share: Share = Field(
        0.8,
        description="Part of its lifetime after which an answer that is read is also renewed, behind the "
        "reader; 1 never does.",
    )
    cache_max_stale_seconds: Seconds = Field(
        86_400.0,
        description="Time past its lifetime for which an answer is kept, to be shown marked as stale while "
        "the database is down.",
    )
    cache_memory_max_bytes: Bytes = Field(
        256_000_000, description="Room for the cache in the memory of each process."
    )
    cache_max_bytes: Bytes = Field(
        2_000_000_000, description="Room for the cache on disk; what a Redis is advised to be given."
    )
    cache_lock_seconds: Seconds = Field(
        5.0,
        description="If a process dies that computes an answer, time until another one does it for those "
        "who wait.",
    )
    redis_timeout_seconds: Seconds = Field(
        0.25, description="Longest wait for Redis before the program goes on without it."
    )
    redis_retry_seconds: Seconds = Field(
        5.0, description="After a fault of Redis, time until the next attempt to use it."
    )

    statistics_flush_seconds: Seconds = Field(
        5.0, description="Time between two writes of a process's read statistics to the database."
    )
    slow_statement_seconds: Seconds = Field(
        1.0, description="A statement for a reader that waits and runs for longer is written down as slow."
    )
    heartbeat_seconds: float = Field(
        15.0,
        gt=0,
        le=30,
        description="Time between two signs of life of a server or worker, for the System page.",
    )
    warm_up_seconds: float = Field(
        30.0,
        ge=0,
        allow_inf_nan=False,
        description="Time after a refresh in which the most-read answers are made ready; 0 turns it off.",
    )

    demo_orders: int = Field(100_000, gt=0, description="Orders in the demo shop of a first start.")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least level logged.")
    log_format: Literal["text", "json"] = Field(
        "text", description="text: lines for people. json: one object a line, for programs."
    )

    @field_validator("data_dir")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return value.expanduser().absolute()

    @field_validator("allowed_hosts", mode="before")
    @classmethod
    def _split_at_commas(cls, value: object) -> object:
        return [part.strip() for part in value.split(",")] if isinstance(value, str) else value

    @field_validator("locale")
    @classmethod
    def _known_locale(cls, value: str) -> str:
        try:
            Locale.parse(value)
        except (UnknownLocaleError, ValueError) as error:
            raise ValueError("not a known locale; write one like en_US or pt_BR") from error
        return value

    @field_validator("full_refresh_cron")
    @classmethod
    def _known_schedule(cls, value: str) -> str:
        from croniter import croniter  # noqa: PLC0415 - takes 80 ms to import, and few set one

        try:
            croniter(value).get_next()  # there is none on the 31st of February
        except ValueError as error:
            raise ValueError("no time; write five fields like 30 3 * * * (each day at 03:30)") from error
        return value

    @field_validator("currency")
    @classmethod
    def _known_currency(cls, value: str) -> str:
        if value not in list_currencies():
            raise ValueError("not an ISO 4217 code; write one like BRL or EUR")
        return value

    def ttl_seconds(self, ttl_class: str) -> float:
        """Lifetime in seconds of the answers of a query whose header says ``ttl: ttl_class``."""
        return float(getattr(self, f"cache_{ttl_class}_ttl_seconds"))


def variable(name: str) -> str:
    """The environment variable that a setting is read from."""
    alias = Settings.model_fields[name].validation_alias
    return alias if isinstance(alias, str) else f"{PREFIX}{name.upper()}"


def load_settings() -> Settings:
    """Settings from the environment and a local ``.env``. Raises SettingsError."""
    known = {variable(name) for name in Settings.model_fields}
    given = {*os.environ, *dotenv_values(ENV_FILE)}
    unknown = sorted(name for name in given if name.startswith(PREFIX) and name not in known)
    if unknown:
        raise SettingsError(f"Unknown setting {', '.join(unknown)}. docs/settings.md lists the known ones.")
    try:
        return Settings(_env_file=ENV_FILE)  # type: ignore[call-arg] # dataclass_transform hides it
    except ValidationError as error:
        raise SettingsError("\n".join(_explained(problem) for problem in error.errors())) from None


def _explained(problem: object) -> str:
    """One line a problem, without the value where it may be a secret."""
    assert isinstance(problem, dict)  # pydantic's ErrorDetails
    name = str(problem["loc"][0])
    name = name if name.isupper() else variable(name)
    shown = "" if name.endswith("_URL") else f" is {problem['input']!r}:"
    return f"{name}{shown} {problem['msg']}. See docs/settings.md."


@cache
def settings() -> Settings:
    """The settings of this process, read once."""
    return load_settings()
