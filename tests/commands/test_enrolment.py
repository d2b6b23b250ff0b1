"""Into whose folder reference pictures go."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from daemon.enrolment import enrol_photos
from daemon.errors import UsageError
from daemon.settings import Paths, Settings
from tests.fixtures import catalog, catalog_path, make, migrated

if TYPE_CHECKING:
    from pathlib import Path

    from tests.makers import Maker

__all__ = ["catalog", "catalog_path", "make", "migrated"]


@pytest.mark.parametrize("merged", [False, True])
def test_a_name_whose_folder_is_somebody_elses_is_not_enrolled_there(
    make: Maker, catalog_path: Path, tmp_path: Path, *, merged: bool
) -> None:
    owner = make.person("Barack", folder="Obama")
    if merged:
        make.merge(owner, into=make.person("Mr President"))
    people = tmp_path / "people"
    settings = Settings(paths=Paths(state=catalog_path.parent, people=people))
    who = "Mr President" if merged else "Barack"
    with pytest.raises(UsageError, match=f"Obama: the folder of that name is that of {who}"):
        enrol_photos(settings, "Obama", [], stop=threading.Event())
    assert not people.exists(), "nothing was copied"
