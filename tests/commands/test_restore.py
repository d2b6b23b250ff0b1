"""A backup in the place of the catalog: checked first, and nothing that was there is lost."""

from __future__ import annotations

import hashlib
import shutil
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from catalog import clock
from catalog.backup import back_up
from catalog.connect import connect, crops_path, transaction
from catalog.errors import CatalogError
from catalog.migrations import is_current, migrate
from catalog.restore import restore
from daemon.commands.restore import command as restore_command
from daemon.errors import AlreadyRunning
from daemon.lock import CatalogLock

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

    from click.testing import Result

NOW = clock.now()


def _add(catalog: sqlite3.Connection, crops: sqlite3.Connection, number: int) -> None:
    """A photo with a face and its crop, committed the way the writer does: the crops first."""
    jpeg = b"jpeg %d" % number * 2000
    key = hashlib.sha256(jpeg).hexdigest()
    with transaction(catalog), transaction(crops):
        crops.execute("INSERT INTO crops VALUES (?, ?, ?)", [key, jpeg, NOW])
        catalog.execute(
            "INSERT INTO media (id, sha256, bytes, state, error, added_at)"
            " VALUES (?, ?, 1, 'failed', 'because', ?)",
            [number, f"{number:064x}", NOW],
        )
        catalog.execute(
            "INSERT INTO faces (media_id, x, y, w, h, detector, detector_version, confidence, crop)"
            " VALUES (?, 0, 0, 1, 1, 'd', '1', 1, ?)",
            [number, key],
        )


@pytest.fixture
def filled(catalog_path: Path) -> Path:
    """A catalog with twenty photos."""
    with (
        closing(connect(catalog_path)) as catalog,
        closing(connect(crops_path(catalog_path))) as crops,
    ):
        for number in range(1, 21):
            _add(catalog, crops, number)
    return catalog_path


def _count(path: Path, table: str = "media") -> int:
    with closing(connect(path)) as db:
        return int(db.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


def _run(command: object, catalog: Path, *arguments: str, answer: str | None = None) -> Result:
    environment = {
        "ROLLCALL_PATHS__STATE": str(catalog.parent),
        "ROLLCALL_PATHS__INBOX": str(catalog.parent.parent / "inbox"),
    }
    return CliRunner().invoke(command, list(arguments), env=environment, input=answer)  # type: ignore[arg-type]


def test_restore_into_nothing_makes_the_catalog(filled: Path, tmp_path: Path) -> None:
    back_up(filled, tmp_path / "copy", version="1")
    _, aside = restore(tmp_path / "copy", tmp_path / "fresh" / "state" / "catalog.db")
    assert aside is None
    assert _count(tmp_path / "fresh" / "state" / "catalog.db") == 20
    assert sorted(path.name for path in (tmp_path / "fresh" / "state").glob(".*")) == []


def _flip(folder: Path) -> None:
    with (folder / "catalog.db").open("r+b") as file:
        file.seek(5000)
        file.write(b"\x55\xaa")


def _newer(folder: Path) -> None:
    text = (folder / "manifest.json").read_text()
    (folder / "manifest.json").write_text(text.replace("0001_initial", "9999_future"))


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        pytest.param(_flip, "SHA-256 differs", id="flipped bytes"),
        pytest.param(_newer, "newer Rollcall", id="newer migrations"),
        pytest.param(
            lambda folder: (folder / "crops.db").unlink(), "cannot be read", id="file gone"
        ),
        pytest.param(
            lambda folder: (folder / "manifest.json").unlink(), "no backup", id="manifest gone"
        ),
        pytest.param(
            lambda folder: (folder / "manifest.json").write_text("[1, 2"),
            "cannot be read",
            id="cut",
        ),
        pytest.param(
            lambda folder: (folder / "manifest.json").write_text('{"files": []}'),
            "cannot be read",
            id="other JSON",
        ),
        pytest.param(
            lambda folder: (folder / "manifest.json").write_text(
                (folder / "manifest.json").read_text().replace('"crops.db"', '"../crops.db"')
            ),
            "lists",
            id="a path that leads out",
        ),
    ],
)
def test_a_bad_backup_changes_nothing(
    filled: Path, tmp_path: Path, damage: object, words: str
) -> None:
    back_up(filled, tmp_path / "copy", version="1")
    before = sorted((path.name, path.stat().st_ino) for path in filled.parent.iterdir())
    damage(tmp_path / "copy")  # type: ignore[operator]
    with pytest.raises(CatalogError, match=words):
        restore(tmp_path / "copy", filled)
    assert sorted((path.name, path.stat().st_ino) for path in filled.parent.iterdir()) == before
    assert _count(filled) == 20


def test_a_catalog_that_somebody_reads_is_not_replaced(filled: Path, tmp_path: Path) -> None:
    back_up(filled, tmp_path / "copy", version="1")
    with closing(connect(filled)) as reader, pytest.raises(CatalogError, match="rollcall serve"):
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM media").fetchone()
        restore(tmp_path / "copy", filled)
    assert _count(filled) == 20
    assert not list(filled.parent.glob("replaced-*"))


def test_a_damaged_catalog_is_replaced_and_kept(filled: Path, tmp_path: Path) -> None:
    back_up(filled, tmp_path / "copy", version="1")
    filled.write_bytes(b"no database at all" * 1000)
    _, aside = restore(tmp_path / "copy", filled)
    assert _count(filled) == 20
    assert aside is not None
    assert (aside / "catalog.db").read_bytes().startswith(b"no database")


def test_restore_wants_the_daemon_stopped(filled: Path, tmp_path: Path) -> None:
    back_up(filled, tmp_path / "copy", version="1")
    with CatalogLock(filled.parent).acquire("watch"):
        result = _run(restore_command, filled, str(tmp_path / "copy"), "--yes")
    assert isinstance(result.exception, AlreadyRunning)


def test_restore_asks_before_it_replaces(filled: Path, tmp_path: Path) -> None:
    back_up(filled, tmp_path / "copy", version="1")
    with closing(connect(filled)) as db:
        db.execute("DELETE FROM faces")
    result = _run(restore_command, filled, str(tmp_path / "copy"), answer="n\n")
    assert result.exit_code == 1
    assert "20 media, 20 faces" in result.output
    assert _count(filled, "faces") == 0


def test_an_old_backup_is_migrated_like_any_catalog(filled: Path, tmp_path: Path) -> None:
    back_up(filled, tmp_path / "copy", version="1")
    shutil.rmtree(filled.parent)
    restore(tmp_path / "copy", filled)
    migrate(filled)
    assert is_current(filled)
