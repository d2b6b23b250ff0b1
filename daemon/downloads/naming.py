"""Names for files that come from elsewhere. Pure."""

from __future__ import annotations

import unicodedata
from typing import Final

# Of 255 that file systems allow, with room for a number behind it.
_MOST_BYTES: Final = 200
_FORBIDDEN: Final = frozenset('/\\:*?"<>|')


def safe_name(title: str, identity: str, suffix: str) -> str:
    """`title [identity].suffix` as every file system takes it: no separators, no control
    characters, nothing hidden, and not too long.
    """
    ending = f" [{_clean(identity)[:64]}]{_suffix(suffix)}"
    head = _clean(title) or "video"
    room = _MOST_BYTES - len(ending.encode())
    return _cut(head, room) + ending


def numbered(name: str, number: int) -> str:
    """The same name, told from others by a number."""
    stem, dot, suffix = name.rpartition(".")
    return f"{stem} ({number}){dot}{suffix}" if dot else f"{name} ({number})"


def _clean(text: str) -> str:
    kept = (
        " " if it in _FORBIDDEN or unicodedata.category(it) in ("Cc", "Cf", "Zl", "Zp") else it
        for it in unicodedata.normalize("NFC", text)
        if unicodedata.category(it) != "Cs"
    )
    return " ".join("".join(kept).split()).lstrip(". ").rstrip(". ")


def _suffix(suffix: str) -> str:
    plain = "".join(it for it in suffix.lower() if it.isascii() and it.isalnum())[:8]
    return f".{plain}" if plain else ""


def _cut(text: str, most_bytes: int) -> str:
    return text.encode()[:most_bytes].decode(errors="ignore").rstrip(". ")
