"""Committing what one part of a video turned out to hold: scenes, frames, tracks, their faces."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from catalog import crops as crops_module
from catalog import exemplars, jobs, leaders, log, parts, steps, track_links, track_vectors
from catalog.carry import carry_over_tracks
from catalog.faces import TIE_IOU, ensure_embedder, overlap, retire, tie, write_face
from catalog.media import judge
from catalog.track_paths import unpacked

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from catalog.faces import Box
    from catalog.jobs import Job, Patience
    from catalog.parts import Part
    from catalog.records import FaceRecord, SpanRecord, TrackRecord

# A track that was read again is the old one where it passes so much of its way, looked at at other
# moments perhaps.
_SAME_WAY, _NEAR_S = 0.5, 0.5
# Seconds by which the times of a face and of a step of a track may differ and be one.
_SAME_S = 1e-3


def commit_span(
    catalog: sqlite3.Connection,
    crops: sqlite3.Connection,
    record: SpanRecord,
    job: Job,
    *,
    patience: Patience,
) -> str:
    """Write the results of one part of a video and close its job, inside the caller's transactions.

    Returns the media's state afterwards, as `media.commit_part` does for a photo.
    """
    row = catalog.execute(
        "SELECT id, state FROM media WHERE sha256 = ?", [record.sha256]
    ).fetchone()
    part = None if row is None else parts.find(catalog, int(row["id"]), record.part)
    if part is None:
        jobs.finish(catalog, job.id, state="cancelled", error="the video was removed meanwhile")
        return "gone"
    media_id = int(row["id"])
    if record.error is not None:
        return _fail(catalog, media_id, part, record, job, patience)
    steps.record(catalog, media_id, record.part, record.steps)
    if record.preview is not None:
        crops_module.store_preview(crops, record.sha256, record.preview)
    if record.still is not None:
        crops_module.store_still(crops, record.sha256, record.still)
    tracks = _without_forgotten(catalog, media_id, part, record.tracks)
    crops_module.store_crops(crops, [face.crop for it in tracks for _, face in it.faces])
    _replace(catalog, media_id, part, record, tracks)
    catalog.execute(
        "UPDATE parts SET state = 'done', error = NULL, skipped = ?, continues = ? WHERE id = ?",
        [json.dumps(record.skipped), int(record.continues), part.id],
    )
    if part.is_last and record.scenes:  # it may be longer than its own clock said
        catalog.execute(
            "UPDATE media SET duration_s = max(duration_s, ?) WHERE id = ?",
            [record.scenes[-1].end_s, media_id],
        )
    for number in (part.number, part.number + 1):
        track_links.link(catalog, media_id, number)
    leaders.elect(catalog, media_id, part)
    state = parts.settle(catalog, media_id)
    parts.tell_progress(catalog, media_id)
    if row["state"] != "done" and state == "done":  # what people undo later must not come back
        carry_over_tracks(catalog, media_id)
    exemplars.renew_for_media(catalog, media_id)
    if tracks:
        judge(catalog, media_id, record.part)
    jobs.finish(catalog, job.id)
    log.write(catalog, "catalogued", media_id=media_id, part=record.part, tracks=len(tracks))
    return state


def _fail(
    catalog: sqlite3.Connection,
    media_id: int,
    part: Part,
    record: SpanRecord,
    job: Job,
    patience: Patience,
) -> str:
    """What an earlier reading found stays; a part that may be read later goes back in line."""
    error = record.error or "failed for no known reason"
    state = jobs.fail(catalog, job, error, patience, for_good=record.permanent)
    read_before = catalog.execute(
        "SELECT 1 FROM steps WHERE media_id = ? AND part = ? AND step = 'embed' AND state = 'done'",
        [media_id, part.number],
    ).fetchone()
    if state != "pending" and read_before is not None:
        state = "done"
    elif read_before is None:
        steps.record(catalog, media_id, record.part, record.steps)
    catalog.execute("UPDATE parts SET state = ?, error = ? WHERE id = ?", [state, error, part.id])
    level = "warning" if state == "pending" else "error"
    log.write(
        catalog,
        "failed",
        level=level,
        media_id=media_id,
        part=record.part,
        reason=error,
        attempt=job.attempts,
    )
    return parts.settle(catalog, media_id)


def _replace(
    catalog: sqlite3.Connection,
    media_id: int,
    part: Part,
    record: SpanRecord,
    tracks: Sequence[TrackRecord],
) -> None:
    """Make these the tracks of the part. A face that ties to an old one of
    the same frame keeps its id; an old one that does not is superseded, unless a person decided on
    it.
    """
    span = _span(media_id, part)
    old = _old_faces(catalog, span)
    before = catalog.execute(
        f"SELECT id, path, best_face_id FROM tracks {_TRACKS}", span
    ).fetchall()
    whose = _tracks_of(catalog, span)
    _clear(catalog, span)
    scenes = [
        _inserted(
            catalog,
            "INSERT INTO scenes (media_id, start_s, end_s) VALUES (?, ?, ?)",
            [media_id, scene.start_s, scene.end_s],
        )
        for scene in record.scenes
    ]
    frames = _write_frames(catalog, media_id, record, scenes)
    ties = _ties(tracks, old)
    kept: set[int] = set()
    written = []
    for number, track in enumerate(tracks):
        track_id, faces = _write_track(
            catalog, media_id, track, scenes[track.scene], frames, ties.get(number, {})
        )
        written.append(track_id)
        kept.update(faces)
    gone = {it for faces in old.values() for it in faces} - kept
    heirs = _heirs(before, tracks, written)
    leaders.inherit(
        catalog,
        {it: heirs[whose[it]] for it in gone if whose.get(it) in heirs},
        {
            row["best_face_id"]: heirs[row["id"]]
            for row in before
            if row["id"] in heirs and row["best_face_id"] is not None
        },
    )
    for face_id in gone:
        retire(catalog, face_id)
    _drop_frames(catalog, span, list(frames.values()))


def _clear(catalog: sqlite3.Connection, span: dict[str, float]) -> None:
    """Take away tracks and scenes of the part; its faces stay until it is known which are new."""
    catalog.execute(
        f"UPDATE faces SET track_id = NULL WHERE track_id IN (SELECT id FROM tracks {_TRACKS})",
        span,
    )
    catalog.execute(f"DELETE FROM tracks {_TRACKS}", span)
    catalog.execute(f"DELETE FROM scenes {_TRACKS}", span)


def _write_track(
    catalog: sqlite3.Connection,
    media_id: int,
    track: TrackRecord,
    scene_id: int,
    frames: dict[float, int],
    ties: dict[int, int],
) -> tuple[int, list[int]]:
    """A track with its faces and vectors; `ties` says which of its faces, by place, are old ones.
    Returns the ids of the track and of its faces.
    """
    track_id = _inserted(
        catalog,
        """INSERT INTO tracks (media_id, scene_id, start_s, end_s, faces_count, path)
           VALUES (?, ?, ?, ?, ?, ?)""",
        [media_id, scene_id, track.start_s, track.end_s, track.faces_count, track.path],
    )
    faces = [
        write_face(
            catalog,
            media_id,
            face,
            tied=ties.get(place),
            place={"frame_id": frames[time_s], "track_id": track_id, "time_s": time_s},
        )
        for place, (time_s, face) in enumerate(track.faces)
    ]
    embedders = {
        ensure_embedder(catalog, kind, active=False): vector
        for kind, vector in track.vectors.items()
    }
    track_vectors.write(catalog, track_id, embedders)
    return track_id, faces


def _drop_frames(catalog: sqlite3.Connection, span: dict[str, float], kept: Sequence[int]) -> None:
    """Forget frames of the part that were not looked at again and show no face that is left."""
    catalog.execute(
        """DELETE FROM frames WHERE media_id = :media AND time_s >= :start AND time_s < :end
           AND id NOT IN (SELECT value FROM json_each(:frames))
           AND NOT EXISTS (SELECT 1 FROM faces WHERE faces.frame_id = frames.id)""",
        {**span, "frames": json.dumps(list(kept))},
    )


_TRACKS = "WHERE media_id = :media AND start_s >= :start AND start_s < :end"


def _span(media_id: int, part: Part) -> dict[str, float]:
    """Everything of the part: the first one has what is before the start of the video too."""
    return {
        "media": media_id,
        "start": part.start_s if part.number else -1e9,
        "end": 1e12 if part.is_last else part.end_s,
    }


def _old_faces(catalog: sqlite3.Connection, span: dict[str, float]) -> dict[float, dict[int, Box]]:
    """Boxes by face of each frame, by its time."""
    found: dict[float, dict[int, Box]] = {}
    for row in catalog.execute(
        """SELECT id, time_s, x, y, w, h FROM faces WHERE media_id = :media
           AND time_s >= :start AND time_s < :end AND state IN ('active', 'hidden') ORDER BY id""",
        span,
    ):
        found.setdefault(row["time_s"], {})[int(row["id"])] = tuple(row)[2:]
    return found


def _tracks_of(catalog: sqlite3.Connection, span: dict[str, float]) -> dict[int, int]:
    """The tracks of the part by the faces that are of them."""
    rows = catalog.execute(
        f"""SELECT id, track_id FROM faces WHERE track_id IN (SELECT id FROM tracks {_TRACKS})""",
        span,
    )
    return {int(row["id"]): int(row["track_id"]) for row in rows}


def _heirs(
    before: Sequence[sqlite3.Row], tracks: Sequence[TrackRecord], written: Sequence[int]
) -> dict[int, int]:
    """Which new track (its id) is which old one (by id): the one that shares most of its way."""
    paths = [unpacked(track.path) for track in tracks]
    shared = [
        (_shared(unpacked(row["path"] or b""), path), int(row["id"]), written[place])
        for row in before
        for place, path in enumerate(paths)
    ]
    found: dict[int, int] = {}
    for share, old, new in sorted(shared, key=lambda it: (-it[0], it[1], it[2])):
        if share >= _SAME_WAY and old not in found and new not in found.values():
            found[old] = new
    return found


def _shared(old: Sequence[tuple[float, Box]], new: Sequence[tuple[float, Box]]) -> float:
    """The share of the old steps that the new way passes, at the moment that is nearest to each."""
    if not old or not new:
        return 0.0
    passed = 0
    for time_s, box in old:
        at_s, own = min(new, key=lambda it: abs(it[0] - time_s))
        passed += abs(at_s - time_s) <= _NEAR_S and overlap(own, box) >= TIE_IOU
    return passed / len(old)


def _ties(
    tracks: Sequence[TrackRecord], old: dict[float, dict[int, Box]]
) -> dict[int, dict[int, int]]:
    """By track: which of its faces, by place, is which old one."""
    by_time: dict[float, list[tuple[tuple[int, int], FaceRecord]]] = {}
    for number, track in enumerate(tracks):
        for place, (time_s, face) in enumerate(track.faces):
            if time_s in old:
                by_time.setdefault(time_s, []).append(((number, place), face))
    found: dict[int, dict[int, int]] = {}
    for time_s, faces in by_time.items():
        boxes = [(it.x, it.y, it.w, it.h) for _, it in faces]
        for tied, face_id in tie(boxes, old[time_s]).items():
            number, place = faces[tied][0]
            found.setdefault(number, {})[place] = face_id
    return found


def _write_frames(
    catalog: sqlite3.Connection, media_id: int, record: SpanRecord, scenes: Sequence[int]
) -> dict[float, int]:
    """The ids of the frames by their times."""
    found = {}
    for it in record.frames:
        row = catalog.execute(
            """INSERT INTO frames (media_id, time_s, scene_id, brightness, motion, kept_because)
               VALUES (?, ?, ?, ?, ?, ?)
               ON CONFLICT (media_id, time_s) DO UPDATE SET scene_id = excluded.scene_id,
                   brightness = excluded.brightness, motion = excluded.motion,
                   kept_because = excluded.kept_because
               RETURNING id""",
            [
                media_id,
                it.time_s,
                scenes[it.scene],
                round(it.brightness, 4),
                round(it.motion, 5),
                it.kept_because,
            ],
        ).fetchone()
        found[it.time_s] = int(row["id"])
    return found


def _without_forgotten(
    catalog: sqlite3.Connection, media_id: int, part: Part, tracks: Sequence[TrackRecord]
) -> list[TrackRecord]:
    """These tracks but those that pass where a face was forgotten: such a face must not come
    back.
    """
    rows = catalog.execute(
        """SELECT time_s, x, y, w, h FROM faces WHERE media_id = :media AND state = 'forgotten'
           AND time_s >= :start AND time_s < :end""",
        _span(media_id, part),
    ).fetchall()
    gone = [(row["time_s"], tuple(row)[1:]) for row in rows]
    if not gone:
        return list(tracks)
    return [
        it
        for it in tracks
        if not any(_passes(unpacked(it.path), time_s, box) for time_s, box in gone)
    ]


def _passes(path: Sequence[tuple[float, Box]], time_s: float, box: Box) -> bool:
    return any(abs(at_s - time_s) <= _SAME_S and overlap(own, box) >= TIE_IOU for at_s, own in path)


def _inserted(catalog: sqlite3.Connection, sql: str, values: Sequence[object]) -> int:
    return int(catalog.execute(sql, values).lastrowid or 0)
