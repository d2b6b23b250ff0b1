"""What was computed of all vectors, kept for those who ask next."""

from __future__ import annotations

import threading
import time
import weakref
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from catalog.vectors import Snapshot

# Where faces come by the second, computing takes at most a fiftieth of one core.
_SPARED: Final = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class _Computed:
    of: weakref.ref[Snapshot]
    """The vectors it was computed of; not kept alive, they are large."""
    mark: tuple[int | None, int]
    until: float
    """On the monotonic clock."""
    found: dict[str, Any]

    def holds(self, snapshot: Snapshot) -> bool:
        if self.of() is snapshot:  # nothing at all has changed in the catalog
            return True
        return time.monotonic() < self.until and self.mark == _mark(snapshot)


class Kept:
    """What was computed of the vectors, for those who ask next. While faces come by the second it
    stays for a while all the same, longer where computing takes long; a face that is hidden or
    shown again is seen at once.
    """

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._computed: dict[str, _Computed] = {}

    def get(
        self, name: str, snapshot: Snapshot, compute: Callable[[], dict[str, Any]]
    ) -> dict[str, Any]:
        """What is kept under a name, or what is computed now."""
        with self._guard:
            known = self._computed.get(name)
            if known is not None and known.holds(snapshot):
                return known.found
            began = time.monotonic()
            found = compute()
            ended = time.monotonic()
            self._computed[name] = _Computed(
                of=weakref.ref(snapshot),
                mark=_mark(snapshot),
                until=ended + _SPARED * (ended - began),
                found=found,
            )
            return found


def _mark(snapshot: Snapshot) -> tuple[int | None, int]:
    """The embedder, and which faces do not count."""
    return snapshot.embedder_id, zlib.crc32(snapshot.face_ids[snapshot.excluded].tobytes())
