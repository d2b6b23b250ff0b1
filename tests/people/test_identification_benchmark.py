"""What identifying costs is measured at every size of a catalog."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from benchmarks import identification

if TYPE_CHECKING:
    import pytest


def test_identification_is_measured_at_every_size(capsys: pytest.CaptureFixture[str]) -> None:
    identification.main(["--json", "--photos", "1", "--faces", "60", "200", "--whole"])
    sizes = json.loads(capsys.readouterr().out)["sizes"]
    assert [it["faces"] for it in sizes] == [60, 200]
    assert all(set(it["ms"]) == {"known people", "a stranger", "after a decision"} for it in sizes)
    assert all(it["repair_s"] > 0 for it in sizes)
    assert "ratio" in identification.as_text({"sizes": sizes})
