from __future__ import annotations

import json
from typing import TYPE_CHECKING

from benchmarks import landmarks

if TYPE_CHECKING:
    import pytest


def test_a_quick_look_runs_to_the_end(capsys: pytest.CaptureFixture[str], test_data) -> None:
    landmarks.main(["--json", "--limit", "40"])
    answer = json.loads(capsys.readouterr().out)
    assert answer["pictures"] == 40 and answer["pairs"] > 0
    found = {name: it["tar_all_pairs"] for name, it in answer["methods"].items()}
    assert len(found) == 16 and min(found.values()) > 0.5
    assert found["YuNet, close look at 192 px, mirrored mean"] > 0.9
