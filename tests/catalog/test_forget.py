"""Forgetting somebody for good: nothing of them is left in any file, and nothing brings them
back.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from catalog import decisions, exemplars, forget, jobs, log, undo
from catalog.connect import transaction
from catalog.decisions import DecisionError
from catalog.faces import replace_faces
from catalog.media import commit_part
from catalog.people import NoSuchPersonError
from tests.makers import crowd, face_record, looks, part_record

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

    from catalog.forget import Erased
    from daemon.faces.values import Vectors
    from tests.makers import Maker

NAME = "Rosalind Quux"
ROSA, ADA = crowd(2)
BOXES = [(0.0, 0.0, 100.0, 120.0), (200.0, 0.0, 100.0, 120.0)]


@pytest.fixture
def seen(make: Maker, crops: sqlite3.Connection) -> tuple[list[int], Vectors]:
    """Photos of Rosa and Ada as the daemon catalogues them; returns Rosa's faces and vectors."""
    vectors = looks(ROSA, 3)
    faces = []
    for number, (hers, adas) in enumerate(zip(vectors, looks(ADA, 3), strict=True)):
        media_id, _ = make.photo(sha256=f"{number}" * 64)
        found = [face_record((*box[:3], 120.0 + number), it)
                 for box, it in zip(BOXES, (hers, adas), strict=True)]  # fmt: skip
        catalogue(make, crops, media_id, *found)
        faces += [int(row[0]) for row in make.rows(
            "SELECT min(id) FROM faces WHERE media_id = ?", media_id)]  # fmt: skip
    return faces, vectors


def catalogue(make: Maker, crops: sqlite3.Connection, media_id: int, *found: object) -> None:
    sha256 = make.value("SELECT sha256 FROM media WHERE id = ?", media_id)
    with transaction(make.connection), transaction(crops):
        jobs.enqueue(make.connection, "ingest", sha256, media_id=media_id)
        (job,) = jobs.claim(make.connection, "ingest", 1, owner="me")
        record = part_record(sha256, *found)  # type: ignore[arg-type]
        patience = jobs.Patience(max_attempts=1, retry_s=1)
        commit_part(make.connection, crops, record, job, patience=patience)


@pytest.fixture
def rosa(make: Maker, seen: tuple[list[int], Vectors]) -> int:
    """Rosa with a name, confirmed, merged, logged, and with Ada beside her."""
    faces, _ = seen
    person, twin, ada = make.person(), make.person(), make.person("Ada")
    for face in faces:
        make.assign(face, twin if face == faces[0] else person, "group")
        make.assign(face + 1, ada, "group")
    make.run(decisions.name_person, twin, "Quuxine", actor="me")
    make.run(decisions.name_person, person, NAME, actor="me")
    make.run(decisions.merge, [twin], person, actor="me")
    make.run(decisions.confirm_all, person, actor="me")
    make.run(decisions.reject, [faces[0] + 1], person, actor="me")
    make.run(decisions.name_person, ada, "Ada Lovelace", actor="me")
    make.run(log.write, "searched", people=[NAME])
    make.insert(
        "jobs", kind="search", key="1", state="done", created_at="x",
        result=json.dumps({"faces": [{"name": NAME}]}),
    )  # fmt: skip
    return person


def forgotten(make: Maker, crops: sqlite3.Connection, person: int) -> Erased:
    return forget.forget_person(make.connection, crops, person, actor="me")


def bytes_of(catalog_path: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(catalog_path.parent.glob("*.db*")))


def test_no_byte_of_name_vector_or_crop_is_left_in_any_file(
    make: Maker, crops: sqlite3.Connection, catalog_path: Path, rosa: int,
    seen: tuple[list[int], Vectors],
) -> None:  # fmt: skip
    _, vectors = seen
    jpegs = [f"jpeg of {(*BOXES[0][:3], 120.0 + number)}".encode() for number in range(3)]
    traces = [NAME.encode(), b"Quuxine", *jpegs, *(it.astype("<f4").tobytes() for it in vectors)]
    before = bytes_of(catalog_path)
    assert all(trace in before for trace in traces)
    erased = forgotten(make, crops, rosa)
    assert forget.leave_no_log(make.connection, crops)
    after = bytes_of(catalog_path)
    assert [trace[:20] for trace in traces if trace in after] == []
    assert b"Ada Lovelace" in after
    assert (erased["people"], erased["faces"], erased["vectors"], erased["crops"]) == (2, 3, 3, 3)
    assert (erased["changes"], erased["mentions"]) == (5, 2)


def test_boxes_stay_and_everybody_else(
    make: Maker, crops: sqlite3.Connection, rosa: int, seen: tuple[list[int], Vectors]
) -> None:
    faces, _ = seen
    forgotten(make, crops, rosa)
    assert make.rows(
        """SELECT id, landmarks, crop, quality, confidence, person_id, state FROM faces
           WHERE state <> 'active' ORDER BY id"""
    ) == [(face, None, None, None, 0.0, None, "forgotten") for face in faces]
    assert make.rows("SELECT name FROM people") == [("Ada Lovelace",)]
    assert make.rows("SELECT name, faces_count FROM people_summary") == [("Ada Lovelace", 3)]
    assert make.value("SELECT count(*) FROM embeddings") == 3
    assert make.rows("PRAGMA foreign_key_check") == []
    assert make.value("SELECT sum(faces_count) FROM media") == 3


def test_the_undo_log_says_that_something_was_forgotten_and_not_whom(
    make: Maker, crops: sqlite3.Connection, rosa: int
) -> None:
    forgotten(make, crops, rosa)
    rows = make.rows("SELECT action, actor, json_extract(forward, '$.faces') FROM changes")
    assert rows == [("name", "me", None), ("forget", "me", 3)]
    change = make.value("SELECT id FROM changes WHERE action = 'forget'")
    with pytest.raises(DecisionError, match="gone for good"):
        make.run(undo.undo, change, actor="me")
    assert make.run(undo.undo, actor="me"), "what others decided can still be undone"
    assert make.value("SELECT name FROM people") == "Ada"


def test_what_was_said_since_stands_though_its_change_was_forgotten_with_somebody(
    make: Maker, crops: sqlite3.Connection
) -> None:
    _, (face,) = make.photo(None)
    ada, somebody = make.person("Ada"), make.person()
    make.run(decisions.confirm, [face], ada, actor="me")
    change = make.run(decisions.reject, [face], ada, actor="me")
    make.assign(face, somebody, "group")
    make.run(decisions.split, somebody, [face], actor="me")
    forgotten(make, crops, somebody)
    make.run(undo.undo, change, actor="me")
    who = make.known_as(face)
    assert who not in (ada, somebody, None)
    used = "SELECT person_id FROM exemplars WHERE face_id = ? AND state = 'used'"
    assert make.rows(used, face) == [(who,)]
    assert make.rows("SELECT * FROM rejections WHERE person_id = ?", ada) == [], "taken back"


def test_what_is_no_face_stays_hidden_though_that_change_was_forgotten_with_somebody(
    make: Maker, crops: sqlite3.Connection
) -> None:
    _, (face,) = make.photo(None)
    somebody = make.person()
    change = make.run(decisions.hide_faces, [face], actor="me")
    make.assign(face, somebody, "group")
    make.run(decisions.confirm, [face], somebody, actor="me")
    make.run(decisions.reject, [face], None, actor="me")
    forgotten(make, crops, somebody)
    make.run(undo.undo, change, actor="me")
    assert make.rows("SELECT state FROM faces") == [("hidden",)]


def test_the_same_picture_does_not_bring_the_face_back(
    make: Maker, crops: sqlite3.Connection, rosa: int, seen: tuple[list[int], Vectors]
) -> None:
    (face, *_), vectors = seen
    forgotten(make, crops, rosa)
    media_id = make.value("SELECT media_id FROM faces WHERE id = ?", face)
    found = [
        face_record((5.0, 2.0, 100.0, 120.0), vectors[0]),
        face_record(BOXES[1], looks(ADA, 1)[0]),
    ]
    catalogue(make, crops, media_id, *found)
    assert make.rows("SELECT id, state FROM faces WHERE media_id = ? ORDER BY id", media_id) == [
        (face, "forgotten"), (face + 1, "active")
    ]  # fmt: skip
    assert make.value("SELECT count(*) FROM embeddings WHERE face_id = ?", face) == 0
    key = found[0].crop.sha256
    assert crops.execute("SELECT 1 FROM crops WHERE sha256 = ?", [key]).fetchone() is None


def test_a_rewritten_file_does_not_bring_the_face_back(
    make: Maker, crops: sqlite3.Connection, rosa: int, seen: tuple[list[int], Vectors]
) -> None:
    (face, *_), vectors = seen
    forgotten(make, crops, rosa)
    old = make.value("SELECT media_id FROM faces WHERE id = ?", face)
    new = make.media(replaces_media_id=old)
    catalogue(make, crops, new, face_record(BOXES[0], vectors[0]), face_record(BOXES[1], ADA))
    assert make.rows("SELECT x FROM faces WHERE media_id = ?", new) == [(200.0,)]
    other = make.media(replaces_media_id=old, width=10, height=10)
    make.run(replace_faces, other, [face_record(BOXES[0], vectors[0])])
    assert make.rows("SELECT x FROM faces WHERE media_id = ?", other) == [(0.0,)], "another size"


def test_two_detections_where_one_face_was_forgotten_both_go(make: Maker) -> None:
    media_id, (face,) = make.photo(None)
    make.connection.execute("UPDATE faces SET state = 'forgotten'")
    found = [face_record((0.0, 0.0, 100.0, 120.0)), face_record((3.0, 0.0, 100.0, 120.0))]
    assert make.run(replace_faces, media_id, found) == []
    assert make.rows("SELECT id FROM faces") == [(face,)]


def test_a_neighbour_that_overlaps_a_forgotten_face_stays_itself(make: Maker) -> None:
    media_id, (_, other) = make.photo(None, None)
    make.connection.execute("UPDATE faces SET state = iif(id = ?, 'active', 'forgotten')", [other])
    make.connection.execute("UPDATE faces SET x = 30 WHERE id = ?", [other])
    found = [face_record((29.0, 0.0, 100.0, 120.0))]
    assert make.run(replace_faces, media_id, found) == [other]


def test_a_face_stays_where_only_an_earlier_version_had_it_forgotten(make: Maker) -> None:
    old, (gone,) = make.photo(None)
    new = make.media(replaces_media_id=old)
    (face,) = make.run(replace_faces, new, [face_record((12.0, 0.0, 100.0, 120.0))])
    make.connection.execute("UPDATE faces SET state = 'forgotten' WHERE id = ?", [gone])
    assert make.run(replace_faces, new, [face_record(BOXES[0])]) == [face]
    assert make.value("SELECT state FROM faces WHERE id = ?", face) == "active"


def test_reference_pictures_that_would_bring_a_person_back_are_named(
    make: Maker, crops: sqlite3.Connection
) -> None:
    person = make.person(NAME, origin="reference", folder="Rosa")
    make.reference(person, looks(ROSA, 1), folder=b"Rosa")
    make.file(None, b"/people/Rosa/new.jpg", role="reference")
    make.file(None, b"/people/Rosalie/other.jpg", role="reference")
    with pytest.raises(
        DecisionError, match=r"/people/Rosa/\d+\.jpg, /people/Rosa/new\.jpg; remove"
    ):
        forgotten(make, crops, person)
    assert make.value("SELECT name FROM people") == NAME
    face = make.value("SELECT face_id FROM exemplars")
    with pytest.raises(DecisionError, match="remove them first"):
        forget.forget_faces(make.connection, crops, [face], actor="me")


def test_reference_pictures_that_are_gone_are_forgotten_with_their_paths_and_previews(
    make: Maker, crops: sqlite3.Connection
) -> None:
    person = make.person(NAME, origin="reference", folder=NAME)
    (face,) = make.reference(person, looks(ROSA, 1), folder=NAME.encode())
    sha256 = make.value("SELECT sha256 FROM media")
    crops.execute("INSERT INTO previews VALUES (?, x'00', 1, 1, 'x', x'00')", [sha256])
    make.connection.execute("UPDATE files SET state = 'missing'")
    erased = forgotten(make, crops, person)
    assert (erased["previews"], erased["faces"]) == (1, 1)
    assert make.value("SELECT count(*) FROM files") == 0
    assert make.rows("SELECT id, state FROM faces") == [(face, "forgotten")], "it stays forgotten"


def test_faces_are_forgotten_and_the_person_stays(
    make: Maker, crops: sqlite3.Connection, rosa: int, seen: tuple[list[int], Vectors]
) -> None:
    (face, *others), _ = seen
    erased = forget.forget_faces(make.connection, crops, [face], actor="me")
    assert (erased["faces"], erased["vectors"], erased["people"]) == (1, 1, 0)
    assert make.rows("SELECT id FROM faces WHERE person_id = ?", rosa) == [(it,) for it in others]
    assert make.job_keys("rejudge")
    while make.value("SELECT count(*) FROM changes WHERE undone_at IS NULL AND action <> 'forget'"):
        make.run(undo.undo, actor="me")
    assert make.open_rows(face) == []
    assert make.value("SELECT state FROM faces WHERE id = ?", face) == "forgotten"


def test_superseded_faces_of_the_person_go_too_and_those_of_others_stay(
    make: Maker, crops: sqlite3.Connection
) -> None:
    rosa, ada = make.person(NAME), make.person("Ada")
    _, (hers, adas) = make.photo(ROSA, ADA)
    make.assign(adas, rosa, "group", ended_at="x")
    make.assign(adas, ada, "group", ended_at="x")
    make.assign(hers, rosa, "group", ended_at="x")
    make.connection.execute("UPDATE faces SET state = 'superseded', person_id = NULL")
    forgotten(make, crops, rosa)
    assert make.rows("SELECT id, state FROM faces") == [(hers, "forgotten"), (adas, "superseded")]


def test_a_face_that_was_only_suggested_is_judged_again(
    make: Maker, crops: sqlite3.Connection
) -> None:
    rosa = make.person(NAME)
    media_id, (face,) = make.photo(ADA)
    make.assign(face, rosa, "reference", state="suggested")
    forgotten(make, crops, rosa)
    assert make.open_rows(face) == []
    assert make.job_keys("identify") == [f"{media_id}/0"]


@pytest.mark.parametrize("faces", [[], [99]])
def test_no_such_face(make: Maker, crops: sqlite3.Connection, faces: list[int]) -> None:
    with pytest.raises(DecisionError, match="there is no such face"):
        forget.forget_faces(make.connection, crops, faces, actor="me")


def test_nobody_is_forgotten_twice(make: Maker, crops: sqlite3.Connection, rosa: int) -> None:
    forgotten(make, crops, rosa)
    with pytest.raises(NoSuchPersonError):
        forgotten(make, crops, rosa)


def test_a_face_of_which_a_person_said_that_it_is_not_hers_stays(
    make: Maker, crops: sqlite3.Connection, rosa: int, seen: tuple[list[int], Vectors]
) -> None:
    (face, *_), _ = seen
    make.run(decisions.reject, [face], rosa, actor="me")
    assert forgotten(make, crops, rosa)["faces"] == 2
    assert make.value("SELECT state FROM faces WHERE id = ?", face) == "active"


def test_a_picture_that_lies_in_another_persons_folder_too_stays_theirs(
    make: Maker, crops: sqlite3.Connection
) -> None:
    rosa, ada = (make.person(name, origin="reference", folder=name) for name in ("Rosa", "Ada"))
    (face,) = make.reference(rosa, looks(ROSA, 1), folder=b"Rosa")
    make.connection.execute("UPDATE exemplars SET state = 'withdrawn'")
    make.connection.execute("UPDATE files SET state = 'missing'")
    copy = make.file(1, b"/people/Ada/1.jpg", role="reference")
    make.insert(
        "exemplars", person_id=ada, face_id=face, file_id=copy, source="folder", state="used"
    )
    assert forgotten(make, crops, rosa)["faces"] == 0
    assert make.value("SELECT count(*) FROM embeddings") == 1


def test_a_face_of_a_poor_reference_picture_leaves_nothing_in_its_row(
    make: Maker, crops: sqlite3.Connection
) -> None:
    (face,) = enrolled(make, b"/people/Rosa/a.jpg", ROSA, quality=0.1)
    assert make.rows("SELECT state, face_id FROM exemplars") == [("poor", face)]
    forget.forget_faces(make.connection, crops, [face], actor="me")
    assert make.rows("SELECT state, face_id FROM exemplars") == [("no_face", None)]


def test_a_face_that_two_folders_claim_stays_while_their_pictures_do(
    make: Maker, crops: sqlite3.Connection
) -> None:
    (face,) = enrolled(make, b"/people/Rosa/a.jpg", ROSA)
    enrolled(make, b"/people/Ada/b.jpg", ROSA)
    with pytest.raises(DecisionError, match=r"/people/Rosa/a\.jpg; remove them first"):
        forget.forget_faces(make.connection, crops, [face], actor="me")
    rosa = make.value("SELECT id FROM people WHERE folder = 'Rosa'")
    with pytest.raises(DecisionError, match="remove them first"):
        forgotten(make, crops, rosa)


def test_whoever_shared_a_claim_with_the_forgotten_has_the_face_alone(
    make: Maker, crops: sqlite3.Connection
) -> None:
    enrolled(make, b"/people/Rosa/a.jpg", ROSA)
    (adas,) = enrolled(make, b"/people/Ada/b.jpg", ROSA)
    rosa = make.value("SELECT id FROM people WHERE folder = 'Rosa'")
    make.connection.execute("UPDATE files SET state = 'missing' WHERE path LIKE '%Rosa%'")
    forgotten(make, crops, rosa)
    rows = make.rows("SELECT state, face_id, reason FROM exemplars")
    assert rows == [("used", adas, None)], "no path of hers is left in a reason either"


def test_a_reference_picture_of_somebody_else_loses_a_face_that_was_hers(
    make: Maker, crops: sqlite3.Connection
) -> None:
    (face,) = enrolled(make, b"/people/Ada/a.jpg", ROSA)
    rosa = make.person(NAME)
    make.file(1, b"/inbox/a.jpg")
    make.assign(face, rosa)
    forgotten(make, crops, rosa)
    assert make.rows("SELECT state, face_id FROM exemplars") == [("no_face", None)]


def enrolled(make: Maker, path: bytes, vector: Vectors, *, quality: float = 0.8) -> list[int]:
    """A reference picture as the daemon takes it; returns its faces."""
    media_id, found = make.photo(vector, role="reference", path=path, quality=quality)
    make.run(exemplars.renew_for_media, media_id)
    return found
