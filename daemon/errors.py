"""What goes wrong, and which exit code says so.

RollcallError                 shown to the user as one line: what is wrong and what to do
├── UsageError                exit 2: the command or the configuration asks for something that
cannot be
├── EnvironmentTrouble        exit 3: the catalog, the disk or the machine is not in order
│   └── AlreadyRunning        exit 3: another daemon owns the catalog
├── NoWeights                 exit 3: a chosen model has no weights here
└── BadFile                   never ends the process: the file becomes a row with this reason
    └── TryLater              the same, but a later attempt may succeed (vanished disk, out of
    memory)
"""

from __future__ import annotations

from catalog.errors import CatalogError, RollcallError

__all__ = [
    "AlreadyRunning",
    "BadFile",
    "CatalogError",
    "EnvironmentTrouble",
    "NoWeights",
    "RollcallError",
    "TryLater",
    "UsageError",
]


class UsageError(RollcallError):
    """The command or the configuration asks for something that cannot be."""

    exit_code = 2


class EnvironmentTrouble(RollcallError):
    """The disk, the models or the machine are not in order."""

    exit_code = 3


class AlreadyRunning(EnvironmentTrouble):
    """Another daemon owns the catalog."""


class NoWeights(EnvironmentTrouble):
    """A chosen model has no weights here."""


class BadFile(RollcallError):
    """The file cannot be catalogued, now or ever; its row carries this reason."""

    exit_code = 1


class TryLater(BadFile):
    """The file could not be catalogued this time; a later attempt may succeed."""
