"""Which of somebody's many pictures they are known by. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from daemon.faces.values import Vectors

# Of the people of Labeled Faces in the Wild twelve pictures identify 0.1 % better than eight. Ages,
# glasses and beards want more; a hundred people of so many are one product of 0.1 ms.
MOST = 48


def best_and_most_different(
    vectors: Vectors, qualities: NDArray[np.float64], most: int = MOST
) -> list[int]:
    """The places of at most so many exemplars: the best first, then always the one that is least
    like those taken, a poor one counting as more like them than it is.

    Greedy k-centre (Gonzalez 1985), with the distance times the quality.
    """
    if len(vectors) <= most:
        return list(range(len(vectors)))
    place = int(qualities.argmax())
    taken = [place]
    nearest = vectors @ vectors[place]
    while len(taken) < most:
        gain = (1.0 - nearest) * qualities
        gain[taken] = -1.0
        place = int(gain.argmax())
        taken.append(place)
        nearest = np.maximum(nearest, vectors @ vectors[place])
    return sorted(taken)
