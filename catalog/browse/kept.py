"""What was computed of all vectors, kept for those who ask next."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from catalog.vectors import Snapshot

_KEPT_S: Final = 30.0


class Kept:
    """What was computed of the vectors, for those who ask next. While faces come by the second it
    stays for a while all the same.
    """

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._found: dict[str, tuple[tuple[Any, ...], float, dict[str, Any]]] = {}

    def get(
        self, name: str, snapshot: Snapshot, compute: Callable[[], dict[str, Any]]
    ) -> dict[str, Any]:
        """What is kept under a name, or what is computed now."""
        mark = snapshot.embedder_id, snapshot.last_rowid, len(snapshot.face_ids)
        with self._guard:
            known = self._found.get(name)
            if known is not None and (known[0] == mark or time.monotonic() < known[1]):
                return known[2]
            found = compute()
            self._found[name] = mark, time.monotonic() + _KEPT_S, found
            return found
