"""How fast the pages answer over a large catalog while a scan writes, what a gallery weighs, and
what two hundred readers at once do to the scan.

`python -m benchmarks.web [--faces N] [--people N] [--requests N] [--readers N] [--seconds N]
[--json]`

The catalog is made up (`benchmarks.synthetic`); the server is `rollcall serve`, the scan a process
that commits new photos as the writer does, one after the other.
"""

from __future__ import annotations

import argparse
import http.client
import multiprocessing
import os
import random
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import cv2
import numpy as np

from benchmarks import report, synthetic
from catalog.connect import connect, crops_path, transaction

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from multiprocessing.synchronize import Event

# A scan on two cores commits some twenty photos a second.
PAUSE_S = 0.05
# Crops and tiles as a camera's pictures have them, so many different ones.
_PICTURES = 40
_SUGGESTIONS = 2000


def pages(faces: int, people: int, draw: random.Random) -> dict[str, Callable[[], str]]:
    """Every page, each time of something else."""
    media = faces // 2

    def one(most: int) -> int:
        return draw.randint(1, most)

    return {
        "home": lambda: "/",
        "people": lambda: f"/people?page={one(people // 600 + 1)}",
        "people without a name": lambda: f"/people?kind=unnamed&page={one(50)}",
        "person": lambda: f"/people/{draw.randint(3, people)}",
        "person with 10,000 faces": lambda: f"/people/{one(2)}",
        "photos": lambda: f"/media?page={one(200)}",
        "photos of a person": lambda: f"/media?person={one(people)}",
        "photos of two": lambda: f"/media?person={one(2)}&person={draw.randint(3, people)}",
        "photos of a year": lambda: f"/media?since={draw.randint(2001, 2024)}&until=2025",
        "videos": lambda: "/media?kind=video",
        "photo": lambda: f"/media/{one(media)}",
        "face": lambda: f"/faces/{one(faces)}",
        "questions": lambda: "/review",
        "questions, as data": lambda: "/api/suggestions",
        "changes": lambda: "/changes",
        "map": lambda: "/map",
        "map, as data": lambda: "/api/map",
        "places": lambda: "/places",
        "places, as data": lambda: "/api/places",
        "photos of an area": lambda: f"/media?area={one(80)},{one(170)},82,175",
        "add": lambda: "/add",
        "status": lambda: "/api/status",
        "metrics": lambda: "/-/metrics",
        "a crop": lambda: f"/-/rollcall/crop/{one(faces)}",
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    options = _options(arguments)
    with tempfile.TemporaryDirectory(prefix="rollcall-web-") as folder:
        home = Path(folder)
        _fill(home / "state" / "catalog.db", options)
        with _served(home) as address:
            result = _measured(home / "state" / "catalog.db", address, options)
    report.publish(result, as_text(result), as_json=options.json)


def _measured(catalog: Path, address: str, options: argparse.Namespace) -> dict[str, Any]:
    draw = random.Random(0)
    ways = pages(options.faces, options.people, draw)
    for path in ways.values():  # what is loaded once
        _asked(address, path())
    alone = _commits(catalog, options.seconds, pause_s=PAUSE_S)
    alone_flat_out = _commits(catalog, options.seconds / 2, pause_s=0)
    with _scanning(catalog):
        found = {
            name: [_asked(address, path()) for _ in range(options.requests)]
            for name, path in ways.items()
        }
    weights = {it: _weight(address, it) for it in ("/people", "/media", "/people/3")}
    with _reading(address, options) as said:
        beside = _commits(catalog, options.seconds, pause_s=PAUSE_S)
        beside_flat_out = _commits(catalog, options.seconds / 2, pause_s=0)
    return {
        "faces": options.faces,
        "people": options.people,
        "pages": {
            name: {
                "median_ms": 1000 * statistics.median(it[0] for it in answers),
                "p95_ms": 1000 * _p95([it[0] for it in answers]),
                "bytes": statistics.median(it[1] for it in answers),
                "wrong": sum(it[2] != 200 for it in answers),
            }
            for name, answers in found.items()
        },
        "weights": weights,
        "readers": {
            "count": options.readers,
            "answers": said["answers"],
            "wrong": said["wrong"],
            "answers_per_s": said["answers"] / (1.5 * options.seconds),
        },
        "commits": {"alone": alone, "beside": beside},
        "flat_out": {"alone": alone_flat_out, "beside": beside_flat_out},
    }


def _asked(address: str, path: str) -> tuple[float, int, int]:
    """Seconds to the last byte, bytes, status."""
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=60)
    with closing(connection):
        start = time.perf_counter()
        connection.request("GET", path)
        answer = connection.getresponse()
        body = answer.read()
        return time.perf_counter() - start, len(body), answer.status


def _weight(address: str, path: str) -> int:
    """Bytes of a page with all of its pictures, scripts and styles."""
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=60)
    with closing(connection):
        connection.request("GET", path)
        html = connection.getresponse().read()
        total = len(html)
        for source in set(re.findall(rb'(?:src|href)="(/-/[^"]+)"', html)):
            connection.request("GET", source.decode().replace("&amp;", "&"))
            total += len(connection.getresponse().read())
    return total


def _commit(connection: Any, number: int, draw: np.random.Generator) -> float:
    vectors = synthetic.unit(draw.standard_normal((2, synthetic.DIMENSIONS)))
    faces = [
        synthetic.Face(vector=vector, quality=0.8, x=100.0 * place)
        for place, vector in enumerate(vectors)
    ]
    start = time.perf_counter()
    with transaction(connection):
        synthetic.add_photo(connection, number, faces, 1)
    return time.perf_counter() - start


def _commits(catalog: Path, seconds: float, *, pause_s: float) -> dict[str, float]:
    """Photos committed one after the other for so long, as a scan does or without a pause."""
    draw, times = np.random.default_rng(1), []
    number = int(time.time()) * 10**6
    with closing(connect(catalog)) as connection:
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            times.append(_commit(connection, number + len(times), draw))
            time.sleep(pause_s)
    return {
        "count": len(times),
        "median_ms": 1000 * statistics.median(times),
        "p95_ms": 1000 * _p95(times),
        "worst_ms": 1000 * max(times),
    }


@contextmanager
def _scanning(catalog: Path) -> Iterator[None]:
    context = multiprocessing.get_context("spawn")
    stop = context.Event()
    process = context.Process(target=_scan, args=(catalog, stop))
    process.start()
    try:
        yield
    finally:
        stop.set()
        process.join()


def _scan(catalog: Path, stop: Event) -> None:
    draw, number = np.random.default_rng(2), 10**15
    with closing(connect(catalog)) as connection:
        while not stop.wait(PAUSE_S):
            _commit(connection, number, draw)
            number += 1


@contextmanager
def _reading(address: str, options: argparse.Namespace) -> Iterator[dict[str, int]]:
    """So many readers at once, each asking for page after page, in a process of their own."""
    context = multiprocessing.get_context("spawn")
    stop, said = context.Event(), context.SimpleQueue()
    process = context.Process(target=_read, args=(address, options, stop, said))
    process.start()
    time.sleep(2)  # until all are there
    found: dict[str, int] = {}
    try:
        yield found
    finally:
        stop.set()
        found.update(said.get())
        process.join()


def _read(address: str, options: argparse.Namespace, stop: Event, said: Any) -> None:
    os.nice(19)  # readers are other machines: they take nothing of this one's processor
    ways = list(pages(options.faces, options.people, random.Random(4)).values())
    found = {"answers": 0, "wrong": 0}
    guard = threading.Lock()

    def read() -> None:
        while not stop.is_set():
            with guard:
                path = random.choice(ways)()
            status = 0
            with suppress(OSError, http.client.HTTPException):
                status = _asked(address, path)[2]
            with guard:
                found["answers"] += 1
                found["wrong"] += status != 200

    threads = [threading.Thread(target=read) for _ in range(options.readers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    said.put(found)


@contextmanager
def _served(home: Path) -> Iterator[str]:
    (home / "inbox").mkdir()
    (home / "config.toml").write_text('[paths]\nstate = "state"\ninbox = ["inbox"]\n')
    with subprocess.Popen(
        [sys.executable, "-m", "daemon", "serve", "--config", str(home / "config.toml"),
         "--port", "0"],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        found = re.search(r"http://\S+(?=/)", process.stdout.readline())
        try:
            assert found is not None
            yield found[0]
        finally:
            process.send_signal(signal.SIGTERM)


def _fill(path: Path, options: argparse.Namespace) -> None:
    path.parent.mkdir()
    synthetic.fill(path, faces=options.faces, people=options.people, seed=0)
    draw = np.random.default_rng(3)
    crops = [_picture(256, draw) for _ in range(_PICTURES)]
    tiles = [_picture(320, draw, quality=70) for _ in range(_PICTURES)]
    with closing(connect(path)) as connection, closing(connect(crops_path(path))) as pictures:
        with transaction(connection), transaction(pictures):
            for number, jpeg in enumerate(crops):
                pictures.execute(
                    "INSERT INTO crops VALUES (?, ?, '2026-01-01')", [f"{number:064x}", jpeg]
                )
            connection.execute("UPDATE faces SET crop = printf('%064x', id % ?)", [_PICTURES])
            connection.execute(
                """UPDATE media SET camera_make = 'Maker', camera_model = 'Model ' || (id % 7),
                          width = 4000, height = 3000,
                          taken_at_local = strftime('%Y-%m-%dT%H:%M:%S',
                              946684800 + (id * 7919) % 820000000, 'unixepoch')"""
            )
            # A hundred houses where half of the photos were taken, and the world.
            connection.execute(
                """UPDATE media SET latitude = CASE WHEN id % 2 THEN 40 + (id * 31) % 100 * 0.01
                                                    ELSE (id * 7907) % 1600 * 0.1 - 80 END,
                          longitude = CASE WHEN id % 2 THEN 10 + (id * 17) % 100 * 0.01
                                           ELSE (id * 104729) % 3500 * 0.1 - 175 END
                   WHERE id % 4 <> 0"""
            )
            rows = connection.execute(
                "SELECT sha256 FROM media ORDER BY taken_at_local DESC LIMIT 5000"
            ).fetchall()
            pictures.executemany(
                """INSERT INTO previews (sha256, jpeg, width, height, stored_at, small)
                   VALUES (?, ?, 320, 240, '2026-01-01', ?)""",
                [
                    (row["sha256"], tiles[number % _PICTURES], tiles[number % _PICTURES])
                    for number, row in enumerate(rows)
                ],
            )
            connection.execute(
                """INSERT INTO assignments (face_id, person_id, model, state, method, similarity,
                                            confidence, decided_at, decided_by)
                   SELECT id, 3 + id % 50, 'all', 'suggested', 'reference', 0.9, 0.6,
                          '2026-01-01T00:00:00Z', 'identifier'
                   FROM faces WHERE id % 100 = 7 LIMIT ?""",
                [_SUGGESTIONS],
            )
        connection.execute("ANALYZE")


def _picture(side: int, draw: np.random.Generator, *, quality: int = 90) -> bytes:
    """A JPEG that weighs what one of a face or a photo does: soft shapes with some noise."""
    soft = cv2.resize(draw.integers(0, 255, (12, 12, 3)).astype(np.uint8), (side, side))
    noisy = np.clip(soft + draw.normal(0, 4, soft.shape), 0, 255).astype(np.uint8)
    _, data = cv2.imencode(".jpg", noisy, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return bytes(data)


def _p95(values: Sequence[float]) -> float:
    return float(np.percentile(values, 95))


def as_text(result: dict[str, Any]) -> str:
    """The tables."""
    rows = [
        [name, f"{it['median_ms']:.0f}", f"{it['p95_ms']:.0f}", f"{it['bytes'] / 1000:.0f}",
         str(it["wrong"])]
        for name, it in result["pages"].items()
    ]  # fmt: skip
    alone, beside = result["commits"]["alone"], result["commits"]["beside"]
    readers, flat = result["readers"], result["flat_out"]
    weights = ", ".join(f"{name} {it / 1000:.0f} kB" for name, it in result["weights"].items())
    return "\n".join(
        [
            report.table(["page", "median ms", "95 % ms", "kB", "wrong"], rows),
            f"with all that they show: {weights}",
            f"{readers['count']} readers at once: {readers['answers_per_s']:.0f} answers a second, "
            f"{readers['wrong']} of {readers['answers']} wrong",
            f"a commit takes {alone['median_ms']:.2f} ms alone, {beside['median_ms']:.2f} beside "
            f"them ({beside['median_ms'] / alone['median_ms']:.2f} times; 95 % "
            f"{alone['p95_ms']:.1f} and {beside['p95_ms']:.1f}, worst {alone['worst_ms']:.0f} and "
            f"{beside['worst_ms']:.0f})",
            f"without a pause {flat['beside']['count'] / flat['alone']['count']:.2f} times as many "
            "commits are made beside them",
        ]
    )


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.web", description=__doc__)
    parser.add_argument("--faces", type=int, default=200_000, help="faces in the catalog")
    parser.add_argument("--people", type=int, default=5000, help="people in the catalog")
    parser.add_argument("--requests", type=int, default=40, help="requests of each page")
    parser.add_argument("--readers", type=int, default=200, help="readers at once")
    parser.add_argument("--seconds", type=float, default=20.0, help="of parallel reading")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
