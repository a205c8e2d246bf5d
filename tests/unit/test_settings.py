import re
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from dashboard.errors import SettingsError
from dashboard.settings import ENV_FILE, PREFIX, ROOT, Settings, load_settings, variable

DOCUMENT = ROOT / "docs" / "settings.md"
ROW = re.compile(r"^\| `[A-Z_]+` \|.*$", re.MULTILINE)


@pytest.fixture(autouse=True)
def env_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A ``.env`` of the test's own, which does not exist yet."""
    path = tmp_path / ".env"
    monkeypatch.setattr("dashboard.settings.ENV_FILE", path)
    return path


def written_default(name: str) -> str:
    """A setting's default as the document writes it."""
    match Settings.model_fields[name].default:
        case None | ():
            return "none"
        case float() as number:
            return f"`{number:g}`"
        case Path() as path:
            return f"`{path.relative_to(ROOT)}` in the checkout"
        case value:
            return f"`{value}`"


def test_document_lists_every_setting_with_its_default_and_meaning_and_no_other() -> None:
    fields = Settings.model_fields.items()
    rows = [
        f"| `{variable(name)}` | {written_default(name)} | {field.description} |" for name, field in fields
    ]
    assert ROW.findall(DOCUMENT.read_text()) == rows


def test_name_says_the_unit_of_every_number_that_is_not_a_count() -> None:
    numbers = [name for name, field in Settings.model_fields.items() if field.annotation is float]
    assert [name for name in numbers if not name.endswith(("_seconds", "_share"))] == []


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DASHBOARD_PORT", "9000")
    monkeypatch.setenv("DASHBOARD_ALLOWED_HOSTS", "sales.example, www.sales.example")
    monkeypatch.setenv("DATABASE_URL", "postgresql://shop@db.example/shop")
    loaded = load_settings()
    assert (loaded.port, loaded.allowed_hosts) == (9000, ("sales.example", "www.sales.example"))
    assert loaded.database_url == SecretStr("postgresql://shop@db.example/shop")


def test_settings_come_from_a_local_env_file_below_the_environment(
    env_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    env_file.write_text("DASHBOARD_PORT=9000\nDASHBOARD_CURRENCY=EUR\nREDIS_URL=redis://cache\nEDITOR=vi\n")
    monkeypatch.setenv("DASHBOARD_PORT", "9001")
    loaded = load_settings()
    assert (loaded.port, loaded.currency) == (9001, "EUR")
    assert loaded.redis_url == SecretStr("redis://cache")


def test_the_env_file_stands_in_the_checkout_and_git_ignores_it() -> None:
    assert ENV_FILE == ROOT / ".env"
    assert ".env" in (ROOT / ".gitignore").read_text().splitlines()


def test_an_empty_variable_means_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "")
    monkeypatch.setenv("DASHBOARD_PORT", "")
    assert (load_settings().database_url, load_settings().port) == (None, 8501)


def test_the_data_folder_is_absolute_and_knows_the_home(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("DASHBOARD_DATA_DIR", "~/sales data")
    assert load_settings().data_dir == tmp_path / "sales data"


@pytest.mark.parametrize("where", ["environment", "file"])
def test_an_unknown_setting_is_an_error(where: str, env_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if where == "file":
        env_file.write_text("DASHBOARD_PROT=9000\n")
    else:
        monkeypatch.setenv("DASHBOARD_PROT", "9000")
    with pytest.raises(SettingsError, match=r"DASHBOARD_PROT.*docs/settings\.md"):
        load_settings()


@pytest.mark.parametrize(
    ("name", "value", "wanted"),
    [
        ("PORT", "http", "valid integer"),
        ("PORT", "70000", "less than or equal to 65535"),
        ("STATEMENT_TIMEOUT_SECONDS", "0", "greater than 0"),
        ("STATEMENT_TIMEOUT_SECONDS", "inf", "finite"),
        ("CACHE_MAX_BYTES", "2GB", "valid integer"),
        ("CACHE", "redis", "'auto', 'memory' or 'null'"),
        ("LOCALE", "en_XX_YY_ZZ", "like en_US"),
        ("CURRENCY", "reais", "like BRL"),
        ("LOG_LEVEL", "loud", "'debug'"),
        ("WORKER", "on", "'inline' or 'off'"),
        ("FULL_REFRESH_CRON", "at night", "five fields like 30 3"),
        ("FULL_REFRESH_CRON", "0 0 31 2 *", "five fields like 30 3"),
    ],
)
def test_an_error_names_variable_value_and_what_is_wanted(
    name: str, value: str, wanted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PREFIX + name, value)
    with pytest.raises(SettingsError) as raised:
        load_settings()
    assert [part for part in (PREFIX + name, repr(value), wanted) if part not in str(raised.value)] == []


def test_an_error_names_all_that_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DASHBOARD_PORT", "http")
    monkeypatch.setenv("DASHBOARD_MAX_STATEMENTS", "0")
    with pytest.raises(SettingsError, match=r"(?s)DASHBOARD_PORT.*\n.*DASHBOARD_MAX_STATEMENTS"):
        load_settings()


def test_secrets_are_shown_neither_by_the_settings_nor_by_their_errors(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://shop:hunter2@db/shop")
    monkeypatch.setenv("REDIS_URL", "redis://:hunter2@cache")
    assert "hunter2" not in f"{load_settings()!r} {load_settings()} {load_settings().model_dump()}"
    monkeypatch.setenv("DASHBOARD_PORT", "http")
    with pytest.raises(SettingsError) as raised:
        load_settings()
    assert "hunter2" not in str(raised.value)
    assert raised.value.__cause__ is None


def test_every_secret_has_the_ending_by_which_errors_leave_its_value_out() -> None:
    secrets = {
        variable(name) for name, field in Settings.model_fields.items() if "Secret" in str(field.annotation)
    }
    assert secrets == {"DATABASE_URL", "REDIS_URL"}
    assert all(name.endswith("_URL") for name in secrets)


def test_settings_are_frozen() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        load_settings().port = 1


@pytest.mark.parametrize(
    ("ttl_class", "seconds"), [("default", 3_600), ("analytics", 21_600), ("session", 86_400)]
)
def test_every_class_of_answers_has_a_lifetime(ttl_class: str, seconds: float) -> None:
    assert load_settings().ttl_seconds(ttl_class) == seconds
