"""Faces that are judged together, and what is known of those who are near them. Pure."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from daemon.people.match import match_faces, settle_pictures, similarities

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from daemon.faces.values import Vectors
    from daemon.people.crowd import Picture, Summary
    from daemon.people.faces import KnownFace
    from daemon.people.limits import Limits
    from daemon.people.match import Match, References

# Faces compared with all people at once.
_AT_ONCE = 2048


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """Some faces in the order of content, or all of them.

    `ruled_out`: the people (survivors) that a face cannot be, None for "not a face". `asked`: the
    media whose faces are compared with the reference people; None: everybody's. `groups` are large
    groups near these faces, taken as one; `company` says whose groups else are in their pictures,
    by faces that are not in the scene. `survivors` says who the merged are by now. `second_looks`
    are vectors of some faces from jittered crops; None where names need no second look.
    """

    faces: Sequence[KnownFace]
    ruled_out: Mapping[int, frozenset[int] | None]
    asked: frozenset[int] | None = None
    groups: Sequence[Summary] = ()
    company: Mapping[Picture, frozenset[int]] = field(default_factory=dict)
    survivors: Mapping[int, int] = field(default_factory=dict)
    second_looks: Mapping[int, Vectors] | None = None

    def barred(self, face: KnownFace) -> frozenset[int]:
        """Whom a person ruled out for this face."""
        return self.ruled_out.get(face.id, frozenset()) or frozenset()

    def beside(self, face: KnownFace) -> frozenset[int]:
        """Whose groups else are in a picture of this face."""
        return frozenset().union(*(self.company.get(it, ()) for it in face.pictures))

    def is_face(self, face: KnownFace) -> bool:
        """Whether nobody said that it is not."""
        return self.ruled_out.get(face.id, frozenset()) is not None

    def survivor(self, person_id: int) -> int:
        """Who this person is now."""
        return self.survivors.get(person_id, person_id)

    def with_groups(self, now: Mapping[int, int], turned_away: Mapping[int, int]) -> Scene:
        """The same with faces in other groups: `now` is whose group each of them is in, 0 for
        somebody new, who is as good as nobody. Those who are turned away cannot be that person
        (a survivor), and are whoever else they were. The scene itself where all is as it was.
        """
        changed: dict[int, KnownFace] = {}
        known = {it.person_id: it for it in self.faces if it.person_id is not None}
        for face in self.faces:
            if face.id in turned_away and turned_away[face.id] != face.person_id:
                continue
            if face.id not in now:
                continue
            group_id = None if face.id in turned_away else now[face.id] or None
            if group_id == (face.group_id if face.method == "group" else None):
                continue
            like = None if group_id is None else known.get(self.survivor(group_id))
            changed[face.id] = replace(
                face,
                group_id=group_id,
                person_id=None if group_id is None else self.survivor(group_id),
                method=None if group_id is None else "group",
                claimed=group_id is not None and (like is None or like.claimed),
                of_reference=like is not None and like.of_reference,
            )
        if not changed and not turned_away:
            return self
        barred = {
            face.id: self.barred(face) | {turned_away[face.id]}
            for face in self.faces
            if face.id in turned_away
        }
        return replace(
            self,
            faces=[changed.get(face.id, face) for face in self.faces],
            ruled_out={**self.ruled_out, **barred},
        )

    def is_asked(self, face: KnownFace) -> bool:
        """Whether this face is compared with the reference people."""
        open_face = not face.decided and self.is_face(face)
        return open_face and (self.asked is None or face.media_id in self.asked)


@dataclass(frozen=True, slots=True, kw_only=True)
class Matches:
    """Whom faces look like, by face; and the faces that want a second look before a name."""

    of: dict[int, Match]
    doubtful: frozenset[int]


def match_scene(scene: Scene, references: References, limits: Limits) -> Matches:
    """Compare the faces that are asked about with the reference people, media by media."""
    found: dict[int, Match] = {}
    if not len(references.people):
        return Matches(of=found, doubtful=frozenset())
    everybody = by_media(scene.faces)
    asked = [
        (media_id, faces)
        for media_id, everyone in everybody.items()
        if (faces := [face for face in everyone if scene.is_asked(face)])
    ]
    for block in _blocks(asked):
        vectors = np.stack([face.vector for _, faces in block for face in faces])
        similar = similarities(vectors, references, limits)
        start = 0
        for media_id, faces in block:
            here = slice(start, start + len(faces))
            start += len(faces)
            present = {
                (picture, it.person_id)
                for it in everybody[media_id]
                if it.decided and it.person_id
                for picture in it.pictures
            }
            matches = settle_pictures(
                vectors[here],
                similar[here],
                references,
                limits,
                barred=[scene.barred(face) for face in faces],
                pictures=[face.pictures for face in faces],
                present=present,
            )
            found |= {
                face.id: _for_quality(match, face, limits)
                for face, match in zip(faces, matches, strict=True)
                if match is not None
            }
    return _verified(found, scene, references, limits)


def _for_quality(match: Match, face: KnownFace, limits: Limits) -> Match:
    """Of a face that is too poor for a name, a question."""
    if face.quality >= limits.named_quality:
        return match
    return replace(match, certain=False, rivalled=False)


def _verified(
    found: dict[int, Match], scene: Scene, references: References, limits: Limits
) -> Matches:
    """Leave a name that is only just likely enough to the second look; until there is one, a face
    keeps the name that it has, and one without is asked about.
    """
    looks = scene.second_looks
    if looks is None:
        return Matches(of=found, doubtful=frozenset())
    named_from = limits.named_from(len(references.people))
    faces = {face.id: face for face in scene.faces}
    doubtful = set()
    for face_id, match in found.items():
        if not match.certain or match.similarity >= named_from + limits.doubt:
            continue
        face = faces[face_id]
        if face_id in looks:
            barred = [scene.barred(face)]
            again = match_faces(
                looks[face_id][None], references, limits.for_second_looks, barred=barred
            )[0]
            if again is None or again.person_id != match.person_id or not again.certain:
                found[face_id] = replace(match, certain=False)
            continue
        doubtful.add(face_id)
        if (face.method, face.person_id) != ("reference", match.person_id):
            found[face_id] = replace(match, certain=False)
    return Matches(of=found, doubtful=frozenset(doubtful))


def by_media(faces: Iterable[KnownFace]) -> dict[int, list[KnownFace]]:
    """The faces of each photo or video."""
    found: dict[int, list[KnownFace]] = defaultdict(list)
    for face in faces:
        found[face.media_id].append(face)
    return found


Asked = tuple[int, list["KnownFace"]]


def _blocks(asked: Sequence[Asked]) -> Iterable[list[Asked]]:
    """Photos and videos with about so many faces together."""
    block: list[Asked] = []
    size = 0
    for media_id, faces in asked:
        block.append((media_id, faces))
        size += len(faces)
        if size >= _AT_ONCE:
            yield block
            block, size = [], 0
    if block:
        yield block
