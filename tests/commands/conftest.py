"""A catalog with photos in it, for the commands that copy one."""

from __future__ import annotations

from tests.backups import filled

__all__ = ["filled"]
