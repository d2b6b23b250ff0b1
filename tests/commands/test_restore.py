"""A backup in the place of the catalog: checked first, and nothing that was there is lost."""

from __future__ import annotations

import shutil
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from catalog.backup import back_up
from catalog.connect import connect
from catalog.errors import CatalogError
from catalog.migrations import is_current, migrate
from catalog.restore import restore
from daemon.commands.restore import command as restore_command
from daemon.errors import AlreadyRunning
from daemon.lock import CatalogLock
from tests.backups import count_rows, run_command

if TYPE_CHECKING:
    from pathlib import Path


def test_restore_into_nothing_makes_the_catalog(filled: Path, tmp_path: Path) -> None:
    back_up(filled, tmp_path / "copy", version="1")
    _, aside = restore(tmp_path / "copy", tmp_path / "fresh" / "state" / "catalog.db")
    assert aside is None
    assert count_rows(tmp_path / "fresh" / "state" / "catalog.db") == 20
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
    assert count_rows(filled) == 20


def test_a_catalog_that_somebody_reads_is_not_replaced(filled: Path, tmp_path: Path) -> None:
    back_up(filled, tmp_path / "copy", version="1")
    with closing(connect(filled)) as reader, pytest.raises(CatalogError, match="rollcall serve"):
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM media").fetchone()
        restore(tmp_path / "copy", filled)
    assert count_rows(filled) == 20
    assert not list(filled.parent.glob("replaced-*"))


def test_a_damaged_catalog_is_replaced_and_kept(filled: Path, tmp_path: Path) -> None:
    back_up(filled, tmp_path / "copy", version="1")
    filled.write_bytes(b"no database at all" * 1000)
    _, aside = restore(tmp_path / "copy", filled)
    assert count_rows(filled) == 20
    assert aside is not None
    assert (aside / "catalog.db").read_bytes().startswith(b"no database")


def test_restore_wants_the_daemon_stopped(filled: Path, tmp_path: Path) -> None:
    back_up(filled, tmp_path / "copy", version="1")
    with CatalogLock(filled.parent).acquire("watch"):
        result = run_command(restore_command, filled, str(tmp_path / "copy"), "--yes")
    assert isinstance(result.exception, AlreadyRunning)


def test_restore_asks_before_it_replaces(filled: Path, tmp_path: Path) -> None:
    back_up(filled, tmp_path / "copy", version="1")
    with closing(connect(filled)) as db:
        db.execute("DELETE FROM faces")
    result = run_command(restore_command, filled, str(tmp_path / "copy"), answer="n\n")
    assert result.exit_code == 1
    assert "20 media, 20 faces" in result.output
    assert count_rows(filled, "faces") == 0


def test_an_old_backup_is_migrated_like_any_catalog(filled: Path, tmp_path: Path) -> None:
    back_up(filled, tmp_path / "copy", version="1")
    shutil.rmtree(filled.parent)
    restore(tmp_path / "copy", filled)
    migrate(filled)
    assert is_current(filled)
