"""From which similarity a face is somebody: what the settings ask for, by the calibration that
counts.

Constants are odds, so that they mean the same for every recognition model; in similarity they are
log(odds) / slope of the model's curve. They were read off Labeled Faces in the Wild with Dlib's
model (`benchmarks.openset`, `benchmarks.grouping`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from daemon.people.curve import Calibration, Curve
    from daemon.settings import Identify

# Below a threshold by up to these odds a face is asked about, and a group may still be meant: 2 to
# 4 % of strangers are asked about so, and groups mended so far around a new face are, whatever the
# order, what grouping all at once gives by a BCubed F of 0.99; half as far by 0.987, twice as far
# by 0.997 at twice the work and more.
DOUBT: Final = 6.0
# The threshold for a name is meant for a household of so many named people, of whom one stranger
# in a hundred is taken for somebody at "balanced" (one pair in 1,000); with more people, fewer.
# Ten times as many people are ten times as many chances to err.
HOUSEHOLD: Final = 10
# With how many of a face's log-odds an exemplar's part in the comparison falls: exp(25 · difference
# of similarity) for Dlib, so that a picture of another age, 0.15 less similar, hardly counts.
# Twice as much identifies 0.008 fewer of the people known by three pictures.
ATTENTION: Final = 0.14
# The log-odds of two typical pictures of one person (Dlib: similarity 0.957).
TYPICAL: Final = 8.36
# Second looks are more similar to everybody, by these odds (Dlib: 0.0023; see
# `benchmarks.second_looks`).
SECOND_LOOKS: Final = 1.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Similarities: from `threshold` on a face may have a name, with a lead of `margin` over the
    second person; from `group_threshold` on, on average, it joins a group. `found_quality`,
    `found_track_quality` and `named_quality` are scores, `curve` gives the confidence. `tenfold` is
    how much more similar a face must be where ten times as many people are known; 0 where the
    settings give the threshold itself.
    """

    threshold: float
    margin: float
    group_threshold: float
    found_quality: float
    curve: Curve
    found_track_quality: float = 0.0
    tenfold: float = 0.0
    named_quality: float = 0.0

    def founds_from(self, *, track: bool) -> float:
        """The quality from which a face, or the best one of a track, may found a person."""
        return max(self.found_quality, self.found_track_quality) if track else self.found_quality

    def named_from(self, people: int) -> float:
        """The similarity that a name needs where so many people are known."""
        return self.threshold + self.tenfold * math.log10(max(1.0, people / HOUSEHOLD))

    @property
    def doubt(self) -> float:
        """How far below a threshold a similarity is still worth a question."""
        return math.log(DOUBT) / self.curve.slope

    @property
    def for_second_looks(self) -> Limits:
        """The same for vectors of jittered crops."""
        return replace(self, threshold=self.threshold + math.log(SECOND_LOOKS) / self.curve.slope)

    @property
    def attention(self) -> float:
        """By which power an exemplar that is less similar counts less: exp(−attention · less)."""
        return ATTENTION * self.curve.slope

    @property
    def typical(self) -> float:
        """The similarity of two typical pictures of one person."""
        return min(1.0, self.curve.similarity_at(TYPICAL))


def limits(section: Identify, calibration: Calibration) -> Limits:
    """The settings' own numbers where there are some, else those of the calibration."""
    threshold, group = section.threshold, section.group_threshold
    rates = calibration.thresholds
    return Limits(
        threshold=rates[section.strictness] if threshold is None else threshold,
        margin=math.log(section.lead) / calibration.curve.slope,
        group_threshold=rates["group"] if group is None else group,
        found_quality=section.found_quality,
        found_track_quality=section.found_track_quality,
        named_quality=section.named_quality,
        curve=calibration.curve,
        # "strict" is a tenth of the rate of "balanced": the tail of the similarities of strangers.
        tenfold=rates["strict"] - rates["balanced"] if threshold is None else 0.0,
    )
