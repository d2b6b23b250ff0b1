"""Who may import whom: what keeps the browser and the idle daemon small, checked in fresh
processes.
"""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

import catalog
import daemon

REPOSITORY = Path(__file__).parent.parent
HEAVY = {"tensorflow", "deepface", "cv2", "onnxruntime", "keras", "tf_keras", "torch", "pandas"}


def modules_after(statement: str) -> set[str]:
    """The top-level modules in memory after running a statement in a fresh interpreter."""
    code = (
        "import sys, "
        f"json\n{statement}\nprint(json.dumps(sorted({{m.split('.')[0] for m in sys.modules}})))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=REPOSITORY
    )
    return set(json.loads(done.stdout.splitlines()[-1]))


def imported_by(path: Path) -> set[str]:
    """The top-level modules named in a file's import statements, also inside functions."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.split(".")[0])
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            names |= {
                ast.unparse(argument).lstrip("f").strip("'\"").split(".")[0]
                for argument in node.args
            }
    return names


def test_the_packages_are_this_projects_own() -> None:
    for package in (daemon, catalog):
        assert Path(package.__file__ or "").is_relative_to(REPOSITORY)


@pytest.mark.parametrize("path", sorted((REPOSITORY / "catalog").rglob("*.py")), ids=str)
def test_the_catalog_imports_nothing_of_the_daemon(path: Path) -> None:
    assert not imported_by(path) & {"daemon", "tensorflow", "deepface", "cv2", "onnxruntime"}


def test_deepface_is_imported_in_one_module_only() -> None:
    importers = {
        path.relative_to(REPOSITORY).as_posix()
        for path in (REPOSITORY / "daemon").rglob("*.py")
        if "deepface" in imported_by(path)
    }
    assert importers == {"daemon/faces/engine.py"}


def test_the_browser_starts_without_the_heavy_libraries() -> None:
    loaded = modules_after("import catalog.browse")
    assert "datasette" in loaded
    assert not loaded & HEAVY
    assert "daemon" not in loaded


def test_the_supervisor_starts_without_the_heavy_libraries() -> None:
    loaded = modules_after("import daemon.watching, daemon.supervisor, daemon.commands.watch")
    assert "pebble" in loaded
    assert not loaded & (HEAVY | {"numpy", "scipy", "sqlite_utils", "PIL", "datasette"})


def test_importing_makes_no_folder(tmp_path: Path) -> None:
    code = "import daemon.watching, daemon.worker, daemon.faces.weights, catalog.browse"
    subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        cwd=REPOSITORY,
        env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
    )
    assert list(tmp_path.iterdir()) == []
