"""The pages in a real Chromium, at phone and desk width, light and dark: pictures load, nothing
else is asked for.
"""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from tests.browse.chromium import MARKS, OVERFLOW, SCREENSHOTS, SIZES, hosts_asked, opened, show

if TYPE_CHECKING:
    from collections.abc import Iterator

REPOSITORY = Path(__file__).parents[2]
pytestmark = MARKS
# Page, pictures of faces and of media that it shows.
PAGES = [
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
    with opened(tmp_path_factory.mktemp("chromium")) as driver:
        yield driver


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
