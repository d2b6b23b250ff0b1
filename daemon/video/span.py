"""A part of a video through the worker's stages: frames → detect → align → quality → embed.

A part is looked at by itself, whatever became of the parts around it, so that they may be done in
any order and side by side. What goes on over its borders is tied by the writer.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from catalog import track_vectors
from catalog.records import FrameRecord, SceneRecord, SpanRecord, StillRecord, TrackRecord
from catalog.track_paths import packed
from daemon.errors import BadFile, TryLater
from daemon.face_work import add_told, crops_of, face_record, measured
from daemon.faces.align import reach
from daemon.faces.detect import detect
from daemon.faces.looks import Doubting, enough_px, sharpened
from daemon.faces.quality import quality
from daemon.faces.views import part
from daemon.intake.frames import Frame, preview
from daemon.people.starting import starting
from daemon.pipeline import still_the_same
from daemon.stages import kind_of
from daemon.stepbook import StepBook
from daemon.video import reader, sighting
from daemon.video.cuts import scenes
from daemon.video.glimpse import Glimpse
from daemon.video.keeping import Keeper
from daemon.video.sighting import Patch, Sighting
from daemon.video.tracker import Alike, Track, Tracker

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from catalog.faces import Box
    from catalog.records import EmbedderRecord, PreviewRecord
    from daemon.faces.values import Detection, Embedder, Vectors
    from daemon.settings import Detect
    from daemon.stages import Stages
    from daemon.tasks import SpanTask
    from daemon.video.keeping import Kept
    from daemon.video.reader import Film, Shown

# The frames of a part are looked at no larger: what a face gains by more is less than it costs.
_MOST_PX: Final = 1920
# A cut at the very border is seen by what is before it and after it.
_LEAD_S: Final = 0.5
# A closer look shows so much of a face's size on each side of it, and moves it so much.
_SEEN_CLOSELY: Final = 0.2
_SLACK: Final = 1.25
# Faces with their surroundings in memory for each face that is kept in the end.
_CANDIDATES: Final = 2
# Where no frame comes for longer, nobody is taken to stand there.
_STANDS_S: Final = 10.0
# Longest side of the frame that is shown while the work goes on.
_STILL_PX: Final = 640


@dataclass(slots=True, kw_only=True, eq=False)
class Work:
    """A part of a video on its way through the stages."""

    task: SpanTask
    stages: Stages
    book: StepBook
    keeper: Keeper[Shown]
    section: Detect
    continues: bool = False
    damaged: int = 0
    frames: list[FrameRecord] = field(default_factory=list)
    tracks: list[tuple[int, list[Sighting]]] = field(default_factory=list)
    last_looks: dict[int, float] = field(default_factory=dict)
    first_looks: dict[int, float] = field(default_factory=dict)
    poster: tuple[tuple[bool, float], Frame] | None = None
    still: tuple[float, Frame, tuple[Box, ...]] | None = None


def catalogue_span(task: SpanTask, stages: Stages) -> SpanRecord:
    """The record of a part; of one that cannot be catalogued, with the reason."""
    settings = stages.settings
    work = Work(
        task=task,
        stages=stages,
        book=StepBook(stages.video_steps, stages.device),
        keeper=Keeper(section=settings.video),
        # A second chance for every frame would cost more than the next frame, which shows as much.
        section=settings.detect.model_copy(update={"second_chance": False}),
    )
    try:
        still_the_same(task)
        _look(work)
        still_the_same(task)
        return _record(work)
    except BadFile as error:
        return SpanRecord(
            sha256=task.sha256,
            part=task.part,
            steps=work.book.records,
            error=str(error),
            permanent=not isinstance(error, TryLater),
        )


def _look(work: Work) -> None:
    """frames → detect → align → quality, frame by frame, and the tracks of each scene."""
    task, video = work.task, work.stages.settings.video
    embedder = work.stages.embedders[0]
    tracker: Tracker[Sighting] = Tracker(
        lambda faces: _vectors(work, embedder, faces),
        _alike(embedder),
        max_gap_s=video.max_gap_s,
    )
    scene = 0
    with reader.opened(task.path, threads=work.stages.threads, hardware=video.hardware) as film:
        chosen = work.keeper.chosen(_of_the_part(work, film))
        while True:
            with work.book.step("frames"):
                kept = next(chosen, None)
            if kept is None:
                break
            if kept.scene != scene:
                _end_scene(work, tracker, scene)
                scene = kept.scene
            faces = _sightings(work, kept)
            tracker.see(kept.shown.time_s, faces)
            for track in tracker.live:
                sighting.thin(track.faces, _CANDIDATES * video.faces_per_track)
        work.damaged = film.damaged
    _end_scene(work, tracker, scene)


def _of_the_part(work: Work, film: Film) -> Iterator[tuple[Shown, Glimpse, bool]]:
    """The frames of the part, with whether a scene begins with each."""
    start_s, end_s = work.task.start_s, work.task.end_s
    decoded = film.frames(start_s - _LEAD_S, end_s + _LEAD_S)
    glimpsed = ((shown, Glimpse.of(shown.luma())) for shown in decoded)
    first = True
    for shown, glimpse, begins in scenes(glimpsed):
        if shown.time_s >= end_s:
            return
        if shown.time_s < start_s and work.task.part > 0:
            continue
        if first:
            work.continues, first = work.task.part > 0 and not begins, False
        yield shown, glimpse, begins


def _sightings(work: Work, kept: Kept[Shown]) -> list[Sighting]:
    """The faces of a frame."""
    book, stages, time_s = work.book, work.stages, kept.shown.time_s
    with book.step("frames"):
        picture, scale = kept.shown.picture(_MOST_PX)
    frame = Frame(picture=picture, scale=scale)
    with book.step("detect", stages.detector.name):
        is_led = isinstance(stages.detector, Doubting)
        faces = detect([picture], stages.detector, work.section, scale=scale, sharp=not is_led)[0]
    with book.step("align"):
        found = [_sighting(work, frame, face, time_s, is_sharp=not is_led) for face in faces]
    work.frames.append(
        FrameRecord(
            time_s=time_s,
            scene=kept.scene,
            brightness=kept.glimpse.brightness,
            motion=kept.motion,
            kept_because=kept.because,
        )
    )
    work.first_looks.setdefault(kept.scene, time_s)
    work.last_looks[kept.scene] = time_s
    _choose_poster(work, frame, max((it.promise for it in found), default=0.0))
    if found or work.still is None:
        work.still = time_s, frame, tuple(it.box for it in found)
    return found


def _sighting(
    work: Work, frame: Frame, face: Detection, time_s: float, *, is_sharp: bool
) -> Sighting:
    """A face with what is around it, so that the frame can go."""
    height, width = frame.picture.shape[:2]
    margin = work.stages.settings.crops.margin
    half = _SLACK * max(reach(face, margin), reach(face, _SEEN_CLOSELY))
    view = part(frame.picture, (face.x + face.w / 2, face.y + face.h / 2), half)
    enough = 0.0 if is_sharp else enough_px(frame.picture, frame.scale, work.section)
    patch = Patch(view=view, width=width, height=height, enough_px=enough)
    return Sighting(time_s=time_s, detection=face, scale=frame.scale, patch=patch)


def _develop(work: Work, faces: Sequence[Sighting]) -> None:
    """detect (closely) → align → quality, of faces that are needed and have no crop yet."""
    stages, book = work.stages, work.book
    lacking = [(it, it.patch) for it in faces if it.crop is None and it.patch is not None]
    if not lacking:
        return
    patches = [patch for _, patch in lacking]
    there = [patch.view.taken(it.detection) for it, patch in lacking]
    with book.step("detect", stages.detector.name):
        close = sharpened(
            [patch.view.picture for patch in patches],
            [[it] for it in there],
            stages.detector,
            enough_px=[patch.enough_px for patch in patches],
        )
    for (it, patch), (face,) in zip(lacking, close, strict=True):
        it.detection = patch.view.placed(face)
        with book.step("align"):
            frame = Frame(picture=patch.view.picture, scale=it.scale)
            crop = crops_of(frame, [face], stages.settings)[0]
            corner = patch.view.left * it.scale, patch.view.top * it.scale
            it.crop = replace(crop, x=crop.x + corner[0], y=crop.y + corner[1])
        with book.step("quality"):
            size = patch.width, patch.height
            it.measures = measured(size, it.scale, [it.detection], [it.crop], stages)[0]
            it.score = quality(it.measures).score


def _choose_poster(work: Work, frame: Frame, score: float) -> None:
    """The video's preview: of its first part the frame with the best face, else the first one."""
    rank = (score > 0, score)
    if work.task.part > 0 or (work.poster is not None and rank <= work.poster[0]):
        return
    work.poster = rank, frame


def _preview(work: Work) -> PreviewRecord | None:
    if work.poster is None:
        return None
    crops = work.stages.settings.crops
    return preview(work.poster[1], size_px=crops.preview_size, quality=crops.preview_quality)


def _still(work: Work) -> StillRecord | None:
    if work.still is None:
        return None
    time_s, frame, boxes = work.still
    small = preview(frame, size_px=_STILL_PX, quality=work.stages.settings.crops.preview_quality)
    width, height = (round(it * frame.scale) for it in frame.size)
    return StillRecord(jpeg=small.jpeg, time_s=time_s, width=width, height=height, boxes=boxes)


def _vectors(work: Work, embedder: Embedder, faces: Sequence[Any]) -> Vectors:
    """embed: a unit vector each, computed where there is none yet."""
    _develop(work, faces)
    lacking = [it for it in faces if it.vector is None]
    if lacking:
        with work.book.step("embed", embedder.name):
            crops = [it.crop for it in lacking]
            found = embedder.embedded(crops)
            measures = [it.measures for it in lacking]
            add_told(measures, found, crops, embedder, settings=work.stages.settings)
        for it, vector in zip(lacking, found.vectors, strict=True):
            it.vector = vector
            it.score = quality(it.measures).score
    return np.stack([it.vector for it in faces])


def _alike(embedder: Embedder) -> Alike:
    """Similarities from which two faces of one scene are one person, and below which two: strangers
    in a hundred pairs, and as far below it as strangers in ten thousand are above.
    """
    limits = starting(embedder.name, embedder.weights_sha256, embedder.geometry).thresholds
    return Alike(same=limits["lenient"], apart=2 * limits["lenient"] - limits["strict"])


def _end_scene(work: Work, tracker: Tracker[Sighting], scene: int) -> None:
    """The tracks of a scene that is over, each of one person."""
    for track in tracker.end():
        work.tracks += [(scene, faces) for faces in _one_person_each(work, track)]


def _one_person_each(work: Work, track: Track[Sighting]) -> list[list[Sighting]]:
    """The faces of a track, divided where it went over from one person to another."""
    embedder, most = work.stages.embedders[0], work.stages.settings.video.faces_per_track
    promising = sighting.promising(track.faces, most)
    _develop(work, promising)
    kept = sighting.worth_keeping(promising)
    _vectors(work, embedder, kept)
    place = sighting.divided(kept, _alike(embedder).apart)
    if place is None:
        for it in track.faces:
            if it not in kept:
                it.let_go()
        return [track.faces]
    at = track.faces.index(kept[place])
    halves = Track(faces=track.faces[:at]), Track(faces=track.faces[at:])
    return [faces for half in halves for faces in _one_person_each(work, half)]


def _record(work: Work) -> SpanRecord:
    ends = _scenes(work)
    others = _other_vectors(work)
    skipped = {**work.keeper.skipped, **({"damaged": work.damaged} if work.damaged else {})}
    return SpanRecord(
        sha256=work.task.sha256,
        part=work.task.part,
        continues=work.continues,
        scenes=ends,
        frames=tuple(work.frames),
        tracks=tuple(_track(work, scene, faces, ends, others) for scene, faces in work.tracks),
        skipped=dict(sorted(skipped.items())),
        preview=_preview(work),
        still=_still(work),
        steps=_steps(work),
    )


def _scenes(work: Work) -> tuple[SceneRecord, ...]:
    """From each scene's first frame to the next one's; the last ends with the part, and the first
    begins with it where it goes on from before, but for long holes there.
    """
    starts, last_s = work.keeper.scenes, work.keeper.last_s
    if work.continues and starts and starts[0] - work.task.start_s <= _STANDS_S:
        starts = [work.task.start_s, *starts[1:]]
    end_s = work.task.end_s if work.task.end_s - last_s <= _STANDS_S else last_s
    borders = pairwise([*starts, max(end_s, last_s)])
    return tuple(SceneRecord(start_s=start_s, end_s=end_s) for start_s, end_s in borders)


Others = dict[int, dict["EmbedderRecord", bytes]]


def _other_vectors(work: Work) -> Others:
    """The vectors of all kept faces by every model, by the identity of the sighting."""
    kept = [it for _, faces in work.tracks for it in faces if it.crop is not None]
    first = work.stages.embedders[0]
    found: Others = {}
    for it in kept:
        assert it.vector is not None
        found[id(it)] = {kind_of(first): it.vector.astype("<f4", copy=False).tobytes()}
    for embedder in work.stages.embedders_for(work.task.compared):
        if embedder is first:
            continue
        with work.book.step("embed", embedder.name):
            crops = [it.crop for it in kept if it.crop is not None]
            embedded = embedder.embedded(crops)
            measures = [it.measures for it in kept]
            add_told(measures, embedded, crops, embedder, settings=work.stages.settings)
        for it, vector in zip(kept, embedded.vectors, strict=True):
            found[id(it)][kind_of(embedder)] = vector.astype("<f4", copy=False).tobytes()
    return found


def _track(
    work: Work,
    scene: int,
    faces: Sequence[Sighting],
    ends: Sequence[SceneRecord],
    vectors: Others,
) -> TrackRecord:
    """A track lasts as long as its scene where it was seen in its first and in its last frame that
    was looked at.
    """
    first_s, last_s = faces[0].time_s, faces[-1].time_s
    kept = [
        (
            it.time_s,
            face_record(
                it.detection,
                it.crop,
                it.measures,
                vectors[id(it)],
                scale=it.scale,
                detector=work.stages.detector,
            ),
        )
        for it in faces
        if it.crop is not None
    ]
    return TrackRecord(
        scene=scene,
        start_s=ends[scene].start_s if first_s <= work.first_looks[scene] else first_s,
        end_s=ends[scene].end_s if last_s >= work.last_looks[scene] else last_s,
        path=packed((it.time_s, it.box) for it in faces),
        faces_count=len(faces),
        faces=tuple(kept),
        vectors={
            kind: track_vectors.middle(
                [face.vectors[kind] for _, face in kept],
                [face.quality.score for _, face in kept],
            )
            for kind in kept[0][1].vectors
        },
    )


def _steps(work: Work) -> tuple[Any, ...]:
    """Every step has its line, also where there was nothing to do."""
    done = {(it.step, it.model) for it in work.book.records}
    for name, model in work.stages.video_steps:
        if (name, model) not in done and name != "probe":
            with work.book.step(name, model):
                pass
    return work.book.records
