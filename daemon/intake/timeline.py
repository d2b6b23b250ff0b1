"""The times of a video's pictures where its clock jumps: recordings that were joined without their
times being written anew, and files whose times are damaged.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

# Pictures farther apart do not tell the time any more; a camera that takes two an hour does.
LONGEST_GAP_S: Final = 3600.0
# Another recording begins where a picture is so much earlier than the one before it. Less than that
# is an order that a file got wrong.
STEP_BACK_S: Final = 1.0
_USUAL_FPS: Final = 25.0
_LEAST_FPS, _MOST_FPS = 0.1, 1000.0


def usual_s(fps: float) -> float:
    """How long a picture is shown where nothing says how long; no rate that cannot be is
    believed.
    """
    return 1 / (fps if _LEAST_FPS <= fps <= _MOST_FPS else _USUAL_FPS)


@dataclass(slots=True, kw_only=True)
class Timeline:
    """Times one after the other, in seconds. After a jump they go on where they were; `jumps`
    counts these.
    """

    usual_s: float
    jumps: int = 0
    _raw_s: float | None = None
    _offset_s: float = 0.0

    def of(self, raw_s: float) -> float:
        """The time of the next picture, which the file says is shown at `raw_s`."""
        if self._raw_s is not None:
            step_s = raw_s - self._raw_s
            if step_s > LONGEST_GAP_S or step_s <= -STEP_BACK_S:
                self._offset_s += self.usual_s - step_s
                self.jumps += 1
        self._raw_s = raw_s
        return raw_s + self._offset_s
