"""Which frames are looked at, and why. Pure but for the frames themselves.

The first of a scene; where something moves, one after each interval; where nothing does, one after
the longest. Of the frames around the moment the sharpest is taken. What is dark or blank is passed
over. Every frame that is not looked at is counted, by reason.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Generic, Protocol, TypeVar

from daemon.video.cuts import is_blank
from daemon.video.glimpse import change, local_change, motion, sharpness, unexplained

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import numpy as np
    from numpy.typing import NDArray

    from daemon.settings import Video
    from daemon.video.glimpse import Glimpse

SCENE, MOTION, CHANGE, CEILING = "scene", "motion", "change", "ceiling"
BETWEEN, STILL, DARK, BLANK, BLURRED = "between", "still", "dark", "blank", "blurred"

# So far from the moment a sharper frame is looked for.
_NEAR_S: Final = 0.08
# The mean grey level of a place changes by some hundredths where the light flickers.
_CHANGED: Final = 5.0
# Grey levels of change that no movement explains: all of the picture is another.
_UNLIKE: Final = 8.0
# What moved farther than this share of the picture since the last look is looked at twice as often.
_FAST: Final = 0.1


class Lookable(Protocol):
    """A decoded frame."""

    @property
    def time_s(self) -> float: ...
    def luma(self) -> NDArray[np.uint8]:
        """The frame in grey."""
        ...


L = TypeVar("L", bound=Lookable)


@dataclass(frozen=True, kw_only=True, eq=False)
class Kept(Generic[L]):
    """A frame to look at. `scene` counts the scenes of the span from 0; `motion` is how far the
    faster tenth of the picture moved since the last look, in shares of its longest side.
    """

    shown: L
    glimpse: Glimpse
    because: str
    motion: float
    scene: int


@dataclass(kw_only=True, eq=False)
class Keeper(Generic[L]):
    """Chooses frames. `skipped` counts the others by reason, `scenes` holds where each scene begins
    and `last_s` is the time of the last frame that came.
    """

    section: Video
    skipped: Counter[str] = field(default_factory=Counter)
    scenes: list[float] = field(default_factory=list)
    last_s: float = 0.0
    _near: list[tuple[L, Glimpse]] = field(default_factory=list)
    _last: Kept[L] | None = None
    _due_s: float = 0.0

    def chosen(self, frames: Iterable[tuple[L, Glimpse, bool]]) -> Iterator[Kept[L]]:
        """The frames of a span to look at, in order."""
        for shown, glimpse, begins in frames:
            if begins or not self.scenes:
                yield from self._best()
                self.scenes.append(shown.time_s)
                self._last, self._due_s = None, shown.time_s + _NEAR_S
            self.last_s = shown.time_s
            if self._near and shown.time_s > self._due_s + _NEAR_S:
                yield from self._best()
            reason = self._passed_over(shown, glimpse)
            if reason is None:
                self._near.append((shown, glimpse))
            else:
                self.skipped[reason] += 1
        yield from self._best()

    def _passed_over(self, shown: L, glimpse: Glimpse) -> str | None:
        if glimpse.brightest < self.section.dark:
            return DARK
        if is_blank(glimpse):
            return BLANK
        return BETWEEN if shown.time_s < self._due_s - _NEAR_S else None

    def _best(self) -> Iterator[Kept[L]]:
        """The sharpest of the frames that are near the moment, where a look is worth it."""
        if not self._near:
            return
        near, self._near = self._near, []
        sharp = [sharpness(it.luma()) for it, _ in near] if near[1:] else [0.0]
        place = sharp.index(max(sharp))
        shown, glimpse = near[place]
        self.skipped[BLURRED] += len(near) - 1
        because, moved = self._why(shown, glimpse)
        if because is None:
            self.skipped[STILL] += 1
            self._due_s = shown.time_s + self.section.interval_s
            return
        kept = Kept(
            shown=shown,
            glimpse=glimpse,
            because=because,
            motion=moved,
            scene=len(self.scenes) - 1,
        )
        often = moved > _FAST or self._is_unlike(glimpse)
        self._due_s = shown.time_s + (
            self.section.min_interval_s if often else self.section.interval_s
        )
        self._last = kept
        yield kept

    def _is_unlike(self, glimpse: Glimpse) -> bool:
        """Whether so much changed that it cannot be told how far it moved."""
        last = self._last
        return (
            last is not None
            and change(last.glimpse, glimpse) > _UNLIKE
            and unexplained(last.glimpse, glimpse) > _UNLIKE
        )

    def _why(self, shown: L, glimpse: Glimpse) -> tuple[str | None, float]:
        last = self._last
        if last is None:
            return SCENE, 0.0
        moved = motion(last.glimpse, glimpse)
        if moved >= self.section.still:
            return MOTION, moved
        if local_change(last.glimpse, glimpse) >= _CHANGED * self.section.still:
            return CHANGE, moved
        waited_s = shown.time_s - last.shown.time_s
        return (CEILING if waited_s >= self.section.max_interval_s else None), moved
