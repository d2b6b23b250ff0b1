"""Photographs a second of a whole scan, beside a loop of `DeepFace.represent` over the same files.

`python -m benchmarks.throughput [--photos FOLDER] [--copies N] [--rounds N] [--workers N]
[--no-peer] [--faceless] [--no-second-chance] [--json]`

Both are warm: models loaded, files in the page cache. A scan is everything that `rollcall scan`
does once its workers run, with the catalog on disk; it hashes, reads EXIF, stores crops and
previews, scores, recognises and groups. DeepFace's loop does detection and representation only.
Every round measures each of them in turn; the table gives medians.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import faceless, peer, report
from catalog.connect import connect
from daemon.settings import Detect, Log, Models, Paths, Settings, Workers
from daemon.supervisor import Supervisor

if TYPE_CHECKING:
    from collections.abc import Sequence

SUFFIXES = {".jpg", ".jpeg", ".png"}
PEER = """
import sys, time, json
from deepface import DeepFace
detector, *paths = sys.argv[1:]
def run(path):
    DeepFace.represent(path, model_name="Dlib", detector_backend=detector, enforce_detection=False)
run(paths[0])
start = time.perf_counter()
for path in paths: run(path)
print("seconds", time.perf_counter() - start)
"""


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    options = _options(arguments)
    with tempfile.TemporaryDirectory(prefix="rollcall-throughput-") as folder:
        place = Path(folder)
        sources = options.photos
        if options.faceless:
            faceless.write(sources, place / "faceless")
            sources = [place / "faceless"]
        photos = _photographs(sources, place / "photos", options.copies)
        sizes = [path.stat().st_size for path in photos]
        rounds = [_round(number, options, photos, place) for number in range(options.rounds)]
    result = _summary(options, sizes, rounds)
    report.publish(result, _as_text(result), as_json=options.json)


def _round(
    number: int, options: argparse.Namespace, photos: list[Path], place: Path
) -> dict[str, Any]:
    """Each contestant once, in turn, so that a slow minute of the machine meets all of them."""
    originals = photos[:: options.copies]
    found: dict[str, Any] = {"decode": _decode(photos, options.workers)}
    found["scan"], found["stages"] = _scan(photos, place / f"state{number}", options)
    if not options.no_peer:
        found["yunet"] = _peer("yunet", originals, place)
        found["opencv"] = _peer("opencv", originals, place)
    return found


def _photographs(sources: Sequence[Path], target: Path, copies: int) -> list[Path]:
    """Several files of each photograph, each with other bytes after its end: distinct contents that
    cost what the original costs.
    """
    target.mkdir()
    made = []
    files = [path for source in sources for path in sorted(source.rglob("*"))]
    found = [path for path in files if path.suffix.lower() in SUFFIXES]
    for number, path in enumerate(found):
        content = path.read_bytes()
        for copy in range(copies):
            made.append(target / f"{number:04d}-{copy:03d}{path.suffix.lower()}")
            made[-1].write_bytes(content + b"\0copy %d" % copy)
    return made


def _scan(
    photos: list[Path], state: Path, options: argparse.Namespace
) -> tuple[float, dict[str, float]]:
    """Photos a second from the first look at the folder to the last verdict, and seconds by
    stage.
    """
    warm = state / "warm"
    warm.mkdir(parents=True)
    people = state / "people"
    people.mkdir()
    for path in photos[: 2 * options.workers]:
        content = path.read_bytes()
        (warm / path.name).write_bytes(content + b"warm")
    settings = _settings(state, people, options)
    with Supervisor(settings, "alone", stop=threading.Event()) as supervisor:
        supervisor.arrivals.scan([bytes(warm)], "scanned", progress=lambda _: None)
        supervisor.drain()
        start = time.perf_counter()
        folder = photos[0].parent
        supervisor.arrivals.scan([bytes(folder)], "scanned", progress=lambda _: None)
        supervisor.drain()
        seconds = time.perf_counter() - start
    with closing(connect(settings.catalog, readonly=True)) as connection:
        done = connection.execute(
            """SELECT count(DISTINCT media_id) FROM files JOIN media ON media.id = media_id
               WHERE media.state = 'done' AND files.path LIKE ?""",
            [f"{folder}/%"],
        ).fetchone()[0]
        rows = connection.execute(
            """SELECT step, sum(seconds) AS seconds FROM steps WHERE media_id IN
               (SELECT media_id FROM files WHERE path LIKE ?) GROUP BY step""",
            [f"{folder}/%"],
        ).fetchall()
    if done != len(photos):
        raise SystemExit(f"only {done} of {len(photos)} photographs were catalogued")
    stages = {row["step"]: float(row["seconds"]) for row in rows}
    stages["everything else"] = seconds * options.workers - sum(stages.values())
    shutil.rmtree(state)
    return len(photos) / seconds, stages


def _decode(photos: list[Path], workers: int) -> float:
    """Photos a second of decoding alone, to RGB at full size, with as many processes."""
    with ProcessPoolExecutor(workers) as pool:
        list(pool.map(_decode_one, photos[:workers]))
        start = time.perf_counter()
        list(pool.map(_decode_one, photos, chunksize=8))
        return len(photos) / (time.perf_counter() - start)


def _decode_one(path: Path) -> int:
    from PIL import Image

    with Image.open(path) as image:
        return len(image.convert("RGB").tobytes())


def _peer(detector: str, photos: list[Path], place: Path) -> float:
    """Photos a second of `DeepFace.represent` in a loop, in a process of its own, after one
    call.
    """
    done = subprocess.run(
        [sys.executable, "-c", PEER, detector, *map(str, photos)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, **peer.home(place)},
    )
    seconds = next(line for line in done.stdout.splitlines() if line.startswith("seconds "))
    return len(photos) / float(seconds.split()[1])


def _settings(state: Path, people: Path, options: argparse.Namespace) -> Settings:
    return Settings(
        paths=Paths(state=state / "state", inbox=(state,), people=people),
        models=Models(weights=report.data_folder() / "weights", download=False),
        workers=Workers(count=options.workers),
        detect=Detect(second_chance=not options.no_second_chance),
        log=Log(level="error"),
    )


def _summary(
    options: argparse.Namespace, sizes: list[int], rounds: list[dict[str, Any]]
) -> dict[str, Any]:
    names = [name for name in ("scan", "yunet", "opencv", "decode") if name in rounds[0]]
    rates = {name: [found[name] for found in rounds] for name in names}
    medians = {name: statistics.median(values) for name, values in rates.items()}
    ratios = {
        name: statistics.median(found["scan"] / found[name] for found in rounds)
        for name in names
        if name != "scan"
    }
    stages = {
        stage: statistics.median(found["stages"][stage] for found in rounds)
        for stage in rounds[0]["stages"]
    }
    return {
        "photos": len(sizes),
        "megabytes_mean": round(statistics.mean(sizes) / 1e6, 3),
        "workers": options.workers,
        "rounds": options.rounds,
        "photos_per_second": medians,
        "range": {name: [min(values), max(values)] for name, values in rates.items()},
        "scan_ratio_to": ratios,
        "worker_seconds_by_stage": stages,
    }


def _as_text(result: dict[str, Any]) -> str:
    labels = {
        "scan": "rollcall scan, everything included",
        "yunet": "DeepFace.represent, yunet + Dlib, loop",
        "opencv": "DeepFace.represent, opencv + Dlib, loop",
        "decode": "decoding alone, as many processes",
    }
    rows = [
        (
            labels[name],
            f"{rate:.1f}",
            f"{result['range'][name][0]:.1f}-{result['range'][name][1]:.1f}",
            "" if name == "scan" else f"{result['scan_ratio_to'][name]:.2f}",
        )
        for name, rate in result["photos_per_second"].items()
    ]
    stages = result["worker_seconds_by_stage"]
    total = sum(stages.values())
    shares = [
        (stage, f"{1000 * seconds / result['photos']:.1f}", f"{100 * seconds / total:.0f} %")
        for stage, seconds in sorted(stages.items(), key=lambda item: -item[1])
    ]
    return "\n\n".join(
        [
            f"{result['photos']} photographs of {result['megabytes_mean']:.2f} MB on average, "
            f"{result['workers']} workers, medians of "
            f"{result['rounds']} rounds",
            report.table(("", "photos/s", "range", "scan is so many times that"), rows),
            "Where a worker's time goes (waiting and process exchange included):",
            report.table(("stage", "ms a photo", "share"), shares),
        ]
    )


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument(
        "--photos", type=Path, nargs="+", help="folders (default: the examples and portraits)"
    )
    parser.add_argument("--copies", type=int, default=8, help="files made of each photograph")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--no-peer", action="store_true", help="leave DeepFace out")
    parser.add_argument(
        "--faceless", action="store_true", help="photographs without faces, made of those"
    )
    parser.add_argument(
        "--no-second-chance", action="store_true", help="with `[detect] second_chance = false`"
    )
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    options.photos = options.photos or report.photo_folders()
    return options


if __name__ == "__main__":
    main()
