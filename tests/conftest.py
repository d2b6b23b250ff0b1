"""What every test shares: the real photographs, a fresh catalog, and no network for DeepFace's
downloads.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from catalog.migrations import migrate

REPOSITORY = Path(__file__).parent.parent


def _test_data() -> Path | None:
    candidates = [os.environ.get("ROLLCALL_TEST_DATA"), REPOSITORY.parent / "shared" / "data"]
    # Resolved, because the catalog keeps real paths and the data may lie behind a link.
    return next((Path(path).resolve() for path in candidates if path and Path(path).is_dir()), None)


@pytest.fixture(scope="session")
def test_data() -> Path:
    """The folder with real photographs and weights; tests that need it skip where it is absent."""
    found = _test_data()
    if found is None:
        pytest.skip(
            "no test data: set ROLLCALL_TEST_DATA or put it beside the repository at ../shared/data"
        )
    return found


@pytest.fixture
def catalog_path(tmp_path: Path) -> Path:
    """A fresh, migrated catalog with its crops.db."""
    path = tmp_path / "state" / "catalog.db"
    migrate(path)
    return path


@pytest.fixture(autouse=True)
def _own_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing on this machine's home folder is read or written: no user configuration, no
    DeepFace weights.
    """
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("DEEPFACE_HOME", str(home))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
