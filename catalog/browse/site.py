"""What one Datasette needs to know to show a catalog: which database it is, where its pictures
lie, its vectors.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from datasette.database import Database

from catalog.connect import crops_path

if TYPE_CHECKING:
    from catalog.vectors import VectorIndex

# The name under which the catalog is served; templates and descriptions are bound to it.
DATABASE = "catalog"
CROPS = "rollcall_crops"
PLUGIN = "rollcall"

_making = threading.Lock()


@dataclass(frozen=True, kw_only=True)
class Site:
    """The catalog behind one Datasette. `crops` is read through Datasette's threads but served
    under no address.
    """

    path: Path
    crops: Database
    show_vectors: bool

    @cached_property
    def vectors(self) -> VectorIndex:
        """The face vectors, loaded when a query first asks for one."""
        from catalog.vectors import VectorIndex  # loads numpy

        return VectorIndex(self.path)

    def close(self) -> None:
        """Close what this plugin opened; Datasette's own connections are Datasette's to close."""
        self.crops.close()
        if "vectors" in self.__dict__:
            self.vectors.close()


def site_of(datasette: Any) -> Site | None:
    """The catalog that this Datasette serves, None where it serves none."""
    database = datasette.databases.get(DATABASE)
    if database is None or database.is_memory:
        return None
    with _making:
        found: Site | None = getattr(datasette, "rollcall_site", None)
        if found is None:
            found = datasette.rollcall_site = _make(datasette, Path(database.path))
    return found


def _make(datasette: Any, path: Path) -> Site:
    configured = datasette.plugin_config(PLUGIN) or {}
    crops = Database(datasette, path=str(configured.get("crops") or crops_path(path)))
    crops.name = CROPS
    return Site(path=path, crops=crops, show_vectors=configured.get("vectors") is True)
