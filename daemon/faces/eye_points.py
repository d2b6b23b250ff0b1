"""The eye aspect ratio of dlib's 68-point predictor, for those whom its licence allows: the
pictures that it was trained on (iBUG 300-W) exclude commercial use. Nothing here runs unless
`[quality] eye_points` asks for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from daemon.errors import EnvironmentTrouble
from daemon.faces.weights import package_folder

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from daemon.faces.values import Crop, Detection, Picture

FILE: Final = "shape_predictor_68_face_landmarks.dat"
# dlib's square in a box of YuNet, medians over 303 pictures that both find: its middle moved to the
# right and down by shares of the box's width and height, its side in widths.
_SQUARE: Final = (-0.026, 0.041, 1.137)
# Where the six points of the right and the left eye begin.
_EYES: Final = (36, 42)


@dataclass(frozen=True, slots=True)
class Predictor:
    """One of dlib's predictors of landmarks."""

    predictor: Any

    @classmethod
    def load(cls, file: str = FILE) -> Predictor:
        """The predictor of this file in the package face_recognition_models. Raises
        EnvironmentTrouble where it or dlib is not on this machine.
        """
        try:
            import dlib
        except ImportError as error:
            raise EnvironmentTrouble(
                f"the eye points need dlib, which cannot be imported ({error}); install the extra "
                "`eyes`, or set quality.eye_points = false"
            ) from error
        folder = package_folder("face_recognition_models")
        if folder is None or not (folder / "models" / file).is_file():
            raise EnvironmentTrouble(
                f"{file} is not on this machine; install the package face_recognition_models, or "
                "set quality.eye_points = false"
            )
        return cls(dlib.shape_predictor(str(folder / "models" / file)))

    def __call__(self, picture: Picture, box: tuple[float, float, float, float]) -> Any:
        """What it finds for a face with this box (x, y, w, h) in the picture, as dlib has it."""
        import dlib

        right, lower, widths = _SQUARE
        x, y, w, h = box
        x, y, half = x + (0.5 + right) * w, y + (0.5 + lower) * h, widths * w / 2
        square = dlib.rectangle(*(round(it) for it in (x - half, y - half, x + half, y + half)))
        return self.predictor(picture, square)


def eye_aspect_ratio(predictor: Predictor, crop: Crop, face: Detection, scale: float) -> float:
    """Height by width of the eyes' opening in a stored crop, about 0.1 closed to 0.35 wide open.
    `scale` is how many pixels of the full-size picture one of those in which `face` is shows.
    """
    shrunk = scale / crop.scale
    x, y = face.x * shrunk - crop.x / crop.scale, face.y * shrunk - crop.y / crop.scale
    parts = predictor(crop.picture, (x, y, face.w * shrunk, face.h * shrunk)).parts()
    return aspect_ratio(np.array([(it.x, it.y) for it in parts], np.float64))


def aspect_ratio(points: NDArray[np.float64]) -> float:
    """Height by width of the eyes' opening, the mean of both, of 68 points (68 × 2 pixels): the
    eye aspect ratio of Soukupová & Čech, Real-Time Eye Blink Detection using Facial Landmarks (CVWW
    2016).
    """
    ratios = []
    for first in _EYES:
        eye = points[first : first + 6]
        heights = np.linalg.norm(eye[1] - eye[5]) + np.linalg.norm(eye[2] - eye[4])
        width = max(1e-6, float(np.linalg.norm(eye[0] - eye[3])))
        ratios.append(float(heights) / (2 * width))
    return float(np.mean(ratios))
