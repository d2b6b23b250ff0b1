"""What is handed to a worker. Imports nothing, so that the small supervisor can make these."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from catalog.assignments import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class PhotoTask:
    """A photo to catalogue: where it lies and what it was when it was hashed."""

    sha256: str
    path: bytes
    bytes: int
    mtime_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Which photos to judge: these, those that a change of these people can touch, or
    everything.
    """

    media_ids: tuple[int, ...] = ()
    people_ids: tuple[int, ...] = ()
    whole: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the identifier found: verdicts to be applied in this order, and the faces that want a
    second look before they get a name.
    """

    verdicts: Sequence[Verdict]
    doubtful: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchTask:
    """A photo whose faces are looked for among all known ones; nothing of it is stored."""

    path: bytes
    k: int
