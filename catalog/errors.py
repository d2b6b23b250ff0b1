"""Errors that end a command with one line. The daemon's own errors descend from these."""

from __future__ import annotations


class RollcallError(Exception):
    """Shown to the user as one line that says what is wrong and what to do."""

    exit_code = 3


class CatalogError(RollcallError):
    """The catalog cannot be opened, is of another version, or is damaged."""


class NotThereError(RollcallError):
    """What was asked for by its number or name does not exist."""

    exit_code = 2
