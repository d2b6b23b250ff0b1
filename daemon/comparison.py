"""What other ways of grouping would give, beside the people that the catalog has. Reads, and
changes nobody.
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from daemon.people import faces as faces_module
from daemon.people.agreement import bcubed, pairwise
from daemon.people.ensemble import Ensemble
from daemon.people.methods import METHODS, cluster

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from daemon.people.faces import KnownFace
    from daemon.people.group import Labels

    # Of which faces it is known who they are, and who all are.
    Truth = tuple[NDArray[np.bool_], Labels]


@dataclass(frozen=True, slots=True, kw_only=True)
class Groups:
    """What a way of grouping gives. `agreement` is by what it is held against (`present` people,
    `named` ones, faces that a person `confirmed`), where that holds two faces at least.
    """

    method: str
    parameters: dict[str, float]
    faces: int
    of_faces: int
    groups: int
    alone: int
    largest: tuple[int, ...]
    seconds: float
    agreement: dict[str, dict[str, dict[str, float]]]

    def as_dict(self) -> dict[str, Any]:
        """The same for JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Outcome:
    """The labels that one way of grouping gave the faces, and at what cost."""

    method: str
    labels: Labels
    parameters: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0


def compare(
    connection: sqlite3.Connection,
    names: Sequence[str],
    given: Mapping[str, float],
    *,
    sample: int | None = None,
) -> list[Groups]:
    """Our groups and those of each of these methods, on the same faces; `given` are parameters in
    place of the calibrated ones.

    Too many faces for a method are sampled: photos in the order of their SHA-256, which is a fair
    draw and the same whenever it is asked. Raises EnvironmentTrouble.
    """
    ensemble = Ensemble.read(connection)
    total = len(_ids(connection, None))
    found = []
    bounds = {name: sample or METHODS[name].most_faces for name in names}
    for bound in dict.fromkeys(bounds.values()):
        faces = _faces(connection, ensemble, bound)
        ours = _ours(faces)
        truths = _truths(faces, ours)
        found.append(_described(Outcome(method="ours", labels=ours), truths, total))
        for name in [it for it in names if bounds[it] == bound]:
            known = METHODS[name].defaults(ensemble.calibration, len(np.unique(ours)))
            parameters = {key: given.get(key, value) for key, value in known.items()}
            outcome = _tried(name, parameters, faces, ensemble)
            found.append(_described(outcome, truths, total))
    return found


def _tried(
    name: str, parameters: dict[str, float], faces: Sequence[KnownFace], ensemble: Ensemble
) -> Outcome:
    vectors = _vectors(faces, ensemble)
    start = time.monotonic()
    labels = cluster(name, vectors, parameters, ensemble.calibration)
    seconds = time.monotonic() - start
    return Outcome(method=name, labels=labels, parameters=parameters, seconds=seconds)


def _faces(connection: sqlite3.Connection, ensemble: Ensemble, bound: int) -> list[KnownFace]:
    ids = _ids(connection, bound)
    place = {face_id: number for number, face_id in enumerate(ids)}
    found = faces_module.Reader(connection, ensemble).by_ids(ids)
    return sorted(found, key=lambda face: place[face.id])


def _ids(connection: sqlite3.Connection, bound: int | None) -> list[int]:
    """Faces in the order of their photos' content."""
    rows = connection.execute(
        """SELECT faces.id FROM media JOIN faces ON faces.media_id = media.id
           WHERE faces.state = 'active'
             AND media.id NOT IN (SELECT media_id FROM reference_only)
             AND media.id NOT IN (SELECT media_id FROM replaced)
           ORDER BY media.sha256, faces.time_s, faces.x, faces.y LIMIT ?""",
        [-1 if bound is None else bound],
    )
    return [int(row["id"]) for row in rows]


def _vectors(faces: Sequence[KnownFace], ensemble: Ensemble) -> NDArray[np.float32]:
    if not faces:
        return np.empty((0, ensemble.dimensions), np.float32)
    return np.stack([face.vector for face in faces])


def _ours(faces: Sequence[KnownFace]) -> Labels:
    """Present people; a face of nobody is alone."""
    return np.array(
        [-face.id if face.person_id is None else face.person_id for face in faces], np.int64
    )


def _truths(faces: Sequence[KnownFace], ours: Labels) -> dict[str, Truth]:
    """What labels are held against: of which faces it is known, and who they are."""
    sets = {
        "present": np.ones(len(faces), np.bool_),
        "named": np.array([face.claimed for face in faces], np.bool_),
        "confirmed": np.array([face.decided for face in faces], np.bool_),
    }
    return {name: (known, ours) for name, known in sets.items() if known.sum() > 1}


def _described(outcome: Outcome, truths: Mapping[str, Truth], of_faces: int) -> Groups:
    labels = outcome.labels
    sizes = np.sort(np.unique(labels, return_counts=True)[1])[::-1]
    return Groups(
        method=outcome.method,
        parameters=outcome.parameters,
        faces=len(labels),
        of_faces=of_faces,
        groups=int((sizes > 1).sum()),
        alone=int((sizes == 1).sum()),
        largest=tuple(int(size) for size in sizes[:5]),
        seconds=round(outcome.seconds, 3),
        agreement={
            name: {
                "bcubed": asdict(bcubed(labels[known], truth[known])),
                "pairwise": asdict(pairwise(labels[known], truth[known])),
            }
            for name, (known, truth) in truths.items()
        },
    )
