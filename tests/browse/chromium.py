"""A real Chromium, at phone and desk width, light and dark, and what its pages asked for."""

from __future__ import annotations

import json
import os
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
MARKS = [
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
    "--disable-dev-shm-usage", "--autoplay-policy=no-user-gesture-required",
)  # fmt: skip
SIZES = [pytest.param(390, 844, id="phone"), pytest.param(1440, 1000, id="desk")]
# Width of the page beyond the window: a phone must not scroll sideways.
OVERFLOW = "return document.documentElement.scrollWidth - document.documentElement.clientWidth"


_PAINTED = "requestAnimationFrame(() => requestAnimationFrame(arguments[0]))"


@contextmanager
def opened(profile: Path) -> Iterator[Any]:
    """A Chromium of its own."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for argument in (*ARGUMENTS, f"--user-data-dir={profile}"):
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
    # Until a page is painted Chromium lets go what is typed at it.
    chromium.execute_async_script(_PAINTED)


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
