"""What REDIS_URL may say, and what is said of one that can't be read."""

import pytest

from dashboard.cache import open_levels
from dashboard.cache.redis_url import parse
from dashboard.errors import SettingsError
from dashboard.settings import Settings


def test_one_server() -> None:
    address = parse("redis://localhost")
    assert (address.layout, address.hosts, address.database) == ("single", (("localhost", 6379),), 0)
    assert (address.login, address.tls) == ({}, {})


def test_login_port_and_database() -> None:
    address = parse("redis://daybook:p%40ss%3A%2Fword@cache.shop:6380/3")
    assert (address.hosts, address.database) == ((("cache.shop", 6380),), 3)
    assert address.login == {"username": "daybook", "password": "p@ss:/word"}


def test_a_password_without_a_user() -> None:
    assert parse("redis://:secret@[::1]:6380").login == {"password": "secret"}


def test_encryption() -> None:
    address = parse("rediss://cache.shop?ssl_ca_certs=/etc/ca.pem")
    assert address.tls == {"ssl": True, "ssl_ca_certs": "/etc/ca.pem"}


def test_a_cluster_by_some_of_its_nodes() -> None:
    address = parse("redis+cluster://:secret@a:7000,b,[::1]:7002/0")
    assert (address.layout, address.hosts) == ("cluster", (("a", 7000), ("b", 6379), ("::1", 7002)))


def test_a_service_behind_sentinels() -> None:
    address = parse("rediss+sentinel://:secret@a,b:7/shop/2?sentinel_password=other&ssl_cert_reqs=none")
    assert (address.layout, address.hosts) == ("sentinel", (("a", 26379), ("b", 7)))
    assert (address.service, address.database) == ("shop", 2)
    assert (address.login, address.sentinel_login) == ({"password": "secret"}, {"password": "other"})
    assert address.tls == {"ssl": True, "ssl_cert_reqs": "none"}


def test_an_address_can_be_shown() -> None:
    assert "secret" not in str(parse("redis+sentinel://u:secret@a/shop?sentinel_password=secret"))


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("", "must begin with"),
        ("localhost:6379", "must begin with"),
        ("memcached://secret@localhost", "must begin with"),
        ("redis+ring://secret@localhost", "must begin with"),
        ("redis://", "can't be read"),
        ("redis://:secret@", "can't be read"),
        ("redis://:secret@localhost:port", "can't be read"),
        ("redis://:secret@localhost:99999", "can't be read"),
        ("redis://:secret/with/slashes@localhost", "can't be read"),
        ("redis://user:7?secret=1@localhost", "can't be read"),
        ("redis://user:7#secret@localhost", "can't be read"),
        ("redis://:secret@[localhost", "can't be read"),
        ("redis://:secret@a,b", "several hosts"),
        ("redis://:secret@localhost/shop", "not a number"),
        ("redis+cluster://:secret@a,,b", "can't be read"),
        ("redis+cluster://:secret@a,b/1", "only has number 0"),
        ("redis+sentinel://:secret@a,b", "no service"),
        ("redis+sentinel://:secret@a,b/shop/first", "not a number"),
        ("redis://:secret@localhost?decode_responses=true", "option decode_responses"),
        ("redis://:secret@localhost?ssl_cert_reqs=none", "option ssl_cert_reqs"),
        ("redis://:secret@localhost?sentinel_password=secret", "option sentinel_password"),
    ],
)
def test_what_can_t_be_read_is_explained_without_its_secret(
    settings: Settings, url: str, problem: str
) -> None:
    asked = Settings(_env_file=None, redis_url=url, data_dir=settings.data_dir)
    with pytest.raises(SettingsError, match=problem) as error:
        open_levels(asked)
    assert "REDIS_URL" in str(error.value)
    assert "secret" not in str(error.value)
