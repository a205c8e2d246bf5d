"""Files of orders over HTTP: what is in them, what is refused, and what is left when somebody goes away."""

import io
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import openpyxl
import polars as pl
import psycopg
import pytest
import uvicorn
from starlette.applications import Starlette

from dashboard import export
from dashboard.data import Data
from dashboard.explore import filters
from dashboard.export import FileType
from dashboard.server.exports import Exports
from dashboard.settings import Settings
from dashboard.window import Window
from tests.reads import Opener, down, opening, wait_until

KINDS = tuple(FileType)
QUARTER = Window.from_query({"range": "2017-Q4"}, date(2018, 8, 1), date(2016, 10, 1))

IDS = """
SELECT order_id FROM shop.orders AS o JOIN shop.customers USING (customer_id)
WHERE order_purchase_timestamp >= '2017-10-01' AND order_purchase_timestamp < '2018-01-01' AND {}
"""
PAID_BY_BOLETO = (
    "EXISTS (SELECT FROM shop.order_payments AS p WHERE p.order_id = o.order_id AND payment_type = 'boleto')"
)


@contextmanager
def served(exports: Exports) -> Iterator[str]:
    """URL of a server in a thread of this process, which has nothing but the files."""
    config = uvicorn.Config(Starlette(routes=exports.routes()), port=0, log_config=None)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        wait_until(lambda: server.started)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        exports.end()
        server.should_exit = True
        thread.join(60)


@pytest.fixture
def open_data(settings: Settings) -> Iterator[Opener]:
    with opening(settings) as opened:
        yield opened


@pytest.fixture
def data(open_data: Opener, olist_url: str) -> Data:
    return open_data(olist_url)


@pytest.fixture
def exports(data: Data) -> Exports:
    return Exports(data)


@pytest.fixture
def client(exports: Exports) -> Iterator[httpx.Client]:
    with served(exports) as url, httpx.Client(base_url=url, timeout=60) as client:
        yield client


@pytest.fixture
def shop(olist_url: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(olist_url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def held(olist_url: str) -> Iterator[psycopg.Connection[Any]]:
    """While it is open, what reads facts of items waits."""
    with psycopg.connect(olist_url) as connection:
        connection.execute("LOCK TABLE dashboard.item_facts IN ACCESS EXCLUSIVE MODE")
        yield connection
        connection.rollback()


def ids(kind: FileType, content: bytes) -> list[str]:
    match kind:
        case FileType.CSV:
            return pl.read_csv(io.BytesIO(content), comment_prefix="#")["Order"].to_list()
        case FileType.PARQUET:
            return pl.read_parquet(io.BytesIO(content))["order_id"].to_list()
        case FileType.XLSX:
            page = openpyxl.load_workbook(io.BytesIO(content))["Data"]
            header, *rows = page.iter_rows(values_only=True)
            return [str(row[header.index("Order")]) for row in rows]


def expected(shop: psycopg.Connection[Any], passing: str = "true") -> set[str]:
    return {one for (one,) in shop.execute(IDS.format(passing))}


def waiting(shop: psycopg.Connection[Any]) -> int:
    """Statements of readers that wait for a lock."""
    [(number,)] = shop.execute(
        "SELECT count(*)::int FROM pg_stat_activity WHERE application_name = 'daybook reader'"
        " AND datname = current_database() AND wait_event_type = 'Lock'"
    )
    return int(number)


def left_behind(folder: Path) -> list[str]:
    """Files in a folder, also those without a name that this process has open."""
    opened = []
    for link in Path("/proc/self/fd").iterdir():
        with suppress(OSError):  # closed meanwhile
            opened.append(str(link.readlink()))
    return [
        *(str(path) for path in folder.rglob("*")),
        *(path for path in opened if path.startswith(f"{folder}/")),
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_holds_all_orders_once(
    client: httpx.Client, shop: psycopg.Connection[Any], exports: Exports, kind: FileType
) -> None:
    answer = client.get(export.link(kind, QUARTER, (), "mine"))
    assert answer.status_code == 200
    found = ids(kind, answer.content)
    assert len(found) == len(set(found))
    assert set(found) == expected(shop)
    assert export.progress("mine") == (len(found), len(found), True, False)
    wait_until(lambda: not exports.running, "it has ended")
    assert not left_behind(exports.folder)


@pytest.mark.parametrize("kind", KINDS)
def test_the_browser_is_told_to_save_it_and_nobody_to_keep_it(client: httpx.Client, kind: FileType) -> None:
    headers = client.get(export.link(kind, QUARTER, (), "mine")).headers
    name = f"Orders 2017-10-01 to 2017-12-31.{kind}"
    assert headers["Content-Disposition"] == f'attachment; filename="{name}"'
    assert headers["Content-Type"] == kind.mime
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    ("chosen", "passing"),
    [
        ({"state": ["SP", "RJ"]}, "customer_state IN ('SP', 'RJ')"),
        ({"payment_type": ["boleto"], "state": ["MG"]}, f"customer_state = 'MG' AND {PAID_BY_BOLETO}"),
        ({"state": ["no such & no other=1"]}, "false"),
    ],
)
@pytest.mark.parametrize("kind", KINDS)
def test_filters_choose_the_orders_and_stand_in_the_notes(
    client: httpx.Client,
    shop: psycopg.Connection[Any],
    kind: FileType,
    chosen: dict[str, list[str]],
    passing: str,
) -> None:
    content = client.get(export.link(kind, QUARTER, filters(chosen), "mine")).content
    assert set(ids(kind, content)) == expected(shop, passing)
    if kind is FileType.CSV:
        notes = dict(
            line[2:].split(": ", 1) for line in content.decode("utf-8-sig").splitlines() if line[0] == "#"
        )
        assert notes["Days"] == "1 Oct – 31 Dec 2017"
        assert all(member in notes["Filters"] for members in chosen.values() for member in members)
        assert notes["Data version"].isdecimal()


@pytest.mark.parametrize(
    ("address", "status", "said"),
    [
        ("/export/orders.doc", 404, "csv, xlsx, parquet"),
        ("/export/orders.csv?range=tomorrow", 400, "range=tomorrow can't be read"),
        ("/export/orders.csv?compare=never", 400, "compare=never can't be read"),
        ("/export/orders.csv?colour=red", 400, "There is no dimension 'colour'"),
        ("/export/orders.csv?hour=noon", 400, "'noon' is no member of hour"),
        ("/export/orders.csv?state=%00", 400, "is no member of state"),
    ],
)
def test_what_can_not_be_read_is_said(client: httpx.Client, address: str, status: int, said: str) -> None:
    answer = client.get(address)
    assert (answer.status_code, answer.headers["Content-Type"]) == (status, "text/plain; charset=utf-8")
    assert said in answer.text


def test_nothing_is_made_for_who_only_asks_for_the_head(client: httpx.Client) -> None:
    assert client.head("/export/orders.csv").status_code == 405


def test_without_an_order_there_is_no_file(open_data: Opener, database_url: str) -> None:
    with served(Exports(open_data(database_url))) as url:
        answer = httpx.get(f"{url}/export/orders.csv")
    assert (answer.status_code, answer.text) == (400, "There are no orders yet.")


def test_a_database_that_is_away_is_said(open_data: Opener, server: str, database_url: str) -> None:
    data = open_data(database_url)
    with served(Exports(data)) as url, down(server, database_url):
        answer = httpx.get(f"{url}/export/orders.csv", timeout=60)
    assert answer.status_code == 503
    assert "PostgreSQL does not answer" in answer.text


def test_a_statement_that_takes_too_long_is_said(
    open_data: Opener, olist_url: str, held: psycopg.Connection[Any]
) -> None:
    data = open_data(olist_url, statement_timeout_seconds=0.2)
    with served(Exports(data)) as url:
        answer = httpx.get(url + export.link(FileType.CSV, QUARTER, (), "slow"), timeout=60)
    assert answer.status_code == 504
    so_far = export.progress("slow")
    assert so_far is not None
    assert so_far.has_failed


class TestUnderWay:
    @pytest.fixture
    def ask(self, client: httpx.Client) -> Iterator[Callable[..., Any]]:
        with ThreadPoolExecutor(4) as pool:
            yield lambda kind=FileType.CSV: pool.submit(client.get, export.link(kind, QUARTER, (), "mine"))

    def test_there_are_so_many_at_a_time_and_others_are_told_to_wait(
        self,
        client: httpx.Client,
        ask: Callable[..., Any],
        shop: psycopg.Connection[Any],
        held: psycopg.Connection[Any],
    ) -> None:
        both = [ask(), ask()]
        wait_until(lambda: waiting(shop) == 2, "two are under way")
        answer = client.get("/export/orders.csv")
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "10")
        assert answer.text == "2 exports are under way already. Try again in a moment."
        held.rollback()
        assert [one.result(60).status_code for one in both] == [200, 200]
        assert client.get("/export/orders.csv?range=2017-11").status_code == 200

    def test_pages_are_read_beside_them(
        self,
        ask: Callable[..., Any],
        data: Data,
        shop: psycopg.Connection[Any],
        held: psycopg.Connection[Any],
    ) -> None:
        both = [ask(), ask()]
        wait_until(lambda: waiting(shop) == 2, "two are under way")
        assert data.frame("business/daily_sales", QUARTER.span).rows.height == 92
        held.rollback()
        assert all(one.result(60).status_code == 200 for one in both)

    @pytest.mark.usefixtures("held")
    @pytest.mark.parametrize("kind", KINDS)
    def test_who_leaves_stops_the_statement_and_leaves_nothing_behind(
        self,
        client: httpx.Client,
        exports: Exports,
        shop: psycopg.Connection[Any],
        kind: FileType,
    ) -> None:
        with pytest.raises(httpx.ReadTimeout):
            client.get(export.link(kind, QUARTER, (), "left"), timeout=1)
        wait_until(lambda: not exports.running, "nothing is made any more")
        assert not waiting(shop)
        assert not left_behind(exports.folder)
        so_far = export.progress("left")
        assert so_far is not None
        assert so_far.has_failed

    def test_who_leaves_amid_the_file_leaves_nothing_behind(
        self, client: httpx.Client, exports: Exports
    ) -> None:
        with client.stream("GET", export.link(FileType.CSV, QUARTER, (), "left")) as answer:
            assert next(answer.iter_bytes())
        wait_until(lambda: not exports.running, "nothing is made any more")
        assert not left_behind(exports.folder)

    @pytest.mark.usefixtures("held")
    def test_the_end_of_the_server_gives_them_up(
        self,
        ask: Callable[..., Any],
        exports: Exports,
        shop: psycopg.Connection[Any],
    ) -> None:
        asked = ask()
        wait_until(lambda: waiting(shop) == 1, "one is under way")
        exports.end()
        assert asked.result(60).status_code == 500
        wait_until(lambda: not exports.running, "it is told, and then it has ended")


def test_a_folder_that_can_not_be_written_takes_no_place(client: httpx.Client, exports: Exports) -> None:
    exports.folder.parent.mkdir(parents=True, exist_ok=True)
    exports.folder.write_text("in the way")
    assert client.get("/export/orders.csv").status_code == 500
    wait_until(lambda: not exports.running, "it is told, and then it has ended")


def test_a_file_that_breaks_off_has_no_end(
    client: httpx.Client, exports: Exports, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(export.files.csv, "write", broken)
    with pytest.raises(httpx.RemoteProtocolError):
        client.get(export.link(FileType.CSV, QUARTER, (), "broken"))
    wait_until(lambda: not exports.running, "it has ended")
    so_far = export.progress("broken")
    assert so_far is not None
    assert so_far.has_failed
