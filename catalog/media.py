"""Committing what one part of one media turned out to hold: rows, crops and the next job, at
once.
"""

from __future__ import annotations

import json
from dataclasses import fields
from typing import TYPE_CHECKING

from catalog import crops as crops_module
from catalog import exemplars, jobs, log, pairs, parts, steps
from catalog.carry import carry_over
from catalog.faces import replace_faces, without_forgotten
from catalog.records import MediaFacts

if TYPE_CHECKING:
    import sqlite3

    from catalog.jobs import Job, Patience
    from catalog.records import PartRecord

IDENTIFY_PRIORITY = 10


def commit_part(
    catalog: sqlite3.Connection,
    crops: sqlite3.Connection,
    record: PartRecord,
    job: Job,
    *,
    patience: Patience,
) -> str:
    """Write one part's results and close its job, inside the caller's transactions.

    Returns the media's state afterwards. The same transaction lines up identification, so that no
    committed face is ever forgotten. A part that failed and may succeed later goes back in line.
    """
    row = catalog.execute(
        "SELECT id, state FROM media WHERE sha256 = ?", [record.sha256]
    ).fetchone()
    if row is None:
        jobs.finish(catalog, job.id, state="cancelled", error="the media was removed meanwhile")
        return "gone"
    media_id = int(row["id"])
    # A try that failed replaces nothing of what an earlier one found, nor the account of it.
    if record.error is None or row["state"] != "done":
        if record.facts is not None:
            _write_facts(catalog, media_id, record.facts)
            pairs.pair(catalog, media_id)
        if record.preview is not None:
            crops_module.store_preview(crops, record.sha256, record.preview)
        steps.record(catalog, media_id, record.part, record.steps)
    if record.error is not None:
        return _fail(catalog, media_id, record, job, patience)
    if record.facts is not None and record.facts.kind == "video":
        parts.plan(
            catalog,
            media_id,
            record.facts.duration_s,
            job,
            in_one_piece=record.facts.in_one_piece,
            note=record.facts.note,
        )
        jobs.finish(catalog, job.id)
        return str(row["state"])
    faces = without_forgotten(catalog, media_id, record.faces)
    crops_module.store_crops(crops, [face.crop for face in faces])
    replace_faces(catalog, media_id, faces)
    if row["state"] != "done":  # later on, what people undo here must not come back
        carry_over(catalog, media_id)
    catalog.execute("UPDATE media SET state = 'done', error = NULL WHERE id = ?", [media_id])
    exemplars.renew_for_media(catalog, media_id)
    if faces:
        judge(catalog, media_id, record.part)
    jobs.finish(catalog, job.id)
    log.write(catalog, "catalogued", media_id=media_id, faces=len(faces))
    return "done"


def judge(connection: sqlite3.Connection, media_id: int, part: int = 0) -> None:
    """Line up the identification of the faces of a part."""
    jobs.enqueue(
        connection,
        "identify",
        f"{media_id}/{part}",
        media_id=media_id,
        priority=IDENTIFY_PRIORITY,
    )


def _fail(
    catalog: sqlite3.Connection, media_id: int, record: PartRecord, job: Job, patience: Patience
) -> str:
    error = record.error or "failed for no known reason"
    state = jobs.fail(catalog, job, error, patience, for_good=record.permanent)
    catalog.execute(
        "UPDATE media SET state = ?, error = ? WHERE id = ? AND state <> 'done'",
        [state, error, media_id],
    )
    exemplars.renew_for_media(catalog, media_id)
    level = "warning" if state == "pending" else "error"
    log.write(catalog, "failed", level=level, media_id=media_id, reason=error, attempt=job.attempts)
    return state


def _write_facts(catalog: sqlite3.Connection, media_id: int, facts: MediaFacts) -> None:
    values = {item.name: getattr(facts, item.name) for item in fields(MediaFacts)}
    del values["in_one_piece"], values["note"]
    values["exif"] = json.dumps(facts.exif, ensure_ascii=False) if facts.exif else None
    catalog.execute(
        f"UPDATE media SET {', '.join(f'{name} = ?' for name in values)} WHERE id = ?",
        [*values.values(), media_id],
    )
