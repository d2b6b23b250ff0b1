"""Every detector with every recognition model whose weights are on this machine, on a few hundred
pairs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmarks import labelled, lfw, report, verification
from daemon.errors import EnvironmentTrouble, NoWeights
from daemon.faces import packages, zoo
from daemon.faces.registry import MODELS
from daemon.faces.weights import find_weights

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from daemon.settings import Settings


def measured(
    pairs: Sequence[lfw.Pair], settings: Settings, names: Collection[str] = tuple(MODELS)
) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """A row for each combination of these models, and why the others are absent."""
    reasons = {name: _reason(name, settings) for name in names}
    absent = {name: reason for name, reason in reasons.items() if reason}
    present = [name for name in names if name not in absent]
    recognizers = [name for name in present if MODELS[name].kind == "recognizer"]
    rows = []
    for name in present:
        if MODELS[name].kind != "detector":
            continue
        try:
            detector = zoo.build_detector(name, settings)
        except EnvironmentTrouble as error:
            absent[name] = str(error)
            continue
        found = labelled.find_crops(lfw.pictures(pairs), settings, detector)
        rows += [_row(name, model, pairs, found, settings) for model in recognizers]
    return rows, absent


def as_text(rows: Sequence[dict[str, Any]], absent: Mapping[str, str]) -> list[str]:
    """The table, and a line with what is absent."""
    return [
        f"Every detector with every recognition model that is here, {rows[0]['pairs']} pairs of "
        f"{rows[0]['pictures']} pictures; TAR over all pairs of these:",
        report.table(
            (
                *("detector", "model", "accuracy %", "TAR at FAR 1e-3"),
                *("no face found", "ms a picture", "CPU ms a face"),
            ),
            [
                (
                    it["detector"],
                    it["model"],
                    f"{100 * it['accuracy']:.1f}",
                    f"{it['tar']:.3f}",
                    it["without_a_face"],
                    f"{it['picture_ms']:.1f}",
                    f"{it['face_ms']:.1f}",
                )
                for it in rows
            ],
        ),
        f"Absent: {_by_reason(absent)}.",
    ]


def _by_reason(absent: Mapping[str, str]) -> str:
    reasons = {
        reason: ", ".join(name for name, why in absent.items() if why == reason)
        for reason in absent.values()
    }
    return "; ".join(f"{names} ({reason})" for reason, names in reasons.items()) or "nothing"


def _row(
    detector: str,
    model: str,
    pairs: Sequence[lfw.Pair],
    found: labelled.Found,
    settings: Settings,
) -> dict[str, Any]:
    embedded = labelled.embedded(found.crops, settings, mirror=True, model=model)
    together = verification.all_pairs(embedded.vectors)
    pictures = len(lfw.pictures(pairs))
    return {
        "detector": detector,
        "model": model,
        "pairs": len(pairs),
        "pictures": pictures,
        "accuracy": lfw.accuracy(lfw.pair_rows(pairs, embedded.vectors)),
        "tar": verification.acceptance(together, together.everybody, 1e-3),
        "without_a_face": pictures - len(found.crops),
        "picture_ms": found.picture_ms,
        "face_ms": embedded.cpu_ms,
    }


def _reason(name: str, settings: Settings) -> str:
    """Why this model cannot be used here, in a word or two; empty where it can."""
    try:
        weights = find_weights(name, settings.models, state=settings.paths.state)
    except NoWeights:
        return "no weights"
    package = packages.missing(MODELS[name], weights.backend)
    return f"needs {package}" if package else ""
