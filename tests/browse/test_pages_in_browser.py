"""What people do on the pages, in a real Chromium over a daemon that works: naming, merging,
undoing, answering by keyboard, dropping files, jumping in a video.
"""

from __future__ import annotations

import base64
import re
import shutil
import signal
import subprocess
import sys
import time
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from catalog.connect import connect, transaction
from tests.browse.chromium import MARKS, OVERFLOW, SCREENSHOTS, SIZES, hosts_asked, opened, show
from tests.end_to_end.conftest import Home, build_home

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

REPOSITORY = Path(__file__).parents[2]
pytestmark = MARKS
PHOTOS = ("obama1.jpg", "obama_and_biden.jpg", "two_people.jpg", "couple.jpg", "kit_with_rose.jpg")
LONG = "Wolfeschlegelsteinhausenbergerdorff" * 5
MARKUP = "<img src=x onerror=alert(1)>"
AXE = """
const done = arguments[arguments.length - 1];
axe.run(document, {resultTypes: ["violations"]}).then(
    (it) => done(it.violations.map(
        (one) => [one.impact, one.id, one.nodes.map((it) => it.failureSummary + it.html)])),
    (error) => done([["critical", String(error), []]]));
"""
DROP = """
const [encoded, name, where] = arguments;
const bytes = Uint8Array.from(atob(encoded), (it) => it.charCodeAt(0));
const transfer = new DataTransfer();
transfer.items.add(new File([bytes], name, {type: "image/jpeg"}));
document.querySelector(where).dispatchEvent(
    new DragEvent("drop", {bubbles: true, cancelable: true, dataTransfer: transfer}));
"""


@dataclass(frozen=True)
class Place:
    """A home with a daemon and pages."""

    home: Home
    address: str

    def write(self, sql: str, *values: object) -> None:
        with closing(connect(self.home.catalog)) as connection, transaction(connection):
            connection.execute(sql, values)


@contextmanager
def served(home: Home) -> Iterator[str]:
    with subprocess.Popen(
        [sys.executable, "-m", "daemon", "serve", "--config", "config.toml", "--port", "0"],
        cwd=home.path,
        env={**home.environment, "PYTHONPATH": str(REPOSITORY)},
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
def place(tmp_path_factory: pytest.TempPathFactory, test_data: Path) -> Iterator[Place]:
    """Photos and a video, catalogued by a daemon that goes on watching; three people are named."""
    home = build_home(
        tmp_path_factory.mktemp("pages") / "home", models={"weights": str(test_data / "weights")}
    )
    for name in PHOTOS:
        shutil.copy(test_data / "photos" / "examples" / name, home.inbox)
    shutil.copy(test_data / "video" / "short_hamilton_clip.mp4", home.inbox / "clip.mp4")
    with home.watching():
        home.wait(
            lambda: home.value("SELECT count(*) FROM media WHERE state = 'done'") == 6,
            timeout_s=120,
        )
        home.wait(
            lambda: not home.query("SELECT 1 FROM jobs WHERE state IN ('waiting', 'running')"),
            timeout_s=60,
        )
        with served(home) as address:
            found = Place(home, address)
            numbers = [it for (it,) in home.query("SELECT person_id FROM people_summary")]
            for number, name in zip(numbers, (LONG, MARKUP), strict=False):
                found.write("UPDATE people SET name = ? WHERE id = ?", name, number)
            yield found


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with opened(tmp_path_factory.mktemp("chromium")) as driver:
        yield driver


def until(question: Callable[[], Any], timeout_s: float = 15.0) -> Any:
    """What is asked for, as soon as it is true."""
    from selenium.common.exceptions import WebDriverException

    end = time.monotonic() + timeout_s
    while True:
        with suppress(WebDriverException):  # the page is just being replaced by the next one
            found = question()
            if found:
                return found
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.05)


def find(chromium: Any, css: str) -> Any:
    return until(lambda: next(iter(chromium.find_elements("css selector", css)), None))


def click(chromium: Any, css: str) -> None:
    element = find(chromium, css)
    chromium.execute_script("arguments[0].scrollIntoView({block: 'center'})", element)
    until(element.is_displayed)
    element.click()


def press(chromium: Any, keys: str) -> None:
    chromium.find_element("css selector", "body").send_keys(keys)


def errors(chromium: Any) -> list[str]:
    return [entry["message"] for entry in chromium.get_log("browser")]


def unnamed(place: Place) -> list[int]:
    return [it for (it,) in place.home.query("SELECT person_id FROM unknown_people")]


def pages(place: Place) -> dict[str, str]:
    video = place.home.value("SELECT id FROM media WHERE kind = 'video'")
    photo = place.home.value("SELECT max(id) FROM media WHERE kind = 'image' AND faces_count > 1")
    person = place.home.value("SELECT person_id FROM people_summary ORDER BY name IS NULL LIMIT 1")
    return {
        "home": "/",
        "people": "/people",
        "unnamed": "/people?kind=unnamed",
        "nobody": "/people?name=no-such-name",
        "person": f"/people/{person}",
        "media": "/media",
        "filtered": f"/media?kind=photo&person={person}&since=1990",
        "photo": f"/media/{photo}",
        "video": f"/media/{video}",
        "face": f"/faces/{place.home.value('SELECT min(id) FROM faces')}",
        "review": "/review",
        "changes": "/changes",
        "map": "/map",
        "places": "/places",
        "add": "/add",
        "problem": "/people/99999",
    }


NAMES = (
    "home", "people", "unnamed", "nobody", "person", "media", "filtered", "photo", "video", "face",
    "review", "changes", "map", "places", "add", "problem",
)  # fmt: skip


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("width", "height"), SIZES)
@pytest.mark.parametrize("name", NAMES)
def test_a_page_is_for_everybody(
    chromium: Any, place: Place, name: str, width: int, height: int, scheme: str
) -> None:
    """It fits, asks nobody else, complains of nothing, and axe finds nothing serious in it."""
    show(chromium, (width, height), scheme, place.address + pages(place)[name])
    time.sleep(0.3)
    assert chromium.execute_script(OVERFLOW) <= 0
    if SCREENSHOTS:
        chromium.save_screenshot(str(Path(SCREENSHOTS) / f"page-{name}-{width}-{scheme}.png"))
    expected = 1 if name == "problem" else 0  # the page itself is not there
    assert len(errors(chromium)) == expected
    assert hosts_asked(chromium) == {urlsplit(place.address).netloc}
    axe = resources.files("axe_core_python").joinpath("axe.min.js").read_text(encoding="utf-8")
    chromium.execute_script(axe)
    found = chromium.execute_async_script(AXE)
    assert [it for it in found if it[0] in ("serious", "critical")] == []


def test_somebody_is_named_in_place_and_it_is_undone(chromium: Any, place: Place) -> None:
    person = unnamed(place)[0]
    show(chromium, (1440, 1000), "light", f"{place.address}/people/{person}")
    find(chromium, "#name").send_keys("Rosa Parks")
    click(chromium, '[data-form="name"] button')
    until(lambda: find(chromium, "[data-shown-name]").text == "Rosa Parks")
    assert place.home.value("SELECT name FROM people WHERE id = ?", person) == "Rosa Parks"
    click(chromium, ".rc-toast button")
    until(lambda: place.home.value("SELECT name FROM people WHERE id = ?", person) is None)
    until(lambda: find(chromium, "[data-shown-name]").text == f"person {person}")
    assert errors(chromium) == []


def test_names_are_completed(chromium: Any, place: Place) -> None:
    person = unnamed(place)[0]
    show(chromium, (1440, 1000), "light", f"{place.address}/people/{person}")
    find(chromium, "#name").send_keys("Wolfe")
    options = "return [...document.querySelectorAll('#known option')].map((it) => it.value)"
    until(lambda: chromium.execute_script(options) == [LONG])


def test_two_people_are_one_by_picking_them(chromium: Any, place: Place) -> None:
    first, second = unnamed(place)[:2]
    show(chromium, (1440, 1000), "light", f"{place.address}/people?kind=unnamed")
    click(chromium, '[data-action="pick"]')
    for person in (first, second):
        click(chromium, f'[data-person="{person}"]')
    assert find(chromium, "[data-bar-count]").text == "2 chosen"
    click(chromium, '[data-action="merge"]')
    until(lambda: chromium.current_url.endswith(f"/people/{first}"))
    merged = "SELECT merged_into FROM people WHERE id = ?"
    assert place.home.value(merged, second) == first
    click(chromium, ".rc-toast button")
    until(lambda: place.home.value(merged, second) is None)
    assert errors(chromium) == []


def test_selected_faces_are_somebody_else(chromium: Any, place: Place) -> None:
    (person,) = place.home.query(
        """SELECT person_id FROM faces WHERE person_id IS NOT NULL AND track_id IS NULL
           GROUP BY 1 HAVING count(*) > 1 ORDER BY count(*) DESC LIMIT 1"""
    )[0]
    show(chromium, (1440, 1000), "light", f"{place.address}/people/{person}")
    click(chromium, '[data-action="select"]')
    face = find(chromium, "[data-faces] [data-face]").get_attribute("data-face")
    click(chromium, f'[data-faces] [data-face="{face}"]')
    click(chromium, '[data-action="split"]')
    find(chromium, "#other").send_keys("Somebody Else")
    click(chromium, '[data-dialog="who"] button[value="ok"]')
    whose = """SELECT name FROM faces JOIN people ON people.id = person_id WHERE faces.id = ?"""
    until(lambda: place.home.query(whose, int(face)) == [("Somebody Else",)])
    click(chromium, ".rc-toast button")
    until(lambda: place.home.query(whose, int(face)) != [("Somebody Else",)])


def test_questions_are_answered_by_one_key_each(chromium: Any, place: Place) -> None:
    # What was undone before is being judged again, and takes back what is asked of those faces.
    place.home.wait(place.home.settled)
    rows = place.home.query(
        """SELECT faces.id, faces.person_id FROM faces
           WHERE person_id IS NOT NULL AND track_id IS NULL AND NOT EXISTS
               (SELECT 1 FROM assignments WHERE face_id = faces.id AND state = 'suggested')
           ORDER BY faces.id LIMIT 4"""
    )
    someone = unnamed(place)[-1]
    faceless = 900
    place.write(
        """INSERT INTO people (id, name, origin, created_at)
           VALUES (?, 'Without A Picture', 'user', '2026-01-01T00:00:00Z')""",
        faceless,
    )
    asked = (someone, someone, someone, faceless)
    for (face, _), who in zip(rows, asked, strict=True):
        place.write(
            """INSERT INTO assignments (face_id, person_id, model, state, method, similarity,
                                        confidence, decided_at, decided_by)
               VALUES (?, ?, 'all', 'suggested', 'reference', 0.9, 0.6, '2026-01-01T00:00:00Z',
                       'identifier')""",
            face,
            who,
        )
    show(chromium, (1440, 1000), "light", f"{place.address}/review")
    assert int(find(chromium, "[data-total]").text) >= len(asked), "none was taken back meanwhile"
    links = []
    alarm = "return [...document.querySelectorAll('.rc-alarm')].map((it) => it.textContent)"
    for key in "ynx":
        links.append(until(lambda: find(chromium, "[data-face-link]").get_attribute("href")))
        count = find(chromium, "[data-total]").text
        press(chromium, key)
        until(
            lambda before=count: (
                find(chromium, "[data-total]").text != before or chromium.execute_script(alarm)
            )
        )
        assert chromium.execute_script(alarm) == []
    faces = [int(it.rsplit("/", 1)[1]) for it in links]
    open_ones = """SELECT count(*) FROM assignments WHERE state = 'suggested'
                   AND ended_at IS NULL AND model = 'all' AND face_id = ?"""
    until(lambda: [place.home.value(open_ones, it) for it in faces] == [0, 0, 0])
    assert place.home.value("SELECT person_id FROM faces WHERE id = ?", faces[0]) == someone
    ruled = "SELECT person_id FROM rejections WHERE face_id = ?"
    assert place.home.query(ruled, faces[1]) == [(someone,)]
    assert place.home.value("SELECT state FROM faces WHERE id = ?", faces[2]) == "hidden"
    press(chromium, "u")
    until(lambda: place.home.value("SELECT state FROM faces WHERE id = ?", faces[2]) == "active")
    until(lambda: find(chromium, "[data-face-link]").get_attribute("href") == links[2])
    for _ in range(20):  # those that the machine asks of itself are left for later too
        press(chromium, "s")
    until(lambda: find(chromium, "[data-done]").is_displayed())
    assert errors(chromium) == []


def test_a_dropped_file_is_catalogued_and_shown_live(
    chromium: Any, place: Place, test_data: Path
) -> None:
    content = (test_data / "photos" / "examples" / "obama-240p.jpg").read_bytes()
    show(chromium, (1440, 1000), "light", place.address)
    home = chromium.current_window_handle
    chromium.switch_to.new_window("tab")
    chromium.get(f"{place.address}/add")
    chromium.execute_script(DROP, base64.b64encode(content).decode(), "dropped.jpg", "h1")
    until(lambda: "1 added" in find(chromium, "[data-uploads-line]").text)
    assert (place.home.inbox / "dropped.jpg").read_bytes() == content
    media = place.home.wait(
        lambda: place.home.query(
            """SELECT media_id FROM files JOIN media ON media.id = media_id
               WHERE path LIKE '%dropped.jpg' AND media.state = 'done'"""
        )
    )[0][0]
    chromium.close()
    chromium.switch_to.window(home)
    shown = "return document.querySelector('[data-live=link]').href"
    until(lambda: str(chromium.execute_script(shown)).endswith(f"/media/{media}"))
    boxes = "return document.querySelectorAll('[data-live=boxes] rect').length"
    until(lambda: chromium.execute_script(boxes) == 1)
    assert errors(chromium) == []


def test_a_click_jumps_to_where_somebody_is_seen(chromium: Any, place: Place) -> None:
    show(chromium, (1440, 1000), "light", place.address + pages(place)["video"])
    ready = "return document.querySelector('video').readyState >= 1"
    until(lambda: chromium.execute_script(ready))
    latest = max(
        chromium.find_elements("css selector", "[data-at]"),
        key=lambda it: float(it.get_attribute("data-at")),
    )
    at = float(latest.get_attribute("data-at"))
    assert at > 1
    chromium.execute_script("arguments[0].dispatchEvent(new MouseEvent('click'))", latest)
    now = "return document.querySelector('video').currentTime"
    until(lambda: at - 0.1 <= chromium.execute_script(now) <= at + 2)
    latest.send_keys("\ue007")  # by keyboard too
    asked = [
        entry["message"]
        for entry in chromium.get_log("performance")
        if "original/" in entry["message"]
    ]
    assert any("206" in it for it in asked), "it is read in parts"
    assert errors(chromium) == []


def test_boxes_and_names_are_shown_and_hidden(chromium: Any, place: Place) -> None:
    show(chromium, (1440, 1000), "light", place.address + pages(place)["photo"])
    assert len(chromium.find_elements("css selector", ".rc-box")) > 1
    click(chromium, "[data-toggle-boxes]")
    assert not find(chromium, "[data-boxes]").is_displayed()


def test_filters_stay_in_the_address(chromium: Any, place: Place) -> None:
    show(chromium, (1440, 1000), "light", f"{place.address}/media")
    everything = len(chromium.find_elements("css selector", ".rc-tile"))
    find(chromium, '[name="kind"]').send_keys("videos")
    click(chromium, '[data-form="filter"] .rc-primary')
    until(lambda: "kind=video" in chromium.current_url)
    assert len(chromium.find_elements("css selector", ".rc-tile")) == 1 < everything
    assert "camera=" not in chromium.current_url, "what is empty is not in it"
    find(chromium, "[data-person-input]").send_keys("Wolfe")
    click(chromium, '[data-form="filter"] .rc-primary')
    until(lambda: "person=" in chromium.current_url)


def test_an_address_with_a_time_begins_there(chromium: Any, place: Place) -> None:
    now = "return document.querySelector('video').currentTime"
    video = place.address + pages(place)["video"]
    for at in (1.5, 3.0, 1.5):
        show(chromium, (1440, 1000), "light", "about:blank")
        chromium.get(f"{video}#t={at}")
        until(lambda at=at: chromium.execute_script(now) == pytest.approx(at, abs=0.1))
    chromium.execute_script("location.hash = '#t=4'")
    until(lambda: chromium.execute_script(now) == pytest.approx(4, abs=0.1))
    assert errors(chromium) == []


def test_a_person_is_added_to_the_filter_once_and_never_by_half_a_name(
    chromium: Any, place: Place
) -> None:
    someone, other = unnamed(place)[:2]
    for number, name in ((someone, "Ada Lovelace"), (other, "Adam Smith")):
        place.write("UPDATE people SET name = ? WHERE id = ?", name, number)
    show(chromium, (1440, 1000), "light", f"{place.address}/media")
    find(chromium, "[data-person-input]").send_keys("ada\t")
    time.sleep(0.5)
    assert chromium.current_url.endswith("/media"), "nobody was chosen"
    find(chromium, "[data-person-input]").send_keys("\ue007")
    until(lambda: "choose one" in find(chromium, ".rc-toasts").text)
    find(chromium, "[data-person-input]").send_keys(" lovelace\ue007")
    until(lambda: "person=" in chromium.current_url)
    assert urlsplit(chromium.current_url).query == f"person={someone}"
    assert len(chromium.find_elements("css selector", ".rc-chip")) == 1
    place.write("UPDATE people SET name = NULL WHERE id IN (?, ?)", someone, other)


def test_several_are_hidden_and_one_undo_brings_all_back(chromium: Any, place: Place) -> None:
    people = unnamed(place)[:2]
    show(chromium, (390, 844), "light", f"{place.address}/people?kind=unnamed")
    click(chromium, '[data-action="pick"]')
    for person in people:
        click(chromium, f'[data-person="{person}"]')
    click(chromium, '[data-action="hide-people"]')
    hidden = "SELECT count(*) FROM people WHERE hidden"
    until(lambda: place.home.value(hidden) == 2)
    click(chromium, ".rc-toast button")
    until(lambda: place.home.value(hidden) == 0)
    until(lambda: "Undone" in find(chromium, ".rc-toasts").text)
    assert errors(chromium) == []


def test_markup_in_names_is_text(chromium: Any, place: Place) -> None:
    from selenium.common.exceptions import NoAlertPresentException

    for path in pages(place).values():
        show(chromium, (1440, 1000), "light", place.address + path)
        with pytest.raises(NoAlertPresentException):
            chromium.switch_to.alert  # noqa: B018 - reading it is the question


def placed_photos(place: Place) -> list[int]:
    """Two photos and a third one at the same gate, as a telephone would tell."""
    media = [it for (it,) in place.home.query("SELECT id FROM media WHERE kind = 'image' LIMIT 3")]
    where = ((52.5163, 13.3777), (52.5163, 13.3777), (48.8584, 2.2945))
    for media_id, (latitude, longitude) in zip(media, where, strict=True):
        place.write(
            "UPDATE media SET latitude = ?, longitude = ? WHERE id = ?",
            latitude,
            longitude,
            media_id,
        )
    return media


def test_places_are_found_and_lead_to_what_was_taken_there(chromium: Any, place: Place) -> None:
    from selenium.webdriver.common.action_chains import ActionChains

    first, second, other = placed_photos(place)
    show(chromium, (1440, 1000), "light", f"{place.address}/places")
    until(lambda: find(chromium, "[data-places-line]").text == "3 know where they were taken")
    until(lambda: find(chromium, "[data-in-view]").text == "Show the 3 in view")
    # Nearer by keyboard, so that Paris goes out of sight.
    chromium.get(f"{place.address}/places#15/52.5163/13.3777")
    chromium.refresh()
    until(lambda: find(chromium, "[data-in-view]").text == "Show the 2 in view")
    canvas = find(chromium, "[data-places]")
    ActionChains(chromium).move_to_element(canvas).perform()
    until(lambda: find(chromium, "[data-hover] img").is_displayed())
    assert "2 photos and videos" in find(chromium, "[data-hover]").text
    ActionChains(chromium).click(canvas).perform()
    until(lambda: "/media?area=" in chromium.current_url)
    shown = chromium.find_elements("css selector", ".rc-grid a")
    numbers = {int(re.search(r"/media/(\d+)", it.get_attribute("href"))[1]) for it in shown}
    assert numbers == {first, second}
    chromium.get(f"{place.address}/media/{other}")
    click(chromium, 'a[href*="/places#"]')
    until(lambda: find(chromium, "[data-in-view]").text == "Show the 1 in view")
    find(chromium, "[data-places]").send_keys("-" * 20)
    until(lambda: find(chromium, "[data-in-view]").text == "Show the 3 in view")
    assert errors(chromium) == []
    assert hosts_asked(chromium) == {urlsplit(place.address).netloc}


def test_two_fingers_bring_the_world_nearer(chromium: Any, place: Place) -> None:
    placed_photos(place)
    show(chromium, (390, 844), "light", f"{place.address}/places")
    until(lambda: find(chromium, "[data-in-view]").text == "Show the 3 in view")
    level = "return Number(location.hash.slice(1).split('/')[0])"
    before = chromium.execute_script(level)
    box = find(chromium, "[data-places]").rect

    def touch(kind: str, apart: float) -> None:
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        points = [{"x": x + side * apart, "y": y, "id": side + 1} for side in (-1, 1)]
        points = [] if kind == "touchEnd" else points
        chromium.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    touch("touchStart", 20)
    for apart in (40, 60, 80):
        touch("touchMove", apart)
    touch("touchEnd", 0)
    until(lambda: chromium.execute_script(level) == pytest.approx(before + 2, abs=0.4))
    assert errors(chromium) == []


def test_the_map_shows_the_face_under_the_pointer(chromium: Any, place: Place) -> None:
    from selenium.webdriver.common.action_chains import ActionChains

    show(chromium, (1440, 1000), "light", f"{place.address}/map")
    loaded = "return Number(document.querySelector('[data-map]').dataset.loaded || 0)"
    count = until(lambda: chromium.execute_script(loaded))
    assert count == place.home.value("SELECT count(*) FROM faces WHERE state = 'active'")
    canvas = find(chromium, "[data-map]")
    drawn = """
    const canvas = document.querySelector("[data-map]"), data = canvas.getContext("2d");
    const {width, height} = canvas, pixels = data.getImageData(0, 0, width, height).data;
    for (let at = 3; at < pixels.length; at += 4)
        if (pixels[at])
            return [(at - 3) / 4 % width, Math.floor((at - 3) / 4 / width), width, height];
    return null;
    """
    x, y, width, height = until(lambda: chromium.execute_script(drawn))
    ActionChains(chromium).move_to_element_with_offset(
        canvas, x + 2 - width // 2, y + 2 - height // 2
    ).perform()
    until(lambda: find(chromium, "[data-hover] img").is_displayed())
    canvas.send_keys("+")
    ActionChains(chromium).move_to_element(canvas).perform()
    assert errors(chromium) == []
