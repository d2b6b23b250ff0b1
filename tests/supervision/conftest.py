"""A fresh catalog for each test, and a maker of rows."""

from tests.fixtures import catalog, catalog_path, make, migrated

__all__ = ["catalog", "catalog_path", "make", "migrated"]
