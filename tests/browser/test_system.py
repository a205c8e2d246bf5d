"""The System page in a real browser: what the server serves is seen there, and by Prometheus."""

import json
import re
from pathlib import Path
from urllib.request import Request, urlopen

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import SERVE, OpenPage, serving, settled
from tests.servers import wait_until

pytestmark = pytest.mark.xdist_group("browser")

OFTEN = ("env", "DASHBOARD_HEARTBEAT_SECONDS=0.2", "DASHBOARD_LOG_FORMAT=json", *SERVE)


def scraped(url: str) -> str:
    with urlopen(f"{url}/metrics") as answer:
        return str(answer.read().decode())


def test_what_the_server_serves_is_seen(tmp_path: Path, shop_url: str, open_page: OpenPage) -> None:
    with serving(tmp_path, shop_url, OFTEN) as daybook:
        page = open_page(f"{daybook.url}/system")
        expect(settled(page).get_by_role("heading", name="System", exact=True)).to_be_visible()
        expect(page.get_by_role("dialog")).to_have_count(0)
        wait_until(
            lambda: 'daybook_rerun_duration_seconds_count{page="/system"}' in scraped(daybook.url),
            "the run is counted",
        )
        metrics = scraped(daybook.url)
        assert "daybook_sessions 1.0" in metrics
        assert re.search(r"daybook_event_loop_lag_seconds \d", metrics)
        assert re.search(r'api_requests_total\{endpoint="/system",method="GET",status="200"\} [1-9]', metrics)
        wait_until(lambda: "daybook_jobs" in scraped(daybook.url), "a heartbeat has read the database")

        page.reload()
        expect(page.get_by_text("server", exact=True).first).to_be_visible()
        expect(page.get_by_text(re.compile(r"up to .* late in the last minute")).first).to_be_visible()
        foreign = Request(f"{daybook.url}/metrics", headers={"Host": "evil.example"})
        with pytest.raises(OSError, match="403"):
            urlopen(foreign)
        page.context.close()
        lines = [line for line in daybook.log().splitlines() if not line.startswith("Daybook is at")]
        assert all(json.loads(line)["level"] for line in lines)
