"""kill -9 at any moment loses nothing and doubles nothing."""

from __future__ import annotations

import os
import random
import shutil
import signal
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.end_to_end.conftest import Daemon, Home

# As the tables say it, but by content instead of by number, and without times.
STATE = {
    "media": """SELECT sha256, kind, mime, width, height, faces_count, state, error FROM media""",
    "files": """SELECT sha256, files.path, files.state, reason, roots.role FROM files
                JOIN roots ON roots.id = root_id LEFT JOIN media ON media.id = media_id""",
    "faces": """SELECT sha256, round(x, 2), round(y, 2), round(w, 2), round(confidence, 4), crop,
                       faces.state, people.name
                FROM faces JOIN media ON media.id = media_id
                LEFT JOIN people ON people.id = faces.person_id""",
    "groups": """SELECT group_concat(face, ' ') FROM
                   (SELECT person_id, substr(sha256, 1, 8) || '@' || round(x) AS face FROM faces
                    JOIN media ON media.id = media_id ORDER BY person_id, face)
                 GROUP BY person_id""",
    "quality": """SELECT sha256, faces.x, quality.version, round(sharpness, 3) FROM quality
                  JOIN faces ON faces.id = face_id JOIN media ON media.id = media_id""",
    "steps": """SELECT sha256, part, step, model, fingerprint, steps.state FROM steps
                JOIN media ON media.id = media_id""",
    "exemplars": """SELECT people.folder, sha256, exemplars.state FROM exemplars
                    JOIN people ON people.id = exemplars.person_id
                    JOIN faces ON faces.id = exemplars.face_id JOIN media ON media.id = media_id""",
    "assignments": """SELECT sha256, faces.x, people.name, assignments.state, method,
                             round(similarity, 3)
                      FROM assignments JOIN faces ON faces.id = face_id
                      JOIN media ON media.id = media_id
                      JOIN people ON people.id = assignments.person_id
                      WHERE ended_at IS NULL AND method = 'reference'""",
    "embedders": "SELECT model, weights_sha256, geometry, active FROM embedders",
    "open jobs": "SELECT kind, key, state FROM jobs WHERE state NOT IN ('done', 'cancelled')",
    "orphans": "SELECT id FROM faces WHERE id NOT IN (SELECT face_id FROM embeddings)",
    "check": "PRAGMA integrity_check",
    "references": "PRAGMA foreign_key_check",
}


def state(home: Home) -> dict[str, list[tuple[Any, ...]]]:
    """The whole catalog in a form in which two runs can be compared."""
    return {name: sorted(home.query(sql), key=repr) for name, sql in STATE.items()}


def vectors(home: Home) -> np.ndarray[Any, Any]:
    """All vectors in the order of their faces' content."""
    rows = home.query(
        """SELECT vector FROM embeddings JOIN faces ON faces.id = face_id
           JOIN media ON media.id = media_id ORDER BY sha256, x"""
    )
    return np.stack([np.frombuffer(vector, "<f4") for (vector,) in rows])


PHOTOS = (
    "32bit.png",
    "alex_lacamoire1.jpg",
    "couple.jpg",
    "img1.jpg",
    "kit_with_rose.jpg",
    "lin-manuel-miranda.png",
    "obama-240p.jpg",
    "obama_and_biden.jpg",
    "selfie-many-people.jpg",
    "two_people.jpg",
)


def furnish(home: Home, examples: Path, reference: Path) -> None:
    """Fifteen pictures, under the same relative names in each home."""
    for person in reference.iterdir():
        (home.people / person.name).mkdir()
        portrait = min(person.iterdir())
        shutil.copyfile(portrait, home.people / person.name / portrait.name)
    for name in PHOTOS:
        shutil.copyfile(examples / name, home.inbox / name)


def relative(
    home: Home, found: dict[str, list[tuple[Any, ...]]]
) -> dict[str, list[tuple[Any, ...]]]:
    found["files"] = [
        tuple(str(value).replace(str(home.path), "") for value in row) for row in found["files"]
    ]
    return found


@pytest.fixture(scope="module")
def undisturbed(
    tmp_path_factory: pytest.TempPathFactory, test_data: Path, examples: Path, reference: Path
) -> Home:
    """The photographs scanned in one go."""
    from tests.end_to_end.conftest import build_home

    home = build_home(
        tmp_path_factory.mktemp("undisturbed") / "home",
        models={"weights": str(test_data / "weights")},
    )
    furnish(home, examples, reference)
    done = home.rollcall("scan", home.inbox)
    assert done.returncode == 0, done.stderr
    return home


def assert_equal(home: Home, undisturbed: Home) -> None:
    mine, theirs = relative(home, state(home)), relative(undisturbed, state(undisturbed))
    # The same folder is the daemon's inbox here, and a scanned one there.
    for found in (mine, theirs):
        found["files"] = [row[:-1] for row in found["files"]]
    for name, rows in theirs.items():
        assert mine[name] == rows, name
    assert np.abs(vectors(home) - vectors(undisturbed)).max() < 1e-4


def test_a_scan_whose_supervisor_is_killed_again_and_again_ends_like_an_undisturbed_one(
    home: Home, undisturbed: Home, examples: Path, reference: Path
) -> None:
    chance = random.Random(7)
    home.configure(workers={"count": 2})
    furnish(home, examples, reference)
    for _ in range(3):
        with home.started("scan", home.inbox, "--quiet") as scan:
            with suppress(TimeoutError):
                waited_s = chance.uniform(0.5, 5.0)
                end = time.monotonic() + waited_s
                while scan.process.poll() is None and time.monotonic() < end:
                    time.sleep(0.02)
            scan.kill()
            home.assert_nothing_runs()
    done = home.rollcall("scan", home.inbox)
    assert done.returncode == 0, done.stderr
    assert_equal(home, undisturbed)
    assert home.value("SELECT max(attempts) FROM jobs") == 1


def test_a_daemon_whose_workers_and_identifier_are_killed_ends_like_an_undisturbed_run(
    home: Home, undisturbed: Home, examples: Path, reference: Path
) -> None:
    chance = random.Random(11)
    home.configure(jobs={"retry_s": 0.5, "max_attempts": 20}, workers={"count": 2, "timeout_s": 20})
    furnish(home, examples, reference)
    killed = 0
    with home.watching() as daemon:
        while killed < 5 and daemon.process.poll() is None:
            time.sleep(chance.uniform(0.3, 2.0))
            workers = sorted(daemon.workers())
            if workers:
                with suppress(ProcessLookupError):
                    os.kill(chance.choice(workers), signal.SIGKILL)
                    killed += 1
            elif home.settled() and home.query("SELECT 1 FROM faces"):
                break
        home.wait(
            lambda: home.value("SELECT count(*) FROM media WHERE state = 'done'") == 15,
            timeout_s=120,
        )
        home.wait(home.settled, timeout_s=60)
        time.sleep(1.5)  # a tick, in which a last repair may be asked for
        home.wait(home.settled, timeout_s=60)
    assert killed > 2
    assert "Traceback" not in daemon.said()
    assert_equal(home, undisturbed)


def test_workers_die_with_their_supervisor(home: Home, examples: Path) -> None:
    home.configure(workers={"count": 2})
    for name in PHOTOS:
        shutil.copyfile(examples / name, home.inbox / name)
    with home.started("watch", until="watching") as daemon:
        home.wait(lambda: len(daemon.workers()) >= 2)
        daemon.kill()
        home.assert_nothing_runs()


def test_workers_that_are_killed_while_idle_are_replaced(
    home: Home, copy: Callable[..., Path]
) -> None:
    copy("obama1.jpg", home.inbox)
    with home.watching() as daemon:
        home.wait(lambda: home.who() and home.settled())
        for pid in daemon.workers():
            os.kill(pid, signal.SIGKILL)
        copy("img1.jpg", home.inbox)
        home.wait(lambda: len(home.who()) == 2 and home.settled())
    assert home.value("SELECT max(attempts) FROM jobs") == 1


def test_a_photo_whose_worker_is_killed_costs_one_attempt_and_no_other_photo(
    home: Home, copy: Callable[..., Path], blank_png: Callable[[Path, int, int], Path]
) -> None:
    home.configure(jobs={"retry_s": 0.2})
    copy("obama1.jpg", home.inbox)
    slow = blank_png(home.path / "slow.png", 11000, 11000)
    with home.watching() as daemon:
        home.wait(lambda: home.query("SELECT 1 FROM media WHERE state = 'done'"))
        slow.rename(home.inbox / "slow.png")
        reading = home.wait(lambda: _reading(daemon, home.inbox / "slow.png"), timeout_s=30)
        os.kill(reading, signal.SIGKILL)
        home.wait(
            lambda: home.value("SELECT count(*) FROM media WHERE state = 'done'") == 2, timeout_s=90
        )
    attempts = dict(
        home.query(
            """SELECT files.path, attempts FROM jobs JOIN files USING (media_id)
               WHERE kind = 'ingest'"""
        )
    )
    assert attempts == {str(home.inbox / "obama1.jpg"): 1, str(home.inbox / "slow.png"): 2}
    assert "its worker died" in home.value(
        "SELECT group_concat(details) FROM log WHERE event = 'failed'"
    )


def _reading(daemon: Daemon, photo: Path) -> int | None:
    """The worker that has this very file open."""
    from pathlib import Path

    for pid in daemon.workers():
        with suppress(OSError):
            for descriptor in Path(f"/proc/{pid}/fd").iterdir():
                with suppress(OSError):
                    if descriptor.readlink() == photo:
                        return pid
    return None
