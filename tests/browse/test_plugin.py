"""The plugin alone: light to import, found once however it came, and no burden to other
databases.
"""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import catalog.browse

REPOSITORY = Path(catalog.browse.__file__).parents[2]
HEAVY = (
    "tensorflow",
    "keras",
    "tf_keras",
    "deepface",
    "cv2",
    "onnxruntime",
    "sqlite_utils",
    "pandas",
)


def run(code: str, *paths: Path) -> str:
    """What a Python that sees only the repository and `paths` prints; warnings are errors there
    too.
    """
    found = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env={"PYTHONPATH": ":".join(map(str, (*paths, REPOSITORY)))},
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert found.returncode == 0, found.stderr
    return found.stdout.strip()


@pytest.mark.parametrize("module", ["catalog.browse", "catalog.browse.server", "catalog.vectors"])
def test_importing_it_loads_no_model_and_nothing_of_the_daemon(module: str) -> None:
    loaded = run(f"import sys, {module}; print(*{{name.split('.')[0] for name in sys.modules}})")
    assert not {*HEAVY, "daemon"} & set(loaded.split())


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """A folder that makes the plugin look installed, as pip would."""
    information = tmp_path / "rollcall_catalog-0.1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: rollcall-catalog\nVersion: 0.1.0\n"
    )
    (information / "entry_points.txt").write_text("[datasette]\nrollcall = catalog.browse\n")
    return tmp_path


HOOKS = """
from pathlib import Path
from datasette.plugins import pm
import catalog.browse
from catalog.browse import server
served = server.build(Path({path!r}))
plugins = [plugin for plugin in pm.get_plugins() if plugin.__name__ == "catalog.browse"]
print(len(plugins), len(pm.get_hookcallers(catalog.browse)), len(served._plugins()))
"""


@pytest.mark.parametrize("first", ["", "import catalog.browse", "import datasette.app"])
@pytest.mark.parametrize("by_entry_point", [True, False])
def test_the_plugin_is_there_once_with_all_its_hooks(
    first: str, by_entry_point: bool, installed: Path, small_catalog: Path
) -> None:
    code = first + HOOKS.format(path=str(small_catalog))
    plugins, hooks, listed = run(code, *([installed] if by_entry_point else [])).split()
    assert plugins == listed == "1"
    assert int(hooks) == 12


def test_the_stylesheet_is_found_where_the_plugin_is_installed(
    installed: Path, small_catalog: Path
) -> None:
    code = (
        "import asyncio, re\nfrom pathlib import Path\nfrom catalog.browse import server\n"
        f"served = server.build(Path({str(small_catalog)!r}))\n"
        "async def ask():\n"
        "    page = (await served.client.get('/')).text\n"
        "    address = re.search(r'[^\"]+rollcall.css[^\"]*', page)[0]\n"
        "    print(address, (await served.client.get(address)).status_code)\n"
        "asyncio.run(ask())\nserver.close(served)"
    )
    address, status = run(code, installed).split()
    assert address.startswith("/-/static-plugins/rollcall-catalog/rollcall.css")
    assert status == "200"


@pytest.fixture
def other_database(tmp_path: Path) -> Path:
    path = tmp_path / "other.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE embeddings (face_id INTEGER, vector BLOB)")
        connection.execute("INSERT INTO embeddings VALUES (1, x'0102')")
        connection.commit()
    return path


def test_a_datasette_without_a_catalog_is_left_as_it_is(
    other_database: Path, open_browser: Any
) -> None:
    browser = open_browser(other_database)
    page = browser.get("/other/embeddings").text
    assert "/-/rollcall/" not in page
    assert "rollcall.css" not in page
    assert "Rollcall" not in browser.get("/").text
    rows = browser.get(
        "/other.json?sql=select+hex(vector)+as+v+from+embeddings&_shape=array"
    ).json()
    assert rows == [{"v": "0102"}]
    assert browser.get("/-/rollcall/crop/1").status_code == 404
    assert browser.get("/other.json?sql=select+nearest_faces(1,1)").status_code == 400
