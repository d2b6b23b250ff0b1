"""Frames with a high dynamic range as ordinary pictures. Pure."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from daemon.faces.values import Picture

# ITU-T H.273, transfer characteristics.
PQ: Final = 16
HLG: Final = 18
# ITU-R BT.2408: the luminance of a white sheet in a picture with a high dynamic range.
_WHITE_NITS: Final = 203.0
_PQ_NITS: Final = 10_000.0
_HLG_NITS: Final = 1000.0
# ITU-R BT.2087: from the wide primaries to those of ordinary screens, of linear light.
_TO_709: Final = np.array(
    [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]],
    np.float32,
)
_LEVELS: Final = 4096


def is_hdr(frame: Any) -> bool:
    """Whether the numbers of a frame mean light in another way than on an ordinary screen."""
    return int(frame.color_trc or 0) in (PQ, HLG)


def toned(frame: Any, width: int, height: int) -> Picture:
    """The frame at this size in 8-bit RGB (height × width × 3): white stays white, and what is
    brighter is pressed together (Reinhard et al., Photographic Tone Reproduction for Digital
    Images, 2002, with the white point of the format).
    """
    deep = frame.to_ndarray(format="rgb48le", width=width, height=height)
    light, most = _light(int(frame.color_trc))
    linear = light[deep >> 4] @ _TO_709.T
    np.clip(linear, 0.0, most, out=linear)
    pressed = linear * (1 + linear / most**2) / (1 + linear)
    encoded = np.clip(pressed * 2, 0.0, 1.0) ** (1 / 2.2)
    picture: Picture = np.asarray(255 * encoded + 0.5, np.uint8)
    return picture


@lru_cache(maxsize=2)
def _light(transfer: int) -> tuple[NDArray[np.float32], float]:
    """Linear light of each twelve-bit level, 1 for white, and the most there is."""
    signal = np.linspace(0.0, 1.0, _LEVELS)
    if transfer == PQ:  # SMPTE ST 2084
        m1, m2, c1, c2, c3 = 0.1593017578125, 78.84375, 0.8359375, 18.8515625, 18.6875
        power = signal ** (1 / m2)
        nits = _PQ_NITS * (np.maximum(power - c1, 0) / (c2 - c3 * power)) ** (1 / m1)
    else:  # ARIB STD-B67
        a, b, c = 0.17883277, 0.28466892, 0.55991073
        scene = np.where(signal <= 0.5, signal**2 / 3, (np.exp((signal - c) / a) + b) / 12)
        nits = _HLG_NITS * scene**1.2
    table = (nits / _WHITE_NITS).astype(np.float32)
    return table, float(table.max())
