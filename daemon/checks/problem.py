"""The value that every check speaks in."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How bad it is: an error keeps Rollcall from working, a warning from working well."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What is wrong and what to do, each in one line; a note is nothing to worry about."""

    check: str
    level: Level
    problem: str
    remedy: str
