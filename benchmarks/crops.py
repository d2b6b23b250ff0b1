"""How the stored crop was chosen: how well faces are told apart by its size, margin and JPEG
quality, and by how wide they are in the picture that it is cut from.

All pairs of the labelled faces of Labeled Faces in the Wild (the one nearest the middle, some 93 px
wide and found once), Dlib's network, mirrored mean. TAR at FMR is given as the mean over random
halves of the people with its standard deviation; what it loses against the default comes from the
same halves, so its deviation is smaller. Some eight minutes on two cores.
Run: python -m benchmarks.crops [--json] [--limit N] [--only size margin quality width]
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from benchmarks import lfw, report
from benchmarks.labelled import in_the_middle
from daemon.faces import zoo
from daemon.faces.align import as_picture, cut, decode
from daemon.faces.detect import detect
from daemon.faces.embed import embed
from daemon.faces.views import shrunk
from daemon.settings import Crops, Models, Paths, Settings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from daemon.faces.values import Crop, Detection, Detector, Embedder, Picture

RATES = (1e-2, 1e-3, 1e-4)
_HALVES = 12
_AT_ONCE = 64  # crops in memory
_GROUPS = ("size", "margin", "quality", "width")
_DEFAULT = "as Rollcall cuts"


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One way to cut: `width` to which wider faces are brought first by shrinking the picture, None
    for as it is; `lossless` stores PNG in place of JPEG.
    """

    group: str
    crops: Crops = field(default_factory=Crops)
    width: float | None = None
    lossless: bool = False


def ways() -> dict[str, Way]:
    """What is compared, the default first. Of LFW, larger crops than 256 px are the same: at the
    default margin a face and its room take some 220 px.
    """
    return {
        _DEFAULT: Way(group=""),
        **{f"size {it} px": Way(group="size", crops=Crops(size=it)) for it in (192, 160, 128)},
        **{f"margin {it}": Way(group="margin", crops=Crops(margin=it)) for it in (0.0, 0.6)},
        **{
            f"JPEG quality {it}": Way(group="quality", crops=Crops(jpeg_quality=it))
            for it in (95, 85, 75)
        },
        "PNG": Way(group="quality", lossless=True),
        **{f"face {it} px wide": Way(group="width", width=it) for it in (75, 56, 42, 30, 21)},
        **{
            f"face {it} px wide, PNG": Way(group="width", width=it, lossless=True)
            for it in (42, 30, 21)
        },
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    options = _options(arguments)
    data = report.data_folder()
    folder = data / "lfw-dev"
    pairs = lfw.limited(lfw.read_pairs(folder), [0, 1, 2], options.limit)
    paths = sorted(
        {path for pair in pairs for path in (pair.first, pair.second)}
        if options.limit
        else folder.glob("*/*.jpg")
    )
    with tempfile.TemporaryDirectory() as state:
        settings = Settings(
            paths=Paths(state=Path(state)), models=Models(weights=data / "weights", download=False)
        )
        threads = os.cpu_count() or 1
        faces = labelled(paths, zoo.build_detector("yunet", settings, threads=threads), settings)
        embedder = zoo.build_embedder("Dlib", settings, threads=threads)
        chosen = {name: it for name, it in ways().items() if it.group in ("", *options.only)}
        rows = {name: measured(way, faces, pairs, embedder) for name, way in chosen.items()}
    result = {
        "pictures": len(paths),
        "without_a_face": len(paths) - len(faces),
        "face_width_px": round(statistics.median(face.w for face in faces.values()), 1),
        "pairs": len(pairs),
        "ways": {name: _against(row, rows[_DEFAULT]) for name, row in rows.items()},
    }
    report.publish(result, as_text(result), as_json=options.json)


def labelled(
    paths: Sequence[Path], detector: Detector, settings: Settings
) -> dict[Path, Detection]:
    """Each picture's face nearest the middle, by the pipeline's own detection."""
    found = {}
    for path in paths:
        picture = _read(path)
        faces = detect([picture], detector, settings.detect)[0]
        if faces:
            found[path] = in_the_middle(faces, picture)
    return found


def measured(
    way: Way, faces: Mapping[Path, Detection], pairs: Sequence[lfw.Pair], embedder: Embedder
) -> dict[str, Any]:
    """Accuracy on the folds, TAR of each half at each of RATES (halves × rates), mean bytes of a
    crop and median milliseconds to cut it.
    """
    crops: list[Crop] = []
    vectors: dict[Path, NDArray[np.float32]] = {}
    sizes, ms = [], []
    for number, (path, face) in enumerate(faces.items(), start=1):
        picture, seen = narrowed(_read(path), face, way.width)
        start = time.perf_counter()
        crop = cut(picture, seen, 1.0, way.crops)
        if way.lossless:
            start = time.perf_counter()
            crop = lossless(picture, crop)
        ms.append(1000 * (time.perf_counter() - start))
        crops.append(crop)
        sizes.append(len(crops[-1].jpeg))
        if len(crops) == _AT_ONCE or number == len(faces):
            found = embed(crops, embedder)
            vectors.update(zip(islice(faces, number - len(crops), number), found, strict=True))
            crops = []
    return {
        "accuracy": lfw.accuracy(lfw.pair_rows(pairs, vectors)),
        "tar": found_by_half(vectors),
        "bytes": round(statistics.mean(sizes)),
        "cut_ms": round(statistics.median(ms), 2),
    }


def narrowed(picture: Picture, face: Detection, width: float | None) -> tuple[Picture, Detection]:
    """The picture shrunk until the face is so wide, and the face in it; both as they are where it
    is no wider.
    """
    if width is None or face.w <= width:
        return picture, face
    view = shrunk(picture, round(max(picture.shape) * width / face.w))
    by = np.array([view.across, view.down], np.float32)
    moved = replace(
        face,
        x=face.x / view.across,
        y=face.y / view.down,
        w=face.w / view.across,
        h=face.h / view.down,
        landmarks=(face.landmarks / by).astype(np.float32),
    )
    return view.picture, moved


def lossless(picture: Picture, crop: Crop) -> Crop:
    """The same part of the picture as PNG."""
    height, width = crop.picture.shape[:2]
    left, top = round(crop.x), round(crop.y)
    right, bottom = left + round(width * crop.scale), top + round(height * crop.scale)
    part = picture[top:bottom, left:right]
    if crop.scale > 1:
        part = as_picture(cv2.resize(part, (width, height), interpolation=cv2.INTER_AREA))
    _, data = cv2.imencode(".png", cv2.cvtColor(part, cv2.COLOR_RGB2BGR))
    return replace(crop, jpeg=bytes(data), picture=decode(bytes(data)))


def found_by_half(
    vectors: Mapping[Path, NDArray[np.float32]], *, halves: int = _HALVES
) -> NDArray[np.float64]:
    """TAR at each of RATES over all pairs of pictures, of each random half of the people: halves ×
    rates. Equal sets of people give equal halves.

    The spread over halves is about the standard error of the whole (Shao and Wu, A General Theory
    for Jackknife Variance Estimation, Annals of Statistics 1989: deleting half of the sample).
    """
    paths = sorted(vectors)
    person = np.unique([path.parent.name for path in paths], return_inverse=True)[1]
    matrix = np.stack([vectors[path] for path in paths])
    draw = np.random.default_rng(0)
    found = []
    for _ in range(halves):
        order = draw.permutation(person.max() + 1)
        mine = np.isin(person, order[: len(order) // 2])
        upper = np.triu_indices(int(mine.sum()), k=1)
        similarity = (matrix[mine] @ matrix[mine].T)[upper]
        same = (person[mine][:, None] == person[mine])[upper]
        found.append(acceptances(similarity[same], similarity[~same]))
    return np.array(found)


def acceptances(genuine: NDArray[Any], impostor: NDArray[Any]) -> list[float]:
    """TAR at each of RATES: the share of genuine similarities above the one that at most so many
    of the impostors exceed.
    """
    ordered = np.sort(impostor)[::-1]
    at = [ordered[min(int(rate * len(ordered)), len(ordered) - 1)] for rate in RATES]
    return [float((genuine > threshold).mean()) for threshold in at]


def as_text(result: dict[str, Any]) -> str:
    """The result for people."""
    names = [f"{rate:.0e}" for rate in RATES]
    rows = [
        (
            name,
            f"{100 * it['accuracy']:.1f}",
            *(_mean_sd(it["tar"][rate]) for rate in names),
            _mean_sd(it["against_default"]["1e-03"], sign="+"),
            f"{it['bytes'] / 1000:.1f}",
            f"{it['cut_ms']:.2f}",
        )
        for name, it in result["ways"].items()
    ]
    heading = (
        f"{result['pictures']} pictures ({result['without_a_face']} without a face), faces "
        f"{result['face_width_px']} px wide (median), {result['pairs']} pairs of the protocol; "
        f"TAR over all pairs of pictures, mean and sd of {_HALVES} halves of the people"
    )
    columns = (
        *("", "accuracy %", *(f"TAR at FMR {rate}" for rate in names)),
        *("1e-03 against default", "kB a crop", "ms to cut"),
    )
    return heading + "\n\n" + report.table(columns, rows)


def _against(row: dict[str, Any], default: dict[str, Any]) -> dict[str, Any]:
    """A row for JSON: mean and standard deviation of TAR, and of what it differs from the
    default's, half by half.
    """
    loss = row["tar"] - default["tar"]
    return {**row, "tar": _spread(row["tar"]), "against_default": _spread(loss)}


def _spread(values: NDArray[np.float64]) -> dict[str, tuple[float, float]]:
    return {
        f"{rate:.0e}": (float(column.mean()), float(column.std(ddof=1)))
        for rate, column in zip(RATES, values.T, strict=True)
    }


def _mean_sd(it: tuple[float, float], *, sign: str = "") -> str:
    return f"{it[0]:{sign}.3f} ± {it[1]:.3f}"


def _read(path: Path) -> Picture:
    return decode(path.read_bytes())


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m benchmarks.crops")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    parser.add_argument(
        "--limit", type=int, help="pairs of either kind in a fold, for a quick look"
    )
    parser.add_argument(
        "--only", nargs="*", choices=_GROUPS, default=list(_GROUPS), help="what is varied"
    )
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
