"""The ledger of what was done: one row a step with the fingerprint of everything that shaped its
result.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from catalog.records import StepRecord


def fingerprint(
    *,
    code_version: str,
    model: str = "",
    weights_sha256: str = "",
    parameters: dict[str, Any] | None = None,
    reads: Sequence[str] = (),
) -> str:
    """What decides a step's result, as 16 hexadecimal digits.

    `parameters` are those that change the result and no others; `reads` are the fingerprints of the
    steps it reads from, so that a change up the stream changes every step below it.
    """
    text = json.dumps(
        [code_version, model, weights_sha256, parameters or {}, list(reads)], sort_keys=True
    )
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def record(
    connection: sqlite3.Connection, media_id: int, part: int, steps: Sequence[StepRecord]
) -> None:
    """Write the steps of one part, each in place of an earlier one of the same name and model.

    A step of the same name by another model that is not among `steps` is dropped with its result: a
    media has one detection, whichever detector made it.
    """
    for step in steps:
        models = [other.model for other in steps if other.step == step.step]
        connection.execute(
            f"""DELETE FROM steps WHERE media_id = ? AND part = ? AND step = ?
                AND model NOT IN ({",".join("?" * len(models))})""",
            [media_id, part, step.step, *models],
        )
        connection.execute(
            """INSERT INTO steps (media_id, part, step, model, fingerprint, parameters, state,
                                  started_at, seconds, device, error)
               VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
               ON CONFLICT (media_id, part, step, model) DO UPDATE SET
                   fingerprint = excluded.fingerprint, parameters = excluded.parameters,
                   state = excluded.state, started_at = excluded.started_at,
                   seconds = excluded.seconds, device = excluded.device, error = excluded.error""",
            [
                media_id,
                part,
                step.step,
                step.model,
                step.fingerprint,
                json.dumps(step.parameters, sort_keys=True),
                step.state,
                step.started_at,
                step.seconds,
                step.device,
                step.error,
            ],
        )


def outdated(connection: sqlite3.Connection, current: dict[tuple[str, str], str]) -> dict[str, int]:
    """How many finished media have a step made with other settings, by step.

    `current` maps (step, model) to the fingerprint that step would get today; a step recorded under
    a model that is not in it was made with other settings too.
    """
    counts: dict[str, int] = {}
    for step in sorted({step for step, _ in current}):
        wanted = [mark for (name, _), mark in current.items() if name == step]
        row = connection.execute(
            f"""SELECT count(DISTINCT media_id) FROM steps JOIN media ON media.id = steps.media_id
                WHERE step = ? AND steps.state = 'done' AND media.state = 'done'
                  AND fingerprint NOT IN ({",".join("?" * len(wanted))})""",
            [step, *wanted],
        ).fetchone()
        if row[0]:
            counts[step] = int(row[0])
    return counts
