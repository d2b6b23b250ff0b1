"""Which camera and lens took a picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from daemon.intake.exif import Tags

MAX_NAME = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Camera:
    """Names as the camera wrote them, without NULs and runs of spaces; None where it wrote
    none.
    """

    make: str | None = None
    model: str | None = None
    lens: str | None = None


def camera(tags: Tags) -> Camera:
    """Maker, model and lens; a lens without a name is described by its focal lengths and
    apertures.
    """
    return Camera(
        make=named(tags.text("Make")),
        model=named(tags.text("Model")),
        lens=named(tags.text("LensModel")) or _described(tags),
    )


def named(text: str) -> str | None:
    """A name as a camera wrote it, without runs of spaces; None where it wrote none."""
    joined = " ".join(text.split())[:MAX_NAME].strip()
    # Lenses without electronics are written as dashes, unset fields as zeros.
    return joined if joined.strip("-0.") else None


def _described(tags: Tags) -> str | None:
    """From LensSpecification: shortest and longest focal length, smallest f-number at each (0/0
    where unknown).
    """
    values = tags.clean.get("LensSpecification")
    if not isinstance(values, list) or len(values) != 4 or not values[0]:
        return None
    shortest, longest, at_shortest, at_longest = values
    lengths = _span(shortest, longest)
    if not at_shortest:
        return f"{lengths} mm"
    return f"{lengths} mm f/{_span(at_shortest, at_longest)}"


def _span(low: float, high: float | None) -> str:
    return f"{low:g}" if not high or high == low else f"{low:g}-{high:g}"
