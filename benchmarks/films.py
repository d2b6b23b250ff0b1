"""Videos with a known timeline, made of photographs by `make_video.py` beside the test data."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import av

from benchmarks.report import data_folder

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """What is in a shot: its kind, and the folders of the people in it."""

    start_s: float
    end_s: float
    kind: str
    people: tuple[str, ...]

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return self.end_s - self.start_s


def make(path: Path, *options: str) -> Path:
    """Make a video with these options of `make_video.py`. Ends the program where that is not
    there.
    """
    tool = data_folder().parent / "tools" / "make_video.py"
    if not tool.is_file():
        raise SystemExit(f"{tool} is not there; it makes the videos")
    photos = data_folder() / "lfw-dev"
    subprocess.run(
        [sys.executable, str(tool), str(photos), str(path), *options],
        check=True,
        capture_output=True,
    )
    return path


def repeated(path: Path, target: Path, times: int) -> Path:
    """The same video so often one after the other, without coding it again."""
    with av.open(str(target), "w") as output:
        stream, start = None, 0
        for _ in range(times):
            with av.open(str(path)) as source:
                own = source.streams.video[0]
                stream = stream or output.add_stream_from_template(own)
                end = start
                for packet in source.demux(own):
                    if packet.dts is None or packet.pts is None:
                        continue
                    packet.pts, packet.dts = packet.pts + start, packet.dts + start
                    end = max(end, packet.pts + (packet.duration or 0))
                    packet.stream = stream
                    output.mux(packet)
                start = end
    return target


def shots(path: Path) -> list[Shot]:
    """What `make` wrote down of a video."""
    told: dict[str, Any] = json.loads(path.with_suffix(".json").read_text())
    return [
        Shot(
            start_s=it["start_s"],
            end_s=it["end_s"],
            kind=it["kind"],
            people=tuple(it["people"]),
        )
        for it in told["shots"]
    ]
