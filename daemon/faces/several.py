"""Several detectors as one: what they find, united by overlap."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from daemon.faces import device
from daemon.faces.boxes import overlaps
from daemon.faces.landmarks import is_measured
from daemon.faces.looks import SAME_FACE
from daemon.faces.values import Detection

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from daemon.faces.values import Detector, Picture


class Several:
    """Detectors that look at the same pictures, each in its own way."""

    def __init__(self, detectors: Sequence[Detector]) -> None:
        self.detectors = tuple(detectors)
        self.name = "+".join(detector.name for detector in self.detectors)
        self.version = "+".join(detector.version for detector in self.detectors)
        self.weights_sha256 = "+".join(detector.weights_sha256 for detector in self.detectors)

    @property
    def device(self) -> str:
        """What they run on: the first one's, or all where they differ."""
        return "+".join(dict.fromkeys(device.of(detector) for detector in self.detectors))

    def detect(self, pictures: Sequence[Picture]) -> list[list[Detection]]:
        """The faces of each picture, in that picture's pixels, most confident first."""
        answers = [detector.detect(pictures) for detector in self.detectors]
        return [fused([answer[index] for answer in answers]) for index in range(len(pictures))]


def fused(answers: Sequence[Sequence[Detection]]) -> list[Detection]:
    """The union of what several detectors found in one picture, most confident first: a face that
    more than one found is once there, with the mean box and points, weighted by confidence.

    Solovyev, Todorov, Reade: Weighted boxes fusion, Image and Vision Computing 2021. Three things
    differ. A detector has one box in a face at most, so that neighbours never become one. Points
    come only from detectors that measured them. And the confidence stays the mean of those who
    found the face, where the paper lowers it by the share of those who did not: detectors are
    blind in different places (MTCNN to small faces), so that silence proves nothing. The order of
    the detectors is of no account.
    """
    ranked = sorted(
        ((face, source) for source, faces in enumerate(answers) for face in faces),
        key=lambda it: _rank(it[0]),
    )
    clusters: list[list[tuple[Detection, int]]] = []
    for face, source in ranked:
        open_ = [it for it in clusters if source not in {other for _, other in it}]
        near = _nearest(face, [_mean_box([one for one, _ in it]) for it in open_])
        if near is None:
            clusters.append([(face, source)])
        else:
            open_[near].append((face, source))
    united = [_united([face for face, _ in cluster]) for cluster in clusters]
    return sorted(united, key=_rank)


def _nearest(face: Detection, boxes: Sequence[NDArray[np.float64]]) -> int | None:
    """The box that overlaps the face most, where that is enough for one face."""
    if not boxes:
        return None
    mine = np.array([[face.x, face.y, face.w, face.h]], np.float32)
    shared = overlaps(mine, np.array(boxes, np.float32))[0]
    best = int(np.argmax(shared))
    return best if shared[best] > SAME_FACE else None


def _united(faces: Sequence[Detection]) -> Detection:
    """The detections of one face as one; alone it stays as it is."""
    if len(faces) == 1:
        return faces[0]
    x, y, w, h = (float(value) for value in _mean_box(faces))
    measured = [face for face in faces if is_measured(face)] or list(faces)
    points = np.average(
        [face.landmarks for face in measured],
        axis=0,
        weights=[face.confidence for face in measured],
    )
    return Detection(
        x=x,
        y=y,
        w=w,
        h=h,
        landmarks=points.astype(np.float32),
        confidence=float(np.mean([face.confidence for face in faces])),
        detector="+".join(sorted(face.detector for face in faces)),
    )


def _mean_box(faces: Sequence[Detection]) -> NDArray[np.float64]:
    """x, y, w, h, weighted by confidence."""
    boxes = [[face.x, face.y, face.w, face.h] for face in faces]
    weights = [face.confidence for face in faces]
    mean: NDArray[np.float64] = np.average(np.array(boxes, np.float64), axis=0, weights=weights)
    return mean


def _rank(face: Detection) -> tuple[float, ...]:
    """Most confident first; ties by place, so that no order of the detectors shows."""
    return -face.confidence, face.x, face.y, face.w, face.h
