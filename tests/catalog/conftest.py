"""A fresh catalog for each test, and a maker of rows."""

from tests.deciding import faces
from tests.fixtures import catalog, catalog_path, crops, make, migrated

__all__ = ["catalog", "catalog_path", "crops", "faces", "make", "migrated"]
