"""Nothing leaves the machine: a model that runs leaves no traces of reporting and asks no name
server.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parent.parent.parent
CODE = """
import sys, time
from pathlib import Path
import numpy as np
from daemon.faces import zoo
from daemon.settings import Models, Paths, Settings
home = Path(sys.argv[1])
settings = Settings(
    paths=Paths(state=home / "state"), models=Models(weights=None, download=False)
)
embedder = zoo.build_embedder("Dlib", settings)
assert embedder._session.run(None, {"faces": np.zeros((1, 150, 150, 3), np.uint8)})
time.sleep(1.0)
"""


def test_a_model_that_runs_writes_nothing_of_its_own_into_the_home_folder(tmp_path: Path) -> None:
    environ = {
        key: value
        for key, value in os.environ.items()
        if key not in ("ORT_DISABLE_TELEMETRY", "XDG_CACHE_HOME")
    }
    done = subprocess.run(
        [sys.executable, "-c", CODE, str(tmp_path)],
        cwd=REPOSITORY,
        env={**environ, "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    # Where onnxruntime reports its use it keeps a device id below .cache/Microsoft first.
    assert [path.name for path in tmp_path.iterdir()] == ["state"]
