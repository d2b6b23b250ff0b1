"""From which similarity a face is somebody: what the settings ask for, by the calibration that
counts.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from daemon.people.curve import Calibration, Curve
    from daemon.settings import Identify


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Similarities: from `threshold` on a face may have a name, with a lead of `margin` over the
    second person; from `group_threshold` on, on average, it joins a group. `found_quality` is a
    score, `curve` gives the confidence.
    """

    threshold: float
    margin: float
    group_threshold: float
    found_quality: float
    curve: Curve


def limits(section: Identify, calibration: Calibration) -> Limits:
    """The settings' own numbers where there are some, else those of the calibration."""
    threshold, group = section.threshold, section.group_threshold
    return Limits(
        threshold=calibration.thresholds[section.strictness] if threshold is None else threshold,
        margin=math.log(section.lead) / calibration.curve.slope,
        group_threshold=calibration.thresholds["group"] if group is None else group,
        found_quality=section.found_quality,
        curve=calibration.curve,
    )
