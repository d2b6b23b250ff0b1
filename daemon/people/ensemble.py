"""The recognition models whose vectors are compared, and what their vectors are together.

Faces are matched by the mean of the models' calibrated similarities. Each calibration is a line,
log-odds a·s + b, so that mean is a line in the weighted mean of the similarities, with weights
a / Σa; and that weighted mean is the product of the models' vectors laid one behind the other, each
stretched by the root of its weight. Such a joined vector has unit length again, and everything that
compares vectors compares joined ones. Of one model alone it is the model's own.

The joined thresholds are the weighted means of the models' own. Chance errs less where several
models are asked, so the false-match rate there is at most what each alone would have.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from catalog import calibrations
from daemon.people.curve import RATES, Calibration, Curve
from daemon.people.in_force import current
from daemon.people.starting import published

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from catalog.calibrations import EmbedderRow
    from daemon.faces.values import Vectors


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One model of the ensemble, with the calibration that counts."""

    embedder: EmbedderRow
    calibration: Calibration


@dataclass(frozen=True, slots=True, kw_only=True)
class Ensemble:
    """The active embedders, in the order in which they came; empty where nothing has a vector."""

    members: tuple[Member, ...]

    @classmethod
    def read(cls, connection: sqlite3.Connection) -> Ensemble:
        """The embedders that are active now, with their newest calibrations."""
        return cls(
            members=tuple(
                Member(embedder=it, calibration=current(connection, it))
                for it in calibrations.active_embedders(connection)
            )
        )

    @property
    def dimensions(self) -> int:
        """Of a joined vector."""
        return sum(member.embedder.dimensions for member in self.members)

    @property
    def shares(self) -> tuple[float, ...]:
        """The weight of each model, one in all."""
        slopes = [member.calibration.curve.slope for member in self.members]
        return tuple(slope / sum(slopes) for slope in slopes)

    @property
    def calibration(self) -> Calibration:
        """What the similarity of joined vectors means."""
        if not self.members:
            return published("")
        own = [member.calibration for member in self.members]
        count, shares = len(own), self.shares
        return Calibration(
            source=" + ".join(dict.fromkeys(it.source for it in own)),
            curve=Curve(
                slope=sum(it.curve.slope for it in own) / count,
                intercept=sum(it.curve.intercept for it in own) / count,
            ),
            thresholds={
                name: sum(
                    share * it.thresholds[name] for share, it in zip(shares, own, strict=True)
                )
                for name in RATES
            },
            measured=all(it.measured for it in own),
        )

    def joined(self, parts: Sequence[Vectors]) -> Vectors:
        """One vector of the models' own, in their order; the last axis is a vector's. Of one model
        alone it is the model's.
        """
        if len(parts) == 1:
            return parts[0]
        stretched = [
            part * np.float32(np.sqrt(share))
            for part, share in zip(parts, self.shares, strict=True)
        ]
        result: Vectors = np.concatenate(stretched, axis=-1)
        return result

    def own(self, number: int, joined: Vectors) -> Vectors:
        """What joined vectors (or sums of them) are to one model alone."""
        start = sum(it.embedder.dimensions for it in self.members[:number])
        end = start + self.members[number].embedder.dimensions
        result: Vectors = joined[..., start:end] / np.float32(np.sqrt(self.shares[number]))
        return result
