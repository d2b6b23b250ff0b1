"""What pulls a face's score down, in words."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    Measures = Mapping[str, float]

_PLAIN: Final[Mapping[str, Callable[[Measures], str]]] = {
    "size_px": lambda it: f"face small: eyes only {it['size_px']:.0f} px apart",
    "blur": lambda _: "blurred",
    "detail": lambda _: "no fine detail",
    "motion": lambda _: "motion blur",
    "noise": lambda it: f"noise of {it['noise']:.0f} grey levels",
    "blockiness": lambda _: "strong compression",
    "brightness": lambda it: f"dark: {100 * it['brightness']:.0f} % bright",
    "overexposed": lambda _: "overexposed",
    "skin_spread": lambda _: "something of another colour before the face",
    "symmetry": lambda _: "one half unlike the other",
    "misfit": lambda _: "landmarks unlike a head's",
    "pitch": lambda it: f"looking {'up' if it['pitch'] > 0 else 'down'} {abs(it['pitch']):.0f}°",
}
# The detector's doubt and a vector unlike its mirror image's have causes; these are looked for.
_DOUBTS: Final = {
    "confidence": lambda it: f"the detector is not sure ({it['confidence']:.2f})",
    "agreement": lambda it: f"looks otherwise in a mirror (cosine {it['agreement']:.2f})",
}
# From here on a head is turned away: half of the far cheek is out of sight.
_TURNED_DEGREES: Final = 30.0
_CUT_OFF: Final = 0.1
# What one clean face in a hundred of Labeled Faces in the Wild, or fewer, has.
_DARK, _FLAT, _WHITE, _NOISE = 0.2, 0.06, 0.3, 2.0
# A motion blur has one direction; few defocused faces are so uneven.
_MOVED: Final = 1.0


def words(measures: Measures, losses: Sequence[str]) -> tuple[str, ...]:
    """What these measures, the most costly first, say of a face; each thing once."""
    found: list[str] = []
    for name in losses:
        if name in _DOUBTS:
            found += _causes(measures) or ([] if found else [_DOUBTS[name](measures)])
        elif name in ("blur", "detail") and measures.get("motion", 0.0) >= _MOVED:
            found.append(_PLAIN["motion"](measures))
        else:
            found.append(_PLAIN[name](measures))
    return tuple(dict.fromkeys(found))


def _causes(measures: Measures) -> list[str]:
    """Why a detector or a recognition model may doubt a face."""
    yaw, pitch = measures.get("yaw", 0.0), measures.get("pitch", 0.0)
    away = math.degrees(math.acos(math.cos(math.radians(yaw)) * math.cos(math.radians(pitch))))
    found = [f"turned away {away:.0f}°"] if away >= _TURNED_DEGREES else []
    if measures.get("cut_off", 0.0) >= _CUT_OFF:
        found.append(f"cut off by the border: {100 * measures['cut_off']:.0f} % of the face")
    if measures.get("brightness", 1.0) < _DARK:
        found.append(_PLAIN["brightness"](measures))
    if measures.get("contrast", 1.0) < _FLAT:
        found.append("little contrast")
    if measures.get("overexposed", 0.0) >= _WHITE:
        found.append(_PLAIN["overexposed"](measures))
    if measures.get("noise", 0.0) >= _NOISE:
        found.append(_PLAIN["noise"](measures))
    return found
