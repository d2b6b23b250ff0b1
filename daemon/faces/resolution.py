"""How large a photograph is decoded and seen: small at first, larger where its faces profit. Pure.

Decoding is the largest part of the work, and a JPEG decoded at half or a quarter of its size costs
a fraction of the whole. Most faces of a photograph are large enough there; for those that are not,
it is decoded once more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from catalog.records import MediaFacts
    from daemon.faces.values import Detection
    from daemon.intake.frames import Frame
    from daemon.settings import Detect

# A face's width from which more pixels tell nothing more. Of all pairs of Labeled Faces in the Wild
# those of one person found at one false match in a thousand, with faces 94, 75, 56, 42, 30 and 21
# pixels wide: 93.6, 93.2, 93.0, 90.3, 85.6 and 57.1 % (Dlib, mirrored mean, the stored crop; sd
# 0.8 %; `benchmarks.crops`).
ENOUGH_PX: Final = 80.0
# A face nearly as wide gains too little to decode the picture once more.
_WORTH_IT: Final = 0.8
# Of the longest side at which a picture is first looked at: as little more as makes faces enough.
_FIRST: Final = 1.4
# The 4,032 pixels of many phones are seen whole where faces are small. Decoding in halves ends
# below twice this, so a picture in memory stays below 150 MB.
_MOST_PX: Final = 4096
_LED: Final = "yunet"  # the detector that looks small first; others see a picture once, at `size`
_SHRINKS: Final = "image/jpeg"  # what can be decoded small; the rest is decoded whole anyway

# A picture is first seen at this share of its full size where that is more than `first_size`, up
# to a limit. Of lonely faces 40, 48 and 64 px wide in photographs of 12 megapixels a look at 640 px
# finds 42, 53 and 92 %, this one 64, 75 and 100 %; photographs without faces take a seventh longer.
_SHARE, _MOST_FIRST_PX = 1 / 5, 1000
_PADDED_PX = 32  # what a look is filled up to anyway
_LONG = 2.0  # from which ratio of its sides a picture is seen by its shorter one
_MOST_LONGER = (
    8.0  # times that: a strip of 60,000 pixels would take 460 MB and seconds for one look
)


def usual_side_px(section: Detect, detector: str) -> int:
    """The longest side, at least, of what is decoded of a JPEG of usual size and shape."""
    if detector != _LED:
        return section.wanted_side_px
    return round(_FIRST * min(section.first_size, section.size))


def first_side_px(section: Detect, detector: str, facts: MediaFacts) -> int:
    """The longest side, at least, of what is decoded of a photograph for the first look."""
    height, width = facts.height or 1, facts.width or 1
    if detector == _LED and facts.mime == _SHRINKS:
        return max(usual_side_px(section, detector), first_px(section, height, width))
    every_look = longest_px(height, width, section.wanted_side_px)
    return every_look if facts.mime == _SHRINKS else max(_MOST_PX // 2, every_look)


def finer_side_px(faces: Sequence[Detection], frame: Frame) -> int | None:
    """The longest side at which the narrowest face found in the frame is wide enough, None where
    the frame shows what there is, or enough of every face.
    """
    longest = max(frame.picture.shape[:2])
    narrowest = min((face.w for face in faces), default=ENOUGH_PX)
    if frame.scale <= 1 or narrowest >= _WORTH_IT * ENOUGH_PX or longest >= _MOST_PX // 2:
        return None
    wanted: float = longest * min(frame.scale, ENOUGH_PX / max(1.0, narrowest))
    return min(round(wanted), _MOST_PX)


def first_px(section: Detect, height: int, width: int, *, scale: float = 1.0) -> int:
    """The longest side at which a picture of so many pixels is first seen; `scale` is one of
    `looks.look`'s.
    """
    share = int(min(_SHARE * scale * max(height, width), _MOST_FIRST_PX))
    size = max(section.first_size, share - share % _PADDED_PX)
    return longest_px(height, width, min(size, section.size))


def longest_px(height: int, width: int, size: int) -> int:
    """The longest side at which a picture is seen: `size`, more for those longer than 2:1, whose
    shorter side would vanish.
    """
    ratio = max(height, width) / max(1, min(height, width))
    return round(size * min(max(1.0, ratio / _LONG), _MOST_LONGER))
