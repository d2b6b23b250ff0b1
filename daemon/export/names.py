"""Names of exported folders and files that any file system takes. Pure."""

from __future__ import annotations

import unicodedata
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from catalog.people import folded

if TYPE_CHECKING:
    from collections.abc import Iterable

    from catalog.exports import Likeness

# Of the 143 bytes that the narrowest file systems in use (eCryptfs) give a name; the rest is for
# numbers, dates and what a file is called while it is written.
FOLDER_BYTES = 110
STEM_BYTES = 70
FORBIDDEN = frozenset('/\\:*?"<>|')
# Device names of Windows, which it takes for the device whatever the ending.
RESERVED = frozenset(
    {"CON", "PRN", "AUX", "NUL"} | {f"{it}{n}" for it in ("COM", "LPT") for n in "123456789¹²³"}
)
# Zero-width joiners make letters and signs of some scripts; what else is invisible only deceives.
JOINERS = frozenset("\u200c\u200d")
INVISIBLE = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})


def safe(text: str, most_bytes: int) -> str:
    """The text as a name: one that Linux, macOS, Windows and their file systems take, at most so
    long in UTF-8, in composed characters. Empty where nothing is left.
    """
    plain = "".join(map(_safe_character, unicodedata.normalize("NFC", text)))
    short = plain.strip().encode()[:most_bytes].decode(errors="ignore").rstrip(" .")
    if short.startswith("."):  # hidden files, and `..`
        short = "_" + short[1:]
    if short.split(".")[0].rstrip().upper() in RESERVED:
        short = "_" + short
    return short


def _safe_character(character: str) -> str:
    if character in JOINERS:
        return character
    if character in FORBIDDEN or unicodedata.category(character) in INVISIBLE:
        return "_"
    return character


def key(name: str) -> str:
    """What two names have in common that some file system takes for one."""
    visible = "".join(it for it in name if it not in JOINERS)
    return folded(visible.upper())


def folders(
    people: Iterable[tuple[int, str | None]], *, besides: Iterable[str] = ()
) -> dict[int, str]:
    """A folder for each of these people (number and name): the name or "person 12", with the
    number behind it where somebody before has the folder, or a file is called so that lies
    `besides`.
    """
    found: dict[int, str] = {}
    taken = {key(it) for it in besides}
    for person_id, name in people:
        folder = (safe(name, FOLDER_BYTES) if name is not None else "") or f"person {person_id}"
        while key(folder) in taken:
            folder += f" ({person_id})"
        taken.add(key(folder))
        found[person_id] = folder
    return found


def crop_name(face: Likeness, rank: int, digits: int, path: str | None) -> str:
    """What the picture of a face is called: its rank, the photo or video that it is of, when
    that was or how far into it, and the number of the face.
    """
    stem = safe(PurePosixPath(path).stem, STEM_BYTES) if path is not None else ""
    time = None if face.taken is None else face.taken[:19].replace("T", " ")
    if face.time_s is not None:
        time = clock_text(face.time_s)
    words = (
        f"{rank:0{digits}}",
        stem or f"media {face.media_id}",
        "" if time is None else time.replace(":", "."),
        f"face {face.face_id}.jpg",
    )
    return " ".join(word for word in words if word)


def clock_text(seconds: float) -> str:
    """So many seconds into a video as hh:mm:ss.mmm."""
    minutes, ms = divmod(round(seconds * 1000), 60_000)
    return f"{minutes // 60:02}:{minutes % 60:02}:{ms // 1000:02}.{ms % 1000:03}"
