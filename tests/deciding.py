"""What the tests of decisions share: two people in two photos, and looks at what was said."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from catalog import assignments
from catalog.assignments import Verdict

if TYPE_CHECKING:
    from tests.makers import Maker

ROSA, ADA = 1, 2
ME = {"actor": "me"}


@pytest.fixture
def faces(make: Maker) -> list[int]:
    """Two photos, Rosa and Ada in each, found by the machine, and a third with somebody new."""
    for name in ("Rosa", "Ada"):
        make.person(name)
    found = []
    for _ in range(2):
        _, pair = make.photo(None, None)
        for face, person in zip(pair, (ROSA, ADA), strict=True):
            make.assign(face, person, "group", similarity=0.97)
        found += pair
    return [*found, *make.photo(None)[1]]


def judge(make: Maker, face: int, person: int | None, **values: Any) -> int:
    verdict = Verdict(face_id=face, person_id=person, **values)
    changed: int = make.run(assignments.apply, [verdict], {})
    return changed


def exemplars(make: Maker) -> list[tuple[object, ...]]:
    return make.rows("SELECT face_id, person_id, source, state FROM exemplars ORDER BY id")


def rejections(make: Maker) -> list[tuple[object, ...]]:
    return make.rows("SELECT face_id, person_id FROM rejections ORDER BY face_id, person_id")
