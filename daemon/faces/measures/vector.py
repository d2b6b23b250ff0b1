"""What a recognition model itself tells of how well it sees a face."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

from daemon.faces.embed import embed
from daemon.faces.jitter import jittered

if TYPE_CHECKING:
    from collections.abc import Sequence

    from daemon.faces.values import Crop, Embedded, Embedder

LOOKS: Final = 4
# So many faces' looks are drawn at once: 18 MB of them.
_AT_ONCE: Final = 64


def told(found: Embedded) -> list[dict[str, float]]:
    """The measures that come with the vectors, a dict a face: `agreement`, a cosine, and `norm`."""
    return [
        {"agreement": agreement, "norm": norm}
        for agreement, norm in zip(found.agreement.tolist(), found.norm.tolist(), strict=True)
    ]


def stability(crops: Sequence[Crop], embedder: Embedder) -> list[float]:
    """How little each crop's vector moves with its landmarks, 0 to 1: twice the logistic function
    of minus the mean distance between the vectors of four looks, each pair counted in both orders
    and a look with itself too.

    The score of Terhörst et al., SER-FIQ: Unsupervised Estimation of Face Image Quality Based on
    Stochastic Embedding Robustness (CVPR 2020), with looks moved as in `jitter` in the place of
    their dropout, which not every network has.
    """
    found: list[float] = []
    for start in range(0, len(crops), _AT_ONCE):
        looks = [look for crop in crops[start : start + _AT_ONCE] for look in jittered(crop, LOOKS)]
        vectors = embed(looks, embedder).reshape(-1, LOOKS, embedder.dimensions)
        apart = np.linalg.norm(vectors[:, :, None] - vectors[:, None], axis=-1).mean(axis=(1, 2))
        found += [2 / (1 + math.exp(it)) for it in apart.tolist()]
    return found
