"""The launcher, as its users meet it: a process of its own, spoken to over HTTP, WebSockets and Chromium."""

import gzip
import hashlib
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import brotli
import httpx
import pytest
from playwright.sync_api import Browser, Page
from streamlit import file_util
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect

from dashboard.errors import ServerError
from dashboard.server import serve
from dashboard.server.static import StaticFolder
from dashboard.settings import ROOT, Settings

STATIC = Path(file_util.get_static_dir())
PLOTLY = next(STATIC.glob("static/js/PlotlyChart.*.js"))
SCRIPT_URL = f"/{PLOTLY.relative_to(STATIC)}"

PAGE = """
import plotly.graph_objects as go
import polars as pl
import streamlit as st

st.title("A page")
count = st.slider("Count", 1, 10, 3)
st.plotly_chart(go.Figure(go.Scatter(x=[1, 2, 3], y=[1, count, 2])))
st.dataframe(pl.DataFrame({"day": ["Monday", "Tuesday"], "orders": [1, 2]}))
# As everywhere: a rerun at each click may come before the file, whose button then waits for good.
st.download_button("Download", lambda: b"day,orders\\nMonday,1\\n", file_name="orders.csv", on_click="ignore")
"""

# Its checks do what a file says, and a route tells what only the process itself knows.
LAUNCHER = """
import gc, os, socket, stat, sys, threading, time
from pathlib import Path

from starlette.responses import JSONResponse
from starlette.routing import Route
from streamlit import config

from dashboard.errors import DaybookError
from dashboard.server import health, serve
from dashboard.settings import load_settings

health.CHECK_SECONDS = 2


def check():
    match Path("state").read_text():
        case "down":
            raise DaybookError("PostgreSQL does not answer. Start it.")
        case "broken":
            raise RuntimeError("password=hunter2")
        case "hanging":
            time.sleep(5)


def accepted():
    for name in os.listdir("/proc/self/fd"):
        try:
            number = int(name)
            if not stat.S_ISSOCK(os.fstat(number).st_mode):
                continue
            with socket.socket(fileno=os.dup(number)) as link:
                if link.family == socket.AF_INET and link.type == socket.SOCK_STREAM and link.getpeername():
                    yield bool(link.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        except OSError:  # closed meanwhile, or listening
            continue


async def inside(request):
    return JSONResponse({
        "nodelay": list(accepted()),
        "frozen": gc.get_freeze_count(),
        "options": {name: config.get_option(name) for name in ("runner.postScriptGC", "server.maxMessageSize")},
        "modules": sorted(sys.modules),
        "threads": [thread.name for thread in threading.enumerate()],
    })


async def small(request):
    return JSONResponse({"rows": [1, 2, 3]})


async def crash(request):
    raise RuntimeError("password=hunter2")


routes = [Route("/inside", inside), Route("/small", small), Route("/crash", crash)]
serve(load_settings(), {"database": check, "always": lambda: None}, script=Path("app/page.py"), routes=routes)
"""


class Server:
    """A launched dashboard in a folder of its own, which is not the checkout."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self._state = folder / "state"
        self._stderr = (folder / "stderr").open("w")
        self.becomes("well")
        (folder / "app").mkdir()
        (folder / "app/page.py").write_text(PAGE)
        (folder / "launcher.py").write_text(LAUNCHER)
        self.process = subprocess.Popen(
            [sys.executable, "launcher.py"],
            cwd=folder,
            env={
                "HOME": str(folder),
                "PATH": "/usr/bin:/bin",
                "PYTHONPATH": str(ROOT),
                "DASHBOARD_PORT": "0",
                "DASHBOARD_DATA_DIR": str(folder / "data"),
                **environment,
            },
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            text=True,
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        found = re.fullmatch(r"Daybook is at (http://\S+) \(Ctrl-C ends it\)\n", line)
        assert found, line + (folder / "stderr").read_text()
        self.url = found[1]
        self.http = httpx.Client(base_url=self.url, limits=httpx.Limits(max_keepalive_connections=0))

    def becomes(self, state: str) -> None:
        self._state.write_text(state)

    def websocket(self, **options: Any) -> ClientConnection:
        address = self.url.replace("http:", "ws:") + "/_stcore/stream"
        return connect(address, subprotocols=["streamlit"], **options)

    def compressed(self, encoding: str = "br", url: str = SCRIPT_URL) -> httpx.Response:
        """A static file, once its compressed form is ready."""
        headers = {"Accept-Encoding": encoding}
        return until(lambda: self.http.get(url, headers=headers), lambda r: "content-encoding" in r.headers)

    def close(self) -> None:
        self.http.close()
        self.process.terminate()
        self.process.wait(10)
        assert self.process.stdout is not None
        self.process.stdout.close()
        self._stderr.close()


def until(
    ask: Callable[[], httpx.Response], is_right: Callable[[httpx.Response], bool], seconds: float = 60
) -> httpx.Response:
    deadline = time.monotonic() + seconds
    while not is_right(answer := ask()):
        assert time.monotonic() < deadline, answer
        time.sleep(0.05)
    return answer


@pytest.fixture(scope="module")
def daybook(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    started = Server(tmp_path_factory.mktemp("server"), DASHBOARD_ALLOWED_HOSTS="sales.example.com")
    yield started
    started.close()


def test_process_that_lives_is_healthy_even_when_its_database_is_down(daybook: Server) -> None:
    daybook.becomes("down")
    answer = daybook.http.get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "alive"})


def test_ready_answers_with_each_check(daybook: Server) -> None:
    daybook.becomes("well")
    answer = daybook.http.get("/readyz")
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    assert list(answer.json()["checks"]) == ["database", "always"]
    assert all(check["ok"] for check in answer.json()["checks"].values())


@pytest.mark.parametrize(
    ("state", "problem"),
    [
        ("down", "PostgreSQL does not answer. Start it."),
        ("broken", "RuntimeError: see the server's log"),
        ("hanging", "no answer within 2 s"),
    ],
)
def test_failing_check_makes_503_that_says_why_and_no_secret(
    daybook: Server, state: str, problem: str
) -> None:
    daybook.becomes(state)
    answer = daybook.http.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["status"] == "not ready"
    assert answer.json()["checks"]["database"] == {"ok": False, "problem": problem}
    assert answer.json()["checks"]["always"]["ok"]


def test_checks_that_hang_do_not_pile_up_before_the_pages(daybook: Server) -> None:
    daybook.becomes("hanging")
    with ThreadPoolExecutor() as callers:
        answers = list(callers.map(daybook.http.get, ["/readyz"] * 5))
    assert [answer.status_code for answer in answers] == [503] * 5
    assert daybook.http.get("/").status_code == 200


@pytest.mark.parametrize(
    "path", ["/", "/sales?range=7d", SCRIPT_URL, "/healthz", "/sales/_stcore/health", "/crash"]
)
def test_every_response_carries_the_security_headers(daybook: Server, path: str) -> None:
    headers = daybook.http.get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert "geolocation=()" in headers["permissions-policy"]
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "unsafe-eval" not in headers["content-security-policy"]
    assert "server" not in headers


def test_crash_says_nothing(daybook: Server) -> None:
    answer = daybook.http.get("/crash")
    assert answer.status_code == 500
    assert "hunter2" not in answer.text


def test_deep_link_gets_the_page(daybook: Server) -> None:
    assert daybook.http.get("/sales?range=7d").content == (STATIC / "index.html").read_bytes()


@pytest.mark.parametrize("encoding", ["br", "gzip"])
@pytest.mark.parametrize("path", [SCRIPT_URL, "/"])
def test_static_file_is_the_same_after_compression(daybook: Server, encoding: str, path: str) -> None:
    original = PLOTLY if path == SCRIPT_URL else STATIC / "index.html"
    answer = daybook.compressed(encoding, path)
    assert answer.headers["content-encoding"] == encoding
    assert (
        answer.headers["content-type"]
        == daybook.http.get(path, headers={"Accept-Encoding": ""}).headers["content-type"]
    )
    assert int(answer.headers["content-length"]) < original.stat().st_size / 2
    assert answer.content == original.read_bytes()


def test_compressed_and_plain_forms_are_cached_alike_and_apart(daybook: Server) -> None:
    compressed = daybook.compressed()
    plain = daybook.http.get(SCRIPT_URL, headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert compressed.headers["vary"] == plain.headers["vary"] == "Accept-Encoding"
    assert compressed.headers["cache-control"] == plain.headers["cache-control"]
    assert compressed.headers["etag"] != plain.headers["etag"]
    assert daybook.compressed(url="/").headers["cache-control"] == "no-cache"


def test_known_file_is_not_sent_again(daybook: Server) -> None:
    etag = daybook.compressed().headers["etag"]
    answer = daybook.http.get(
        SCRIPT_URL, headers={"Accept-Encoding": "br", "If-None-Match": f'"other", {etag}'}
    )
    assert (answer.status_code, answer.content) == (304, b"")
    assert answer.headers["etag"] == etag


def test_head_has_the_headers_of_get_and_no_body(daybook: Server) -> None:
    full = daybook.compressed()
    head = daybook.http.head(SCRIPT_URL, headers={"Accept-Encoding": "br"})
    assert head.content == b""
    assert head.headers["content-length"] == full.headers["content-length"]
    assert head.headers["content-encoding"] == "br"


def test_range_is_cut_from_the_plain_file(daybook: Server) -> None:
    daybook.compressed()
    answer = daybook.http.get(SCRIPT_URL, headers={"Accept-Encoding": "br", "Range": "bytes=10-19"})
    assert answer.status_code == 206
    assert "content-encoding" not in answer.headers
    assert answer.content == PLOTLY.read_bytes()[10:20]


@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [
        ("gzip, deflate, br, zstd", "br"),
        ("br;q=0, gzip;q=0.5", "gzip"),
        ("br; q=0.0, identity", None),
        ("zstd", None),
        ("GZIP", "gzip"),
    ],
)
def test_browser_gets_an_encoding_that_it_accepts(
    daybook: Server, accepted: str, encoding: str | None
) -> None:
    daybook.compressed("gzip")  # which is made after the other one
    answer = daybook.http.head(SCRIPT_URL, headers={"Accept-Encoding": accepted})
    assert answer.headers.get("content-encoding") == encoding


def test_json_is_compressed_from_a_thousand_bytes(daybook: Server) -> None:
    assert daybook.http.get("/inside").headers["content-encoding"] == "gzip"
    assert "content-encoding" not in daybook.http.get("/small").headers


def test_sockets_do_not_wait_to_fill_packets(daybook: Server) -> None:
    with daybook.websocket():
        nodelay = daybook.http.get("/inside").json()["nodelay"]
    assert len(nodelay) >= 2
    assert all(nodelay)


def test_streamlit_is_configured_from_the_checkout_whatever_folder_it_starts_in(daybook: Server) -> None:
    options = daybook.http.get("/inside").json()["options"]
    assert options == {"runner.postScriptGC": False, "server.maxMessageSize": 50}


def test_imported_objects_are_left_out_of_garbage_collections(daybook: Server) -> None:
    assert daybook.http.get("/inside").json()["frozen"] > 100_000


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:1", "[::1]:8501", "192.0.2.7", "Sales.Example.com"])
def test_own_names_and_addresses_are_served(daybook: Server, host: str) -> None:
    assert daybook.http.get("/healthz", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example:8501", ""]
)
def test_request_under_a_foreign_name_is_refused(daybook: Server, host: str) -> None:
    answer = daybook.http.get("/", headers={"Host": host})
    assert answer.status_code == 403
    assert "DASHBOARD_ALLOWED_HOSTS" in answer.text


@pytest.mark.parametrize("origin", ["http://evil.example", "http://localhost:3000", "null"])
def test_websocket_and_request_from_a_foreign_page_are_refused(daybook: Server, origin: str) -> None:
    with pytest.raises(InvalidStatus) as refusal, daybook.websocket(origin=origin):
        pass
    assert refusal.value.response.status_code == 403
    assert daybook.http.get("/healthz", headers={"Origin": origin}).status_code == 403


def test_websocket_from_our_own_page_is_served(daybook: Server) -> None:
    with daybook.websocket(origin=daybook.url) as link:
        assert link.subprotocol == "streamlit"


@pytest.mark.parametrize(("number", "host"), [(signal.SIGINT, "localhost"), (signal.SIGTERM, "0.0.0.0")])
def test_signal_ends_the_server_in_order_while_a_browser_is_connected(
    tmp_path: Path, number: signal.Signals, host: str
) -> None:
    daybook = Server(tmp_path, DASHBOARD_HOST=host)
    with daybook.websocket(ping_interval=None) as link:
        daybook.process.send_signal(number)
        assert daybook.process.wait(timeout=10) == 0
        with pytest.raises(Exception, match="1012"):  # service restart
            link.recv(timeout=5)
    daybook.close()
    assert (tmp_path / "stderr").read_text() == ""


def test_page_that_is_not_there_ends_the_program(tmp_path: Path) -> None:
    code = "from dashboard.server import *; serve(Settings(), {}, script=Path('none.py'))"
    environment = {"PYTHONPATH": str(ROOT), "DASHBOARD_PORT": "0", "DASHBOARD_DATA_DIR": str(tmp_path)}
    ended = subprocess.run(
        [sys.executable, "-c", code],
        check=False,
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ended.returncode == 3
    assert "none.py" in ended.stderr
    assert ended.stdout == ""


def test_port_in_use_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(ServerError, match=rf"Port {port} is in use.*PORT={port + 1} make run"):
            serve(Settings(_env_file=None, data_dir=tmp_path, port=port), {})


@pytest.mark.parametrize("host", ["192.0.2.1", "no.such.host.invalid"])
def test_foreign_host_is_an_error_that_names_the_setting(tmp_path: Path, host: str) -> None:
    with pytest.raises(ServerError, match="DASHBOARD_HOST must be"):
        serve(Settings(_env_file=None, data_dir=tmp_path, host=host, port=0), {})


@pytest.fixture
def folder(tmp_path: Path) -> StaticFolder:
    root = tmp_path / "root"
    root.mkdir()
    (root / "index.html").write_text("<html></html>")
    (root / "big.js").write_text("let x = 1;\n" * 1_000)
    (root / "tiny.js").write_text("let x = 1;\n")
    (root / "photo.png").write_bytes(bytes(5_000))
    return StaticFolder(root, tmp_path / "store")


def test_only_what_gains_by_it_is_compressed(folder: StaticFolder) -> None:
    assert folder.get("/big.js")
    assert folder.get("/") is folder.get("/index.html")
    assert folder.get("/tiny.js") is folder.get("/photo.png") is folder.get("/none.js") is None


def test_compressed_files_are_kept_by_the_hash_of_their_content(folder: StaticFolder, tmp_path: Path) -> None:
    folder.prepare()
    content = (tmp_path / "root/big.js").read_bytes()
    kept = tmp_path / "store" / hashlib.sha256(content).hexdigest()[:32]
    assert brotli.decompress(kept.with_suffix(".br").read_bytes()) == content
    assert gzip.decompress(kept.with_suffix(".gz").read_bytes()) == content
    assert len(list((tmp_path / "store").iterdir())) == 4


@pytest.mark.parametrize("damage", [b"", b"garbage", None])
def test_damaged_file_on_disk_is_made_anew(
    folder: StaticFolder, tmp_path: Path, damage: bytes | None
) -> None:
    folder.prepare()
    for kept in (tmp_path / "store").iterdir():
        kept.write_bytes(kept.read_bytes()[:-3] if damage is None else damage)
    again = StaticFolder(tmp_path / "root", tmp_path / "store")
    again.prepare()
    file = again.get("/big.js")
    assert file is not None
    assert (
        brotli.decompress(file.bodies["br"]) == gzip.decompress(file.bodies["gzip"]) == file.path.read_bytes()
    )


def test_disk_that_cannot_be_written_leaves_files_uncompressed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "index.html").write_text("<html></html>")
    (tmp_path / "taken").write_text("")
    folder = StaticFolder(tmp_path, tmp_path / "taken")
    folder.prepare()
    file = folder.get("/")
    assert file is not None
    assert file.bodies == {}
    assert "uncompressed" in caplog.text


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context()
    context.set_default_timeout(60_000)
    yield context.new_page()
    context.close()


@pytest.mark.xdist_group("browser")
def test_page_works_in_a_browser_under_the_policy_and_nothing_leaves_the_host(
    daybook: Server, page: Page
) -> None:
    ready = until(
        lambda: daybook.http.get("/inside"),
        lambda answer: "compress static files" not in answer.json()["threads"],
    )
    before = set(ready.json()["modules"])
    asked: list[str] = []
    complaints: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("websocket", lambda link: asked.append(link.url))
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    network = page.context.new_cdp_session(page)
    network.send("Network.enable")
    moved_bytes: list[float] = []
    network.on("Network.loadingFinished", lambda event: moved_bytes.append(event["encodedDataLength"]))

    page.goto(daybook.url)
    page.locator(".js-plotly-plot .main-svg").first.wait_for()
    page.get_by_test_id("stDataFrame").wait_for()
    with page.expect_download() as download:
        page.get_by_text("Download").click()

    assert Path(download.value.path()).read_text() == "day,orders\nMonday,1\n"
    assert complaints == []
    assert {urlsplit(url).netloc for url in asked if not url.startswith(("data:", "blob:"))} == {
        urlsplit(daybook.url).netloc
    }
    assert sum(moved_bytes) < 3_500_000
    imported = set(daybook.http.get("/inside").json()["modules"]) - before
    assert len(imported) < 10, imported
