"""`rollcall verify` finds each kind of damage that is put into a sound catalog, nothing else."""

from __future__ import annotations

import hashlib
import json
import os
import struct
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from catalog.connect import connect, crops_path
from catalog.verify import Finding, verify
from daemon.commands.verify import command
from daemon.lock import CatalogLock

if TYPE_CHECKING:
    from click.testing import Result

NOW = "2026-05-04T12:00:00.000Z"
OLD = "2020-01-01T00:00:00.000Z"
JPEG = b"\xff\xd8 one face"
CROP = hashlib.sha256(JPEG).hexdigest()
UNIT = struct.pack("<4f", 0.5, 0.5, 0.5, 0.5)


@pytest.fixture
def sound(catalog_path: Path, tmp_path: Path) -> Path:
    """A small catalog in which everything agrees: a photo, a face, a person merged into another."""
    inbox = tmp_path / "in box"
    inbox.mkdir()
    photo = os.fsencode(inbox) + b"/\xff'\n.jpg"
    Path(os.fsdecode(photo)).write_bytes(b"photo")
    with closing(connect(catalog_path)) as db:
        for sql, values in (
            ("INSERT INTO roots (id, path_bytes, path, role) VALUES (1, ?, ?, 'inbox')",
             [os.fsencode(inbox), str(inbox)]),
            ("INSERT INTO media (id, sha256, kind, bytes, state, added_at)"
             " VALUES (1, ?, 'image', 5, 'done', ?)",
             ["a" * 64, NOW]),
            ("INSERT INTO files (path_bytes, path, root_id, media_id, first_seen_at, last_seen_at)"
             " VALUES (?, 'photo', 1, 1, ?, ?)", [photo, NOW, NOW]),
            ("INSERT INTO steps (media_id, step, fingerprint, state, started_at)"
             " VALUES (1, 'detect', 'f', 'done', ?)", [NOW]),
            ("INSERT INTO people (id, origin, created_at) VALUES (1, 'user', ?)", [NOW]),
            ("INSERT INTO people (id, origin, created_at, merged_into) VALUES (2, 'group', ?, 1)",
             [NOW]),
            ("INSERT INTO embedders (id, model, weights_sha256, geometry, dimensions, active)"
             " VALUES (1, 'Dlib', 'w', 'g', 4, 1)", []),
            ("INSERT INTO faces (id, media_id, x, y, w, h, detector, detector_version,"
             " confidence, crop, person_id) VALUES (1, 1, 0, 0, 9, 9, 'yunet', '1', 0.9, ?, 1)",
             [CROP]),
            ("INSERT INTO embeddings VALUES (1, 1, ?)", [UNIT]),
            ("INSERT INTO assignments (face_id, person_id, state, method, decided_at, decided_by)"
             " VALUES (1, 2, 'assigned', 'group', ?, 'identifier')", [NOW]),
        ):  # fmt: skip
            db.execute(sql, values)
    with closing(connect(crops_path(catalog_path))) as db:
        db.execute("INSERT INTO crops VALUES (?, ?, ?)", [CROP, JPEG, NOW])
    return catalog_path


def _change(path: Path, *statements: str) -> None:
    with closing(connect(path)) as db:
        db.execute("PRAGMA foreign_keys = OFF")
        for sql in statements:
            db.execute(sql)


def _found(path: Path, **options: Any) -> list[Finding]:
    return list(verify(path, **{"daemon_running": False, "full": True, **options}))


def _run(catalog: Path, *arguments: str) -> Result:
    environment = {"ROLLCALL_PATHS__STATE": str(catalog.parent)}
    return CliRunner().invoke(command, list(arguments), env=environment)


def test_a_sound_catalog_is_consistent(sound: Path) -> None:
    assert _found(sound) == []
    result = _run(sound)
    assert result.exit_code == 0, result.output
    assert "consistent" in result.output


@pytest.mark.parametrize(
    ("statement", "check", "message"),
    [
        pytest.param(
            "UPDATE media SET faces_count = 7", "faces_count", "is 7, it has 1", id="count"
        ),
        pytest.param(
            f"UPDATE faces SET crop = '{'b' * 64}'", "crop missing", "not in crops.db", id="crop"
        ),
        pytest.param("UPDATE faces SET crop = NULL", "no crop", "has no crop", id="no crop"),
        pytest.param("DELETE FROM steps", "media state", "no step", id="done without a step"),
        pytest.param(
            "UPDATE media SET state = 'failed'", "media state", "without a reason", id="no reason"
        ),
        pytest.param(
            "UPDATE media SET state = 'pending'", "media state", "no job will", id="forgotten"
        ),
        pytest.param("UPDATE faces SET person_id = 2", "person", "says 1", id="person merged away"),
        pytest.param(
            "UPDATE faces SET person_id = NULL", "person", "person_id is None", id="person lost"
        ),
        pytest.param(
            "UPDATE assignments SET ended_at = '2026'", "person", "says None", id="decision ended"
        ),
        pytest.param(
            "INSERT INTO people (id, origin, created_at, merged_into) VALUES (3, 'group', '', 2)",
            "merge",
            "person 3: is merged into 2",
            id="merge of two hops",
        ),
        pytest.param(
            "INSERT INTO jobs (kind, key, state, created_at) VALUES ('ingest', 'k', 'running', '')",
            "running job",
            "no daemon runs",
            id="running job",
        ),
        pytest.param(
            "UPDATE embeddings SET vector = x'00'", "vector", "has 1 bytes, not 16", id="short"
        ),
        pytest.param(
            f"UPDATE embeddings SET vector = x'{struct.pack('<4f', 1, 1, 1, 1).hex()}'",
            "vector",
            "has length 2, not 1",
            id="not unit",
        ),
        pytest.param(
            f"UPDATE embeddings SET vector = x'{struct.pack('<4f', float('nan'), 0, 0, 1).hex()}'",
            "vector",
            "has length nan",
            id="not a number",
        ),
        pytest.param("DELETE FROM roots", "foreign key", "files row", id="foreign key"),
    ],
)
def test_each_disagreement_is_one_finding(
    sound: Path, statement: str, check: str, message: str
) -> None:
    _change(sound, statement)
    findings = [finding for finding in _found(sound) if finding.check == check]
    assert len(findings) == 1, _found(sound)
    assert message in findings[0].message
    result = _run(sound, "--json")
    assert result.exit_code == 3
    assert check in [finding["check"] for finding in json.loads(result.output)]


def test_crops_are_compared_with_their_key_and_with_the_faces(sound: Path) -> None:
    _change(
        crops_path(sound),
        "UPDATE crops SET jpeg = x'00'",
        f"INSERT INTO crops VALUES ('{'c' * 64}', x'01', '{OLD}')",
        f"INSERT INTO crops VALUES ('{'d' * 64}', x'01', strftime('%Y-%m-%dT%H:%M:%fZ'))",
    )
    checks = sorted(finding.check for finding in _found(sound))
    assert checks == ["crop bytes", "crop bytes", "crop bytes", "orphaned crop"]


def test_a_file_that_is_gone_is_found_but_an_absent_folder_proves_nothing(
    sound: Path, tmp_path: Path
) -> None:
    for photo in (tmp_path / "in box").iterdir():
        photo.unlink()
    assert [finding.message for finding in _found(sound)] == [
        "file 'photo': is noted as present and is gone"
    ]
    (tmp_path / "in box").rmdir()
    assert len(_found(sound)) == 1
    _change(sound, "UPDATE roots SET state = 'unreachable'")
    assert _found(sound) == []


def test_jobs_may_run_while_a_daemon_does(sound: Path) -> None:
    _change(
        sound,
        "INSERT INTO jobs (kind, key, state, created_at) VALUES ('ingest', 'k', 'running', '')",
    )
    assert _found(sound, daemon_running=True) == []
    with CatalogLock(sound.parent).acquire("watch"):
        assert _run(sound).exit_code == 0


def test_damaged_pages_are_findings_and_not_a_crash(sound: Path) -> None:
    _change(sound, "PRAGMA wal_checkpoint(TRUNCATE)")
    with sound.open("r+b") as file:
        file.seek(4096 * 3)
        file.write(os.urandom(4096 * 20))
    result = _run(sound, "--full")
    assert result.exit_code == 3
    assert "restore a backup" in result.output
    assert result.exception is None or isinstance(result.exception, SystemExit)


def test_missing_crops_are_one_finding(sound: Path) -> None:
    crops_path(sound).unlink()
    assert [finding.check for finding in _found(sound)] == ["crops"]


def test_fix_mends_what_follows_from_the_rest(sound: Path) -> None:
    _change(
        sound,
        "UPDATE media SET faces_count = 7",
        "UPDATE faces SET person_id = NULL",
        "INSERT INTO jobs (kind, key, state, attempts, created_at)"
        " VALUES ('ingest', 'k', 'running', 1, '')",
    )
    _change(crops_path(sound), f"INSERT INTO crops VALUES ('{'c' * 64}', x'01', '{OLD}')")
    first = _run(sound)
    assert first.exit_code == 3
    assert "--fix" in first.output
    assert _run(sound, "--fix", "--full").exit_code == 0
    with closing(connect(sound)) as db:
        assert db.execute("SELECT person_id FROM faces").fetchone()[0] == 1


def test_fix_waits_for_nobody(sound: Path) -> None:
    with CatalogLock(sound.parent).acquire("watch"):
        result = _run(sound, "--fix")
    assert "already running" in str(result.exception)


def test_many_findings_of_a_kind_are_summed_up(sound: Path) -> None:
    rows = ", ".join(f"('{number:064x}', 1, 'pending', '{NOW}')" for number in range(30))
    _change(sound, f"INSERT INTO media (sha256, bytes, state, added_at) VALUES {rows}")
    result = _run(sound)
    assert result.output.count("no job will ever read it") == 20
    assert "media state: 10 more of this kind" in result.output
    assert len(json.loads(_run(sound, "--json").output)) == 30


def test_no_catalog_is_one_line(tmp_path: Path) -> None:
    result = _run(tmp_path / "none" / "catalog.db")
    assert "no catalog here yet" in str(result.exception)
