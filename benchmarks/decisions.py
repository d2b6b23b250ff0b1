"""How long a decision over a twentieth of all faces takes, and taking it back, as the catalog
grows.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from contextlib import closing
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from benchmarks import report, synthetic
from catalog import decisions, forget, undo
from catalog.connect import connect, crops_path, transaction

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Sequence

SIZES = (2_000, 200_000)
_FACES_A_PERSON = 20
_LARGE, _OTHER = 1, 2


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    options = _options(arguments)
    result = {"sizes": [measured(faces, options.rounds) for faces in options.sizes]}
    report.publish(result, as_text(result), as_json=options.json)


def measured(faces: int, rounds: int) -> dict[str, Any]:
    """Medians in seconds of each decision and of its undo, in a catalog of so many faces."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "catalog.db"
        synthetic.fill(path, faces=faces, people=max(4, faces // _FACES_A_PERSON), seed=0)
        with closing(connect(path)) as connection, closing(connect(crops_path(path))) as crops:
            hers = _faces(connection)
            found = {}
            for name, decide in _decisions(hers).items():
                times = [_there_and_back(connection, decide) for _ in range(rounds)]
                found[name] = {
                    "seconds": median(it[0] for it in times),
                    "undo_seconds": median(it[1] for it in times),
                    "worst_seconds": max(max(it) for it in times),
                }
            start = time.perf_counter()
            forget.forget_person(connection, crops, _LARGE, actor="benchmark")
            forgotten = time.perf_counter() - start
    return {
        "faces": faces,
        "of_the_person": len(hers),
        "decisions": found,
        "forget_seconds": forgotten,
    }


def _decisions(faces: Sequence[int]) -> dict[str, Callable[[sqlite3.Connection], Any]]:
    who = "benchmark"
    return {
        "name": lambda it: decisions.name_person(it, _LARGE, "Rosa", actor=who),
        "merge two of them": lambda it: decisions.merge(it, [_OTHER], _LARGE, actor=who),
        "confirm all": lambda it: decisions.confirm_all(it, _LARGE, actor=who),
        "split off all": lambda it: decisions.split(it, _LARGE, faces, actor=who),
        "reject all": lambda it: decisions.reject(it, faces, _LARGE, actor=who),
        "not faces": lambda it: decisions.reject(it, faces, None, actor=who),
    }


def _there_and_back(
    connection: sqlite3.Connection, decide: Callable[[sqlite3.Connection], Any]
) -> tuple[float, float]:
    start = time.perf_counter()
    with transaction(connection):
        decide(connection)
    decided = time.perf_counter()
    with transaction(connection):
        undo.undo(connection, actor="benchmark")
    return decided - start, time.perf_counter() - decided


def _faces(connection: sqlite3.Connection) -> list[int]:
    rows = connection.execute("SELECT id FROM faces WHERE person_id = ?", [_LARGE])
    return [int(row["id"]) for row in rows]


def as_text(result: dict[str, Any]) -> str:
    """A table for each size."""
    parts = []
    for size in result["sizes"]:
        rows = [
            (
                name,
                *(f"{it[key] * 1000:.0f}" for key in ("seconds", "undo_seconds", "worst_seconds")),
            )
            for name, it in size["decisions"].items()
        ]
        rows.append(("forget", f"{size['forget_seconds'] * 1000:.0f}", "", ""))
        parts.append(
            f"{size['faces']:,} faces, {size['of_the_person']:,} of the person:\n"
            + report.table(("decision", "ms", "undo ms", "worst ms"), rows)
        )
    return "\n\n".join(parts)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m benchmarks.decisions")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    parser.add_argument("--rounds", type=int, default=5, help="how often each is measured")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="faces in the catalog")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
