"""How far thresholds can be trusted that come from few people: owners drawn from Labeled Faces in
the Wild, against the pairs of everybody.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks import report, verification
from daemon.people.calibration import fit, recalibrated, thresholds
from daemon.people.curve import RATES, Calibration

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from daemon.people.calibration import Pairs

PEOPLE = (5, 10, 20, 40, 80)
_OWNERS = 40
_PICTURES = 5
# How far off the start may be for somebody else's photographs: a guess, as wide as own thresholds
# of ten people scatter.
_OFF = 0.0066
_NAME = "lenient"


def tried(
    vectors: verification.Vectors, sizes: Sequence[int] = PEOPLE, owners: int = _OWNERS
) -> list[dict[str, Any]]:
    """For each number of people how widely their own threshold scatters, and by what factor its
    rate is missed: with that threshold, with a start that is off, and with both blended.
    """
    everybody = verification.pairs_of(vectors)
    truth = thresholds(everybody.impostor)
    curve = fit(everybody.genuine, everybody.impostor)
    strangers = np.sort(everybody.impostor)
    draw = np.random.default_rng(0)
    found = []
    for people in sizes:
        rows = []
        for _ in range(owners):
            pairs, off = _owner(vectors, people, draw), draw.normal(0, _OFF)
            start = Calibration(
                source="", curve=curve, thresholds={name: it + off for name, it in truth.items()}
            )
            own = thresholds(pairs.impostor).get(_NAME)
            if own is not None:
                blended = recalibrated(pairs, start, "").thresholds[_NAME]
                rows.append((own, start.thresholds[_NAME], blended))
        if rows:
            found.append({"people": people, "owners": len(rows), **_summary(rows, strangers)})
    return found


def as_text(found: Sequence[dict[str, Any]]) -> str:
    """The table."""
    rows = [
        (it["people"], it["owners"], f"{it['scatter']:.4f}", *(f"{it[way]:.2f}" for way in _WAYS))
        for it in found
    ]
    return "\n".join(
        [
            f"Owners with so many people of {_PICTURES} pictures or more: how widely their own "
            f"threshold `{_NAME}` scatters, and the",
            f"factor by which its rate is missed with their own, with a start that is off by "
            f"{_OFF}, and with the start corrected by their own:",
            report.table(("people", "owners", "scatter", *_WAYS), rows),
        ]
    )


_WAYS = ("own", "start", "corrected")


def _summary(
    rows: Sequence[tuple[float, float, float]], strangers: NDArray[np.float32]
) -> dict[str, float]:
    values = np.array(rows)
    met = 1 - np.searchsorted(strangers, values, side="right") / len(strangers)
    missed = np.log10(np.maximum(met, 1e-6) / RATES[_NAME])
    factors = 10 ** np.sqrt(np.square(missed).mean(axis=0))
    return {
        "scatter": float(values[:, 0].std()),
        **{way: float(factor) for way, factor in zip(_WAYS, factors, strict=True)},
    }


def _owner(vectors: verification.Vectors, people: int, draw: np.random.Generator) -> Pairs:
    pictures: dict[str, list[Any]] = {}
    for path in sorted(vectors):
        pictures.setdefault(path.parent.name, []).append(path)
    many = [name for name, paths in pictures.items() if len(paths) >= _PICTURES]
    chosen = draw.choice(many, min(people, len(many)), replace=False)
    return verification.pairs_of(
        {path: vectors[path] for name in chosen for path in pictures[name]}
    )
