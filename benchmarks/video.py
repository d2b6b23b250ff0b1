"""Who is found in videos, how exactly, and how fast: made videos of which everything is known, the
whole of `rollcall scan` beside decoding alone and beside a loop of `DeepFace.represent`.

`python -m benchmarks.video [--seeds N] [--shots N] [--times N] [--rounds N] [--quick] [--no-peer]
[--json]`

Who is found is judged by each video; time and memory are those of the same video several times one
after the other, against once.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av

from benchmarks import film_truth, films, labelled, peer, report
from catalog.connect import connect

if TYPE_CHECKING:
    from collections.abc import Sequence

_CONFIG = """
[paths]
state = {state!r}
inbox = [{inbox!r}]
people = {people!r}
[models]
weights = {weights!r}
download = false
"""
# Every other of the peer's frames would not be every frame; so it gets a part of the video.
_PEER_FRAMES = 150
_PEER = """
import json, sys, time
import av
from deepface import DeepFace
path, most = sys.argv[1], int(sys.argv[2])
faces, seen, last = 0, 0, 0.0
for number, frame in enumerate(av.open(path).decode(video=0)):
    if number == 1: start = time.perf_counter()
    if number > most: break
    picture = frame.to_ndarray(format="bgr24")
    found = DeepFace.represent(picture, model_name="Dlib", detector_backend="yunet",
                               enforce_detection=False)
    faces += sum(it["face_confidence"] > 0 for it in found); last = frame.time
print(json.dumps({"seconds": time.perf_counter() - start, "video_s": last, "faces": faces}))
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of video."""

    name: str
    options: tuple[str, ...]
    suffix: str = ".mp4"


KINDS = (
    Kind(name="720p H.264, 25/s", options=()),
    Kind(name="1080p H.264, 25/s", options=("--size", "1920x1080")),
    Kind(name="720p H.264, 60/s", options=("--fps", "60")),
    Kind(name="720p HEVC, 25/s", options=("--codec", "libx265")),
    Kind(name="720p VP9, 25/s", options=("--codec", "libvpx-vp9"), suffix=".webm"),
    Kind(name="720p H.264, uneven", options=("--vfr",)),
)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    options = _options(arguments)
    kinds = KINDS[:1] if options.quick else KINDS
    with tempfile.TemporaryDirectory(prefix="rollcall-video-") as folder:
        rows = [
            _measured(kind, seed, options, Path(folder) / f"{number}-{seed}")
            for number, kind in enumerate(kinds)
            for seed in range(1, options.seeds + 1)
        ]
        loop = None if options.no_peer else _peer(Path(rows[0]["path"]), Path(folder))
    result = {"videos": rows, "peer": loop}
    report.publish(result, as_text(result), as_json=options.json)


def _measured(kind: Kind, seed: int, options: argparse.Namespace, place: Path) -> dict[str, Any]:
    place.mkdir(parents=True)
    inbox = place / "inbox"
    inbox.mkdir()
    (place / "long").mkdir()
    made = films.make(
        inbox / f"film{kind.suffix}",
        *("--seed", str(seed), "--shots", str(options.shots), "--people", "8", *kind.options),
    )
    shots = films.shots(made)
    made.with_suffix(".json").unlink()
    length_s = shots[-1].end_s
    _scanned(place, made)
    settings = labelled.settings(report.data_folder(), place / "models")
    vectors = film_truth.photographed({name for it in shots for name in it.people}, settings)
    with closing(connect(place / "state" / "catalog.db", readonly=True)) as connection:
        (media_id,) = connection.execute("SELECT id FROM media").fetchone()
        verdict = film_truth.judge(film_truth.tracks(connection, media_id), shots, vectors)
        steps = dict(
            connection.execute("SELECT step, sum(seconds) FROM steps GROUP BY step").fetchall()
        )
    short_mb = _peak_mb(place)
    long = films.repeated(made, place / "long" / made.name, options.times)
    rounds = [(_decoded(long), _scanned(place, long)) for _ in range(options.rounds)]
    decoding, scanning = (statistics.median(it) for it in zip(*rounds, strict=True))
    length_s *= options.times
    return {
        "kind": kind.name,
        "seed": seed,
        "path": str(made),
        "video_s": length_s,
        "scan_s": scanning,
        "decode_s": decoding,
        "times_real_time": length_s / scanning,
        "share_of_decoding": decoding / scanning,
        "peak_mb": [short_mb, _peak_mb(place)],
        "steps": {name: round(seconds, 3) for name, seconds in steps.items()},
        **asdict(verdict),
        "recall": verdict.recall,
    }


def _peak_mb(place: Path) -> int:
    """The most memory that a worker held."""
    with closing(connect(place / "state" / "catalog.db", readonly=True)) as connection:
        (told,) = connection.execute("SELECT workers FROM daemon").fetchone()
    return int(json.loads(told)["peak_mb"])


def _decoded(path: Path) -> float:
    """Seconds to decode everything, on all cores."""
    start = time.perf_counter()
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        for _ in container.decode(stream):
            pass
    return time.perf_counter() - start


def _scanned(place: Path, film: Path) -> float:
    """Seconds of a whole scan into a new catalog: start, models, everything."""
    for old in (place / "state").glob("catalog.db*"):
        old.unlink()
    config = place / "config.toml"
    config.write_text(
        _CONFIG.format(
            state=str(place / "state"),
            inbox=str(place / "watched"),
            people=str(place / "people"),
            weights=str(report.data_folder() / "weights"),
        )
    )
    start = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "daemon", "scan", str(film.parent), "--config", str(config)],
        check=True,
        capture_output=True,
        cwd=report.REPOSITORY,
    )
    return time.perf_counter() - start


def _peer(film: Path, place: Path) -> dict[str, Any]:
    """A loop of DeepFace over the first frames of a video."""
    done = subprocess.run(
        [sys.executable, "-c", _PEER, str(film), str(_PEER_FRAMES)],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, **peer.home(place)},
    )
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return {**told, "times_real_time": told["video_s"] / told["seconds"]}


def as_text(result: dict[str, Any]) -> str:
    """The result for people."""
    rows = [
        (
            it["kind"],
            f"{it['found']}/{it['wanted']}",
            f"{it['edges_95']:.2f}",
            f"{it['edges_max']:.2f}",
            f"{it['f']:.3f}",
            it["nowhere"],
            it["blurred"],
            f"{it['times_real_time']:.1f}",
            f"{100 * it['share_of_decoding']:.0f} %",
            f"{it['peak_mb'][1] / it['peak_mb'][0]:.2f}",
        )
        for it in result["videos"]
    ]
    headings = ("", "found", "edges 95 %", "largest", "F", "nowhere", "blurred",
                "x real time", "of decoding", "memory")  # fmt: skip
    lines = [report.table(headings, rows)]
    for it in result["videos"]:
        lines += [f"missed in {it['kind']}, seed {it['seed']}: {name}" for name in it["missed"]]
    total: dict[str, float] = {}
    for it in result["videos"]:
        for step, seconds in it["steps"].items():
            total[step] = total.get(step, 0.0) + seconds
    every = sum(total.values())
    shares = ", ".join(f"{step} {100 * it / every:.0f} %" for step, it in total.items())
    lines.append(f"of the workers' time: {shares}")
    if result["peer"] is not None:
        times = result["peer"]["times_real_time"]
        lines.append(f"DeepFace.represent on every frame: {times:.2f} times real time")
    return "\n".join(lines)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m benchmarks.video")
    parser.add_argument("--seeds", type=int, default=2, help="videos of each kind")
    parser.add_argument("--shots", type=int, default=30, help="shots in a video")
    parser.add_argument("--rounds", type=int, default=3, help="scans of each long video")
    parser.add_argument("--times", type=int, default=5, help="how many videos a long one is")
    parser.add_argument("--quick", action="store_true", help="one kind of video only")
    parser.add_argument("--no-peer", action="store_true", help="without DeepFace")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
