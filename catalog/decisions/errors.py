"""What keeps a decision from being carried out."""

from __future__ import annotations

from catalog.errors import RollcallError


class DecisionError(RollcallError):
    """The decision cannot be carried out as asked."""

    exit_code = 2
