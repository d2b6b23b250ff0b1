"""Where one scene ends and the next begins: cuts, and fades to a blank screen. Pure."""

from __future__ import annotations

from collections import deque
from itertools import chain, pairwise
from statistics import median
from typing import TYPE_CHECKING, Final, TypeVar

from daemon.video.glimpse import Glimpse, change, unexplained

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

T = TypeVar("T")

# A cut changes the picture at once, and much more than what is around it: of the cuts of the made
# videos the least changes it by 35 grey levels, of other neighbours the most by 2.
_LEAST: Final = 8.0
_STANDS_OUT: Final = 2.5
# ... and what follows is not what was there before, moved or lit otherwise: at least so much of the
# change stays. Of 38 cuts the least leaves 0.32, of jerks of the camera and fades the most 0.11.
_UNEXPLAINED: Final = 0.2
# Before and after a flash the picture is the same.
_FLASH: Final = 0.5
# Grey levels that hardly vary: a blank screen, black or white, with the noise of the codec.
_BLANK_SPREAD: Final = 4.0
_BEFORE, _AFTER = 3, 2


def is_blank(glimpse: Glimpse) -> bool:
    """Whether nothing is to be seen in it."""
    return glimpse.spread < _BLANK_SPREAD


def scenes(frames: Iterable[tuple[T, Glimpse]]) -> Iterator[tuple[T, Glimpse, bool]]:
    """Each frame with whether a scene begins with it; the first one says no.

    It is told with two frames' delay, because a cut stands out from what follows too. The idea of a
    change that stands out from its neighbours is PySceneDetect's AdaptiveDetector; that motion may
    explain it is ours.
    """
    earlier: deque[Glimpse] = deque(maxlen=_BEFORE + 1)
    coming: deque[tuple[T, Glimpse] | None] = deque()
    for item in chain(frames, [None] * _AFTER):
        coming.append(item)
        if len(coming) <= _AFTER:
            continue
        now = coming.popleft()
        if now is None:
            return
        later = [it[1] for it in coming if it is not None]
        yield (*now, bool(earlier) and _begins(list(earlier), now[1], later))
        earlier.append(now[1])


def _begins(earlier: list[Glimpse], now: Glimpse, later: list[Glimpse]) -> bool:
    before = earlier[-1]
    if is_blank(before) != is_blank(now):
        return True
    changed = change(before, now)
    if changed < _LEAST:
        return False
    back = [change(before, it) for it in later] + [change(it, now) for it in earlier[:-1]]
    if back and min(back) < _FLASH * changed:
        return False
    left = unexplained(before, now)
    if left < _UNEXPLAINED * changed:
        return False
    around = [_unlike(a, b) for a, b in (*pairwise(earlier), *pairwise([now, *later]))]
    return not around or left >= _STANDS_OUT * median(around)


def _unlike(before: Glimpse, after: Glimpse) -> float:
    """What of a change motion does not explain; a small one is not looked into."""
    changed = change(before, after)
    return changed if changed < _LEAST / _STANDS_OUT else min(changed, unexplained(before, after))
