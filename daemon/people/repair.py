"""The repair pass: everybody judged again at once, so that the order in which files came does not
matter.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from catalog import people
from daemon.people import faces as faces_module
from daemon.people.scene import Scene
from daemon.people.second_looks import second_looks

if TYPE_CHECKING:
    import sqlite3

    from daemon.people.ensemble import Ensemble


def everybody(connection: sqlite3.Connection, ensemble: Ensemble) -> Scene:
    """All faces, in the order of their content, so that the same files give the same people
    whatever order they came in.
    """
    return Scene(
        faces=faces_module.Reader(connection, ensemble).everything(),
        ruled_out=faces_module.ruled_out(connection),
        survivors=people.merged(connection),
        second_looks=second_looks(connection, ensemble),
    )
