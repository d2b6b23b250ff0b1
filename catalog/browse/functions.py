"""The SQL functions of the pages: how alike two faces are, and which faces are most like one."""

from __future__ import annotations

import json
import logging
import re
import sqlite3
from typing import TYPE_CHECKING

from catalog.errors import CatalogError

if TYPE_CHECKING:
    from catalog.browse.site import Site

logger = logging.getLogger(__name__)

# What SQLite can hold is 19 digits, and ids never come near: longer ones are nobody's.
_DIGITS = re.compile(r"[0-9]{1,18}")


def row_id(value: object) -> int | None:
    """`value` as a row id or count: a whole number above zero, also as text (which is what query
    parameters are).
    """
    if isinstance(value, str) and _DIGITS.fullmatch(value.strip()):
        value = int(value)
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 0 < value < 2**63 else None


def register(connection: sqlite3.Connection, site: Site) -> None:
    """Give the connection `face_similarity(face_a, face_b)` and `nearest_faces(face_id, k)`.

    Both take ids and answer NULL where an id is no active face with a vector: SQLite shows the
    text of no error that a Python function raises, so NULL says more.
    """

    def face_similarity(face_a: object, face_b: object) -> float | None:
        a, b = row_id(face_a), row_id(face_b)
        if a is None or b is None:
            return None
        try:
            return site.vectors.similarity(a, b)
        except (CatalogError, sqlite3.Error):
            logger.exception("face_similarity(%s, %s)", a, b)
            return None

    def nearest_faces(face_id: object, k: object) -> str | None:
        wanted, count = row_id(face_id), row_id(k)
        if wanted is None or count is None:
            return None
        try:
            found = site.vectors.nearest(wanted, count)
        except (CatalogError, sqlite3.Error):
            logger.exception("nearest_faces(%s, %s)", wanted, count)
            return None
        if found is None:
            return None
        return json.dumps(
            [{"face_id": face.face_id, "similarity": face.similarity} for face in found]
        )

    connection.create_function("face_similarity", 2, face_similarity)
    connection.create_function("nearest_faces", 2, nearest_faces)
