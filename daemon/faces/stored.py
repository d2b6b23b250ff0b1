"""A stored crop back to what the first vector was computed from, for every later model. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from daemon.faces.align import stored_crop

if TYPE_CHECKING:
    from daemon.faces.values import Crop
    from daemon.tasks import StoredFace


def crop_of(face: StoredFace) -> Crop | None:
    """The crop as the stages know it; None where its bytes are no picture any more.

    Landmarks are in the catalog to a hundredth of a pixel of the full-size picture, so a vector
    computed again differs from the first by less than 1e-4 in any element.
    """
    landmarks = np.asarray(face.landmarks, np.float32)
    try:
        return stored_crop(face.jpeg, landmarks, scale=face.scale, x=face.x, y=face.y)
    except ValueError:
        return None
