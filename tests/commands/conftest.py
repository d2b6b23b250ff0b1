"""Catalogs for the commands: fresh ones with a maker of rows, one with photos; and disks."""

from __future__ import annotations

from tests.backups import filled
from tests.disks import mount
from tests.fixtures import catalog, catalog_path, crops, make, migrated

__all__ = ["catalog", "catalog_path", "crops", "filled", "make", "migrated", "mount"]
