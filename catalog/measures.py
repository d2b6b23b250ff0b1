"""Every measure of a face by its column in `quality`: its unit, its range, what is good."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """`low` and `high` are what faces have, for drawing; `good` is 1 where more is better, −1 where
    less is, 0 where neither tells.
    """

    unit: str
    low: float
    high: float
    good: int
    says: str


MEASURES: Final[Mapping[str, Measure]] = {
    "sharpness": Measure(
        unit="grey levels²", low=0, high=1500, good=1, says="variance of the Laplacian"
    ),
    "tenengrad": Measure(
        unit="grey levels²/px²", low=0, high=400, good=1, says="mean square of the gradient"
    ),
    "blur": Measure(unit="share", low=0, high=1, good=-1, says="Crete's blur effect"),
    "detail": Measure(unit="log share", low=-7, high=0, good=1, says="fine detail"),
    "motion": Measure(unit="log ratio", low=0, high=3, good=-1, says="one direction more blurred"),
    "motion_angle": Measure(
        unit="degrees", low=-90, high=90, good=0, says="direction of the movement, clockwise"
    ),
    "brightness": Measure(unit="share", low=0, high=1, good=0, says="mean grey level"),
    "contrast": Measure(unit="share", low=0, high=0.5, good=1, says="deviation of grey levels"),
    "underexposed": Measure(unit="share", low=0, high=1, good=-1, says="how near to black"),
    "overexposed": Measure(unit="share", low=0, high=1, good=-1, says="how near to white"),
    "skin_spread": Measure(
        unit="share", low=0, high=0.1, good=-1, says="how much the skin's colour varies"
    ),
    "noise": Measure(unit="grey levels", low=0, high=30, good=-1, says="deviation of the noise"),
    "blockiness": Measure(unit="log ratio", low=0, high=2, good=-1, says="borders of blocks"),
    "flatness": Measure(unit="share", low=0, high=1, good=-1, says="share in which nothing varies"),
    "symmetry": Measure(unit="correlation", low=-1, high=1, good=1, says="how like the halves are"),
    "eyes_open": Measure(unit="log ratio", low=-3, high=1, good=1, says="how open the eyes are"),
    "eye_aspect_ratio": Measure(
        unit="ratio", low=0, high=0.5, good=1, says="the eyes' height by width, by 68 points"
    ),
    "size_px": Measure(unit="px", low=0, high=200, good=1, says="distance of the eyes"),
    "off_centre": Measure(
        unit="share", low=0, high=1, good=0, says="distance from the picture's middle"
    ),
    "cut_off": Measure(
        unit="share", low=0, high=1, good=-1, says="share of the box outside the picture"
    ),
    "yaw": Measure(unit="degrees", low=-90, high=90, good=0, says="turned to the right"),
    "pitch": Measure(unit="degrees", low=-90, high=90, good=0, says="turned up"),
    "roll": Measure(unit="degrees", low=-180, high=180, good=0, says="turned clockwise"),
    "misfit": Measure(unit="share", low=0, high=0.3, good=-1, says="landmarks unlike a head's"),
    "confidence": Measure(
        unit="probability", low=0, high=1, good=1, says="how sure the detector is"
    ),
    "agreement": Measure(
        unit="cosine", low=0, high=1, good=1, says="the vector's and the mirror image's"
    ),
    "norm": Measure(unit="length", low=1, high=2, good=1, says="the vector before it is scaled"),
    "stability": Measure(
        unit="share", low=0.5, high=1, good=1, says="how little the vector moves with the landmarks"
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A measure of one face, to be drawn: `share` is where it lies in its range, 0 to 1; `good` is
    how good that is, 0 to 1, None where the measure says nothing of it.
    """

    name: str
    value: float
    unit: str
    says: str
    share: float
    good: float | None


def bars(measures: Mapping[str, Any]) -> list[Bar]:
    """The measures that a row of `quality` has, in the order of `MEASURES`."""
    found = []
    for name, it in MEASURES.items():
        value = measures.get(name)
        if value is None:
            continue
        share = min(1.0, max(0.0, (value - it.low) / (it.high - it.low)))
        good = None if it.good == 0 else share if it.good > 0 else 1 - share
        found.append(
            Bar(name=name, value=value, unit=it.unit, says=it.says, share=share, good=good)
        )
    return found
