"""Pictures of every page: ``python docs/screenshots.py http://localhost:8501`` looks at a running dashboard."""

import shutil
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import typer
from playwright.sync_api import Browser, Page, expect, sync_playwright

FOLDER = Path(__file__).parent / "screenshots"
PAGES = {
    "overview": "/",
    "sales": "/sales",
    "explore": "/explore",
    "products": "/products",
    "customers": "/customers",
    "reports": "/reports",
    "freshness": "/freshness",
    "cache": "/cache",
    "slow_queries": "/slow_queries",
    "database": "/database",
    "system": "/system",
}
WAIT_MS = 60_000
MARGIN_PX = 32

# Below the last card there is room of its own accord, which says nothing in a picture.
_CONTENT_HEIGHT = """() => {
    const scrolled = document.querySelector('[data-testid=stMain]').scrollTop;
    const block = document.querySelector('[data-testid=stMainBlockContainer] [data-testid=stVerticalBlock]');
    return Math.ceil(block.getBoundingClientRect().bottom + scrolled);
}"""
_CHARTS_FIT = """() => [...document.querySelectorAll('[data-testid=stPlotlyChart]')].every(chart => {
    const drawing = chart.querySelector('.main-svg');
    return drawing && Math.abs(drawing.clientWidth - chart.clientWidth) < 2;
})"""


class Look(NamedTuple):
    scheme: Literal["light", "dark"]
    width: int
    height: int


LOOKS = {
    "light": Look("light", 1440, 900),
    "dark": Look("dark", 1440, 900),
    "narrow": Look("light", 390, 844),
}


def main(
    url: Annotated[str, typer.Argument(help="Where the dashboard runs, as http://localhost:8501.")],
) -> None:
    """Write docs/screenshots/PAGE-{light,dark,narrow}.png."""
    FOLDER.mkdir(exist_ok=True)
    expect.set_options(timeout=WAIT_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        for look_name, look in LOOKS.items():
            for page_name, path in PAGES.items():
                target = FOLDER / f"{page_name}-{look_name}.png"
                _take(browser, f"{url.rstrip('/')}{path}", look, target)
                typer.echo(target)
        browser.close()


def _take(browser: Browser, url: str, look: Look, target: Path) -> None:
    viewport = {"width": look.width, "height": look.height}
    context = browser.new_context(viewport=viewport, color_scheme=look.scheme, locale="en-US")
    context.set_default_timeout(WAIT_MS)
    page = context.new_page()
    page.goto(url)
    _wait_until_drawn(page)
    height = page.evaluate(_CONTENT_HEIGHT) + MARGIN_PX
    page.set_viewport_size(viewport | {"height": max(height, look.height)})
    _wait_until_drawn(page)
    page.screenshot(path=target, animations="disabled")
    context.close()


def _wait_until_drawn(page: Page) -> None:
    page.get_by_test_id("stMain").get_by_test_id("stHeading").first.wait_for()
    expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning")
    expect(page.get_by_test_id("stSkeleton")).to_have_count(0)
    page.wait_for_function(_CHARTS_FIT)


if __name__ == "__main__":
    typer.run(main)
