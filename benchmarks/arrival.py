"""What the order of arrival changes: photos judged one after the other in a real catalog, in
several orders, and everybody at once by the repair pass.
"""

from __future__ import annotations

import itertools
import tempfile
import time
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks import report, synthetic
from catalog import assignments
from catalog.connect import connect, transaction
from catalog.migrations import migrate
from daemon.faces.registry import KNOWN_SHA256
from daemon.people import identifier
from daemon.people.agreement import bcubed
from daemon.people.group import numbered
from daemon.settings import Paths, Settings
from daemon.tasks import Question

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from benchmarks.people import Faces

    Labels = NDArray[np.int64]


def measured(faces: Faces, orders: int) -> dict[str, Any]:
    """BCubed F between what any two orders give, with everybody at once, and after the repair."""
    at_once = _all_at_once(faces)
    came: list[Labels] = []
    mended: list[Labels] = []
    ms = []
    for seed in range(orders):
        order = np.random.default_rng(seed).permutation(len(faces))
        before, after, spent = _one_by_one(faces, order)
        came.append(before)
        mended.append(after)
        ms.append(spent)
    between = [bcubed(a, b).f for a, b in itertools.combinations(came, 2)]
    return {
        "orders": orders,
        "between": between or [1.0],
        "with_all_at_once": [bcubed(it, at_once).f for it in came],
        "truth": [bcubed(it, faces.people).f for it in came],
        "truth_all_at_once": bcubed(at_once, faces.people).f,
        "equal_pairs": sum(_equal(a, b) for a, b in itertools.combinations(mended, 2)),
        "equal_all_at_once": sum(_equal(it, at_once) for it in mended),
        "ms_a_photo": ms,
    }


def _equal(one: Labels, other: Labels) -> bool:
    """Whether these are the same groups, whatever their numbers."""
    return bool(np.array_equal(numbered(one), numbered(other)))


def _one_by_one(faces: Faces, order: NDArray[np.int64]) -> tuple[Labels, Labels, float]:
    """People after the photos came in this order, after the repair, and milliseconds a photo."""
    with _empty_catalog() as (connection, settings, embedder):
        start = time.perf_counter()
        for number in order.tolist():
            with transaction(connection):
                media_id = _photo(connection, faces, number, embedder)
            _judge(connection, Question(media_ids=(media_id,)), settings)
        ms = 1000 * (time.perf_counter() - start) / len(order)
        before = _people(connection, len(faces))
        _judge(connection, Question(whole=True), settings)
        return before, _people(connection, len(faces)), ms


def _all_at_once(faces: Faces) -> Labels:
    """People where nobody was judged before everybody had come."""
    with _empty_catalog() as (connection, settings, embedder):
        with transaction(connection):
            for number in range(len(faces)):
                _photo(connection, faces, number, embedder)
        _judge(connection, Question(whole=True), settings)
        return _people(connection, len(faces))


@contextmanager
def _empty_catalog() -> Iterator[tuple[sqlite3.Connection, Settings, int]]:
    """A catalog with Dlib as it comes, and an identifier that remembers nobody."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(paths=Paths(state=Path(folder)))
        migrate(settings.catalog)
        identifier._gallery = None
        try:
            with closing(connect(settings.catalog)) as connection:
                yield connection, settings, _set_up(connection)
        finally:
            identifier._gallery = None


def _judge(connection: sqlite3.Connection, question: Question, settings: Settings) -> None:
    answer = identifier.answer(question, settings)
    with transaction(connection):
        assignments.apply(connection, answer.verdicts, {})


def _set_up(connection: sqlite3.Connection) -> int:
    """Dlib as it is calibrated; returns the embedder."""
    weights = KNOWN_SHA256["dlib_face_recognition_resnet_model_v1.dat"]
    with transaction(connection):
        connection.execute(
            "INSERT INTO roots (id, path_bytes, path, role) VALUES (1, x'2f', '/', 'inbox')"
        )
        cursor = connection.execute(
            """INSERT INTO embedders (model, weights_sha256, geometry, dimensions, active)
               VALUES ('Dlib', ?, 'dlib150-v2+mirror', 128, 1)""",
            [weights],
        )
    return int(cursor.lastrowid or 0)


def _photo(connection: sqlite3.Connection, faces: Faces, number: int, embedder: int) -> int:
    """A photo with one face, whose number is its x."""
    face = synthetic.Face(
        vector=faces.vectors[number], quality=float(faces.qualities[number]), x=number
    )
    return synthetic.add_photo(connection, number, [face], embedder)


def _people(connection: sqlite3.Connection, count: int) -> Labels:
    """Who each face is, by its number; a face that is nobody is alone."""
    labels = -1 - np.arange(count)
    for number, person_id in connection.execute(
        "SELECT x, person_id FROM faces WHERE person_id IS NOT NULL"
    ):
        labels[int(number)] = person_id
    return labels


def as_text(result: dict[str, Any]) -> str:
    """The result for people."""
    orders, between = result["orders"], result["between"]
    rows = [
        (name, f"{min(values):.4f}", f"{np.mean(values):.4f}")
        for name, values in (
            ("any two orders", between),
            ("an order and all at once", result["with_all_at_once"]),
            ("an order and the truth", result["truth"]),
        )
    ]
    return (
        f"{orders} orders of arrival, photo by photo, {np.median(result['ms_a_photo']):.1f} ms "
        f"each. Mark: 0.98 between any two.\n"
        + report.table(("BCubed F between", "least", "mean"), rows)
        + f"\nAfter the repair pass {result['equal_pairs']} of {len(between)} pairs of orders are "
        f"equal, {result['equal_all_at_once']} of {orders} orders are what all at once gives "
        f"(BCubed F with the truth {result['truth_all_at_once']:.4f})."
    )
