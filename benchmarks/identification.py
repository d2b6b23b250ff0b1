"""What identifying a new photo costs by the size of the catalog: with the gallery in memory, after
a decision, and at the identifier's start.

Sizes take turns in one run, because the machine is noisy. Run: python -m benchmarks.identification
[--json] [--photos N] [--faces N N …] [--whole]
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks import report, synthetic
from catalog import assignments, decisions
from catalog.connect import connect, transaction
from daemon import memory
from daemon.people import identifier
from daemon.people.gallery import Gallery
from daemon.settings import Paths, Settings
from daemon.tasks import Question

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

SIZES = (2_000, 200_000)
# As in Labeled Faces in the Wild with the people of a household.
FACES_A_PERSON = 5
KNOWN = 20
EMBEDDER = 1
ME = {"actor": "benchmark"}


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    options = _options(arguments)
    with ExitStack() as stack:
        houses = [House(stack, size) for size in options.faces]
        for _ in range(options.photos):
            for house in houses:
                house.identify()
        result = {"sizes": [house.told(whole=options.whole) for house in houses]}
    report.publish(result, as_text(result), as_json=options.json)


class House:
    """A catalog of one size, with an identifier of its own."""

    def __init__(self, stack: ExitStack, faces: int) -> None:
        self.faces = faces
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        self.settings = Settings(paths=Paths(state=Path(folder)))
        synthetic.fill(
            self.settings.catalog, faces=faces, people=max(4, faces // FACES_A_PERSON), seed=1
        )
        self.connection = stack.enter_context(closing(connect(self.settings.catalog)))
        self._draw = np.random.default_rng(2)
        with transaction(self.connection):
            for (face_id,) in self.connection.execute(
                """SELECT min(id) FROM faces WHERE person_id BETWEEN 1 AND ? GROUP BY person_id""",
                [KNOWN],
            ).fetchall():
                person_id = self._person_of(face_id)
                decisions.confirm(self.connection, [face_id], person_id, **ME)
        before = memory.resident_mb()
        start = time.perf_counter()
        self.gallery = Gallery()
        self.gallery.refresh(self.connection)
        self.start_s = time.perf_counter() - start
        self.start_mb = memory.resident_mb() - before
        self.ms: dict[str, list[float]] = {}

    def identify(self) -> None:
        """A photo of somebody frequent and of somebody rare, one of a stranger, and one after a
        decision.
        """
        rare = int(self._draw.integers(3, self.faces // FACES_A_PERSON))
        self._photo("known people", [self._like(1), self._like(rare)])
        stranger = self._draw.standard_normal(synthetic.DIMENSIONS)
        self._photo("a stranger", [synthetic.unit(self._like(rare) + 0.15 * stranger)])
        with transaction(self.connection):
            name = f"Person {time.perf_counter_ns()}"
            decisions.name_person(self.connection, rare, name, **ME)
        self._photo("after a decision", [self._like(rare), self._like(2)])

    def told(self, *, whole: bool) -> dict[str, Any]:
        """Medians of what was measured, and the start; the repair pass where that is wanted."""
        found: dict[str, Any] = {
            "faces": self.faces,
            "ms": {name: statistics.median(values) for name, values in self.ms.items()},
            "start_s": self.start_s,
            "memory_mb": self.start_mb,
        }
        if whole:
            start = time.perf_counter()
            identifier.answer(Question(whole=True), self.settings)
            found["repair_s"] = time.perf_counter() - start
        return found

    def _photo(self, name: str, vectors: list[NDArray[np.float32]]) -> None:
        with transaction(self.connection):
            faces = [
                synthetic.Face(vector=vector, quality=0.85, x=200 * place)
                for place, vector in enumerate(vectors)
            ]
            number = time.perf_counter_ns()
            media_id = synthetic.add_photo(self.connection, number, faces, EMBEDDER)
        identifier._gallery = self.gallery
        start = time.perf_counter()
        answer = identifier.answer(Question(media_ids=(media_id,)), self.settings)
        with transaction(self.connection):
            assignments.apply(self.connection, answer.verdicts, {})
        self.ms.setdefault(name, []).append(1000 * (time.perf_counter() - start))

    def _like(self, person_id: int) -> NDArray[np.float32]:
        """Another picture of somebody."""
        rows = self.connection.execute(
            """SELECT vector FROM faces JOIN embeddings ON face_id = faces.id
               WHERE person_id = ? LIMIT 50""",
            [person_id],
        ).fetchall()
        vectors = [np.frombuffer(row["vector"], "<f4") for row in rows]
        centre = synthetic.unit(np.mean(vectors, axis=0))
        return synthetic.pictures(centre[None], self._draw)[0]

    def _person_of(self, face_id: int) -> int:
        (person_id,) = self.connection.execute(
            "SELECT person_id FROM faces WHERE id = ?", [face_id]
        ).fetchone()
        return int(person_id)


def as_text(result: dict[str, Any]) -> str:
    """The result for people."""
    sizes = result["sizes"]
    names = list(sizes[0]["ms"])
    rows = [
        (f"a photo: {name}, ms", *(f"{it['ms'][name]:.1f}" for it in sizes),
         f"{sizes[-1]['ms'][name] / sizes[0]['ms'][name]:.2f}")
        for name in names
    ]  # fmt: skip
    for label, key in (
        ("start of the identifier, s", "start_s"),
        ("its memory, MB", "memory_mb"),
        ("the whole repair pass, s", "repair_s"),
    ):
        if key in sizes[0]:
            rows.append((label, *(f"{it[key]:.2f}" for it in sizes), ""))
    return report.table(("", *(f"{it['faces']:,} faces" for it in sizes), "ratio"), rows)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, prog="python -m benchmarks.identification"
    )
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    parser.add_argument("--photos", type=int, default=40, help="rounds of photos")
    parser.add_argument("--faces", type=int, nargs="+", default=SIZES, help="sizes of the catalog")
    parser.add_argument("--whole", action="store_true", help="the repair pass too")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
