"""The pages in a real Chromium, at phone and desk width, light and dark: pictures load, nothing
else is asked for.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
REPOSITORY = Path(__file__).parents[2]
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        CHROMIUM is None or DRIVER is None,
        reason="no chromium and chromedriver: make test-browser",
    ),
]
# Pictures of the pages go there, for a person to look at, where this is set.
SCREENSHOTS = os.environ.get("ROLLCALL_SCREENSHOTS")
ARGUMENTS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-dev-shm-usage",
)  # fmt: skip
SIZES = [pytest.param(390, 844, id="phone"), pytest.param(1440, 1000, id="desk")]
# Page, pictures of faces and of media that it shows.
PAGES = [
    pytest.param("/", 0, 0, id="home"),
    pytest.param("/catalog", 0, 0, id="catalog"),
    pytest.param("/catalog/faces", 8, 8, id="faces"),
    pytest.param("/catalog/media", 0, 6, id="media"),
    pytest.param("/catalog/faces/1", 2, 1, id="face"),
    pytest.param("/catalog/who-is-in?media_id=2", 6, 0, id="question"),
    pytest.param("/catalog/photos-of?person=Barack+Obama", 3, 3, id="person"),
]

# Scrolls through everything, so that pictures that load when they come into view do, and waits for
# them.
LOOK = """
const done = arguments[arguments.length - 1];
(async () => {
    for (const wrapper of document.querySelectorAll(".table-wrapper")) wrapper.scrollLeft = 1e6;
    for (let top = 0; top < document.body.scrollHeight; top += innerHeight / 2) {
        scrollTo(0, top);
        await new Promise(requestAnimationFrame);
    }
    await Promise.all([...document.images].map((image) => image.decode().catch(() => null)));
    done([...document.images].map((image) => ({
        source: image.src, loaded: image.complete && image.naturalWidth > 0,
        width: image.getBoundingClientRect().width, alt: image.alt,
    })));
})();
"""
# Width of the page beyond the window: a phone must not scroll sideways.
OVERFLOW = "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
BRIGHTNESS = """
const [r, g, b] = getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number);
return (r + g + b) / 3;
"""


@pytest.fixture(scope="module")
def address(_built: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A running `rollcall serve` over the small catalog."""
    home = tmp_path_factory.mktemp("browser")
    shutil.copytree(_built.parent, home / "state")
    (home / "config.toml").write_text('[paths]\nstate = "state"\n')
    with subprocess.Popen(
        [sys.executable, "-m", "daemon", "serve", "--config", "config.toml", "--port", "0"],
        cwd=home,
        env={"PYTHONPATH": str(REPOSITORY), "HOME": str(home)},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        found = re.search(r"http://\S+(?=/)", process.stdout.readline())
        try:
            assert found
            yield found[0]
        finally:
            process.send_signal(signal.SIGTERM)


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for argument in (*ARGUMENTS, f"--user-data-dir={tmp_path_factory.mktemp('chromium')}"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    # Both paths are given, so that selenium looks for neither on the network.
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(str(DRIVER)))
    try:
        yield driver
    finally:
        driver.quit()


def show(chromium: Any, size: tuple[int, int], scheme: str, address: str) -> None:
    chromium.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": size[0] < 500},
    )
    chromium.execute_cdp_cmd(
        "Emulation.setEmulatedMedia",
        {"features": [{"name": "prefers-color-scheme", "value": scheme}]},
    )
    for kind in ("browser", "performance"):
        chromium.get_log(kind)
    chromium.get(address)


def hosts_asked(chromium: Any) -> set[str]:
    """Every host that the page sent a request to since it was opened."""
    messages = [
        json.loads(entry["message"])["message"] for entry in chromium.get_log("performance")
    ]
    return {
        urlsplit(message["params"]["request"]["url"]).netloc
        for message in messages
        if message["method"] == "Network.requestWillBeSent"
        and not message["params"]["request"]["url"].startswith("data:")
    }


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("width", "height"), SIZES)
@pytest.mark.parametrize(("path", "faces", "media"), PAGES)
def test_a_page_shows_its_pictures_and_asks_nobody_else(
    chromium: Any,
    address: str,
    path: str,
    faces: int,
    media: int,
    width: int,
    height: int,
    scheme: str,
) -> None:
    show(chromium, (width, height), scheme, address + path)
    images = chromium.execute_async_script(LOOK)
    kinds = [urlsplit(image["source"]).path.split("/")[3] for image in images]
    assert (kinds.count("crop"), kinds.count("preview")) == (faces, media)
    for image in images:
        assert image["loaded"], image
        assert image["width"] >= 80
        assert image["alt"]
    assert chromium.execute_script(OVERFLOW) <= 0
    assert (chromium.execute_script(BRIGHTNESS) > 128) == (scheme == "light")
    if SCREENSHOTS:
        chromium.execute_script("scrollTo(0, 0)")
        name = path.strip("/").replace("/", "-").partition("?")[0] or "home"
        chromium.save_screenshot(str(Path(SCREENSHOTS) / f"{name}-{width}-{scheme}.png"))
    assert [entry["message"] for entry in chromium.get_log("browser")] == []
    assert hosts_asked(chromium) == {urlsplit(address).netloc}


def test_names_that_are_markup_run_nothing(chromium: Any, address: str) -> None:
    from selenium.common.exceptions import NoAlertPresentException

    for path in ("/catalog/people", "/catalog/people/3", "/catalog/files", "/catalog/jobs/1"):
        show(chromium, (1440, 1000), "light", address + path)
        chromium.execute_async_script(LOOK)
        with pytest.raises(NoAlertPresentException):
            chromium.switch_to.alert  # noqa: B018 - reading it is the question


def test_a_page_keeps_its_place_while_pictures_arrive(chromium: Any, address: str) -> None:
    show(chromium, (1440, 1000), "light", address + "/catalog/faces")
    shift = chromium.execute_async_script(
        """
        const done = arguments[0];
        let sum = 0;
        new PerformanceObserver((list) => {
            for (const entry of list.getEntries()) sum += entry.value;
        }).observe({type: "layout-shift", buffered: true});
        setTimeout(() => done(sum), 500);
        """
    )
    # Datasette's own script widens the headers a little; a table without sizes would jump by far
    # more.
    assert shift < 0.1
