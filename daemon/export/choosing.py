"""Which of somebody's faces are exported as pictures. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from daemon.people.exemplars import best_and_most_different

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from catalog.exports import Likeness
    from daemon.faces.values import Vectors


def chosen(faces: Sequence[Likeness], vectors: Mapping[int, Vectors], most: int) -> list[Likeness]:
    """At most so many of these faces, the best and most different, the best first.

    Whether a face without a vector is like another cannot be told: such faces fill what is left.
    """
    if most == 0:
        return []
    told = [face for face in faces if face.face_id in vectors]
    kept = list(told)
    if len(told) > most:
        matrix = np.stack([vectors[face.face_id] for face in told])
        qualities = np.array([face.quality for face in told])
        kept = [told[place] for place in best_and_most_different(matrix, qualities, most)]
    untold = sorted((face for face in faces if face.face_id not in vectors), key=_best_first)
    return sorted([*kept, *untold[: most - len(kept)]], key=_best_first)


def _best_first(face: Likeness) -> tuple[float, int]:
    return -face.quality, face.face_id
