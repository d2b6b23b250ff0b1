"""How well a catalog tells who is in a video of which everything is known.

A made video says who is in each shot, and not where; and the photographs that it is made of have
other people in the background. So a track is of the person whose photographs its vector is like,
and of somebody else where it is like none of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from benchmarks import labelled
from benchmarks.report import data_folder
from daemon.faces import zoo
from daemon.faces.align import cut
from daemon.faces.detect import detect
from daemon.faces.embed import embed
from daemon.faces.plan import plan
from daemon.people.agreement import pairwise

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from benchmarks.films import Shot
    from daemon.settings import Settings

LONG_ENOUGH_S = 1.0
SHOWN = ("plain", "pair", "frozen")
_IS_OF = 0.93


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Track:
    """A track of the catalog with its vector and whose it is there."""

    start_s: float
    end_s: float
    person_id: int | None
    vector: NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """`wanted` people in shots and how many of them were `found`; the largest and the 95th
    percentile of the errors of their `edges` in seconds; pairwise `f` over their tracks; how many
    people were founded in dark and empty shots (`nowhere`) and by blurred shots alone (`blurred`).
    """

    wanted: int
    found: int
    edges_max: float
    edges_95: float
    f: float
    nowhere: int
    blurred: int
    missed: tuple[str, ...]

    @property
    def recall(self) -> float:
        """The share of people in shots that were found."""
        return self.found / max(1, self.wanted)


def tracks(connection: sqlite3.Connection, media_id: int) -> list[Track]:
    """The tracks of a video."""
    rows = connection.execute(
        """SELECT start_s, end_s, tracks.person_id, vector FROM tracks
           JOIN track_vectors ON track_vectors.track_id = tracks.id
           JOIN faces ON faces.id = tracks.best_face_id
           WHERE tracks.media_id = ? ORDER BY start_s, tracks.id""",
        [media_id],
    )
    return [
        Track(
            start_s=row["start_s"],
            end_s=row["end_s"],
            person_id=row["person_id"],
            vector=np.frombuffer(row["vector"], "<f4"),
        )
        for row in rows
    ]


def photographed(people: Iterable[str], settings: Settings) -> dict[str, NDArray[np.float32]]:
    """The vectors of the photographs of these people: pictures × dimensions."""
    cv2.setNumThreads(1)
    finder = zoo.build_detectors(plan(settings).detectors, settings)
    embedder = zoo.build_embedder("Dlib", settings)
    found = {}
    for name in sorted(set(people)):
        crops = []
        for path in sorted((data_folder() / "lfw-dev" / name).glob("*.jpg")):
            picture = labelled.read(path)
            faces = detect([picture], finder, settings.detect)[0]
            if faces:
                face = labelled.in_the_middle(faces, picture)
                crops.append(cut(picture, face, 1.0, settings.crops))
        found[name] = embed(crops, embedder)
    return found


def judge(
    found: Sequence[Track], shots: Sequence[Shot], vectors: dict[str, NDArray[np.float32]]
) -> Verdict:
    """Hold the tracks of a video against its shots."""
    wanted, edges, missed = 0, [], []
    labels, truth = [], []
    names = {name: number for number, name in enumerate(sorted(vectors))}
    for shot in shots:
        if shot.kind not in SHOWN or shot.seconds < LONG_ENOUGH_S:
            continue
        here = [it for it in found if _within(it, shot)]
        for name in shot.people:
            wanted += 1
            own = [it for it in here if _whose(it, shot, vectors) == name]
            if not own:
                missed.append(f"{name} at {shot.start_s:.1f} s ({shot.kind})")
                continue
            edges += [
                abs(min(it.start_s for it in own) - shot.start_s),
                abs(max(it.end_s for it in own) - shot.end_s),
            ]
            for it in own:
                labels.append(it.person_id or -len(labels) - 1)
                truth.append(names[name])
    founded = [it for it in found if it.person_id is not None]
    return Verdict(
        wanted=wanted,
        found=wanted - len(missed),
        edges_max=max(edges, default=0.0),
        edges_95=float(np.percentile(edges, 95)) if edges else 0.0,
        f=pairwise(np.array(labels, np.int64), np.array(truth, np.int64)).f,
        nowhere=len(_only_in(founded, shots, ("dark", "empty"))),
        blurred=len(_only_in(founded, shots, ("blurred",))),
        missed=tuple(missed),
    )


def _only_in(
    found: Sequence[Track], shots: Sequence[Shot], kinds: Sequence[str]
) -> set[int | None]:
    """The people who are seen in shots of these kinds and in no other."""
    there: dict[int | None, set[bool]] = {}
    for it in found:
        kind = next((shot.kind for shot in shots if _within(it, shot)), "")
        there.setdefault(it.person_id, set()).add(kind in kinds)
    return {person_id for person_id, inside in there.items() if inside == {True}}


def _within(track: Track, shot: Shot) -> bool:
    """Whether most of a track lies in a shot."""
    shared = min(track.end_s, shot.end_s) - max(track.start_s, shot.start_s)
    return shared >= 0 and shared >= 0.5 * (track.end_s - track.start_s)


def _whose(track: Track, shot: Shot, vectors: dict[str, NDArray[np.float32]]) -> str | None:
    similar = {name: float((vectors[name] @ track.vector).max()) for name in shot.people}
    best = max(similar, key=lambda name: similar[name], default=None)
    return best if best is not None and similar[best] >= _IS_OF else None
