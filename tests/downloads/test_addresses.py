"""Addresses in files, and names for what comes from them."""

from __future__ import annotations

import plistlib
from typing import TYPE_CHECKING

import pytest

from daemon.downloads import addresses
from daemon.downloads.naming import numbered, safe_name
from daemon.errors import BadFile

if TYPE_CHECKING:
    from pathlib import Path

ONE = "https://example.org/a.mp4"


def read(tmp_path: Path, name: str, data: bytes) -> list[str]:
    path = tmp_path / name
    path.write_bytes(data)
    return list(addresses.read(bytes(path)).found)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.url", b"[InternetShortcut]\r\nURL=https://example.org/a.mp4\r\nIconIndex=0\r\n"),
        ("a.URL", "\ufeff[InternetShortcut]\nURL=https://example.org/a.mp4".encode()),
        ("a.url", "[InternetShortcut]\nURL=https://example.org/a.mp4".encode("utf-16")),
        ("a.urls", b"# mine\n\n  https://example.org/a.mp4  \n"),
        ("a.webloc", plistlib.dumps({"URL": ONE})),
        ("a.webloc", plistlib.dumps({"URL": ONE}, fmt=plistlib.FMT_BINARY)),
    ],
)
def test_every_kind(tmp_path: Path, name: str, data: bytes) -> None:
    assert read(tmp_path, name, data) == [ONE]


def test_many_in_order(tmp_path: Path) -> None:
    lines = [f"http://example.org/{it}" for it in range(100)]
    assert read(tmp_path, "a.urls", "\n".join(lines).encode()) == lines


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("a.url", b"hello", "Internet shortcut"),
        ("a.url", b"[InternetShortcut]\nX=1", "Internet shortcut"),
        ("a.urls", b"# nothing\n", "no address"),
        ("a.urls", b"file:///etc/passwd\n", "http"),
        ("a.urls", b"javascript:alert(1)\n", "http"),
        ("a.urls", b"--exec=rm\n", "http"),
        ("a.urls", b"https://\n", "http"),
        ("a.urls", b"https://a b/\n", "http"),
        ("a.urls", b"https://[::1\n", "http"),
        ("a.urls", b"https://example.org/" + b"x" * 5000, "http"),
        ("a.urls", b"https://example.org/\n" * 1001, "1000"),
        ("a.urls", b"x" * (2 << 20), "too large"),
        ("a.webloc", b"not a plist", "webloc"),
        ("a.webloc", plistlib.dumps({"URL": 5}), "webloc"),
        ("a.webloc", plistlib.dumps([ONE]), "webloc"),
        ("a.webloc", b"<?xml version='1.0'?><!DOCTYPE a [<!ENTITY b 'c'>]><plist/>", "webloc"),
    ],
)
def test_what_is_none_is_refused_with_a_reason(
    tmp_path: Path, name: str, data: bytes, reason: str
) -> None:
    with pytest.raises(BadFile, match=reason) as caught:
        read(tmp_path, name, data)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("title", "wanted"),
    [
        ("Party", "Party [x1].mp4"),
        ("../../etc/passwd", "etc passwd [x1].mp4"),
        (".hidden", "hidden [x1].mp4"),
        ("a\x00b\nc\u202ed", "a b c d [x1].mp4"),
        ("", "video [x1].mp4"),
        ("...", "video [x1].mp4"),
        ("Grüße 🎂", "Grüße 🎂 [x1].mp4"),
        ("trailing. . ", "trailing [x1].mp4"),
        ('what? "a:b"|c', "what a b c [x1].mp4"),
    ],
)
def test_names(title: str, wanted: str) -> None:
    assert safe_name(title, "x1", ".mp4") == wanted


def test_long_names_are_cut_between_letters() -> None:
    name = safe_name("🎂" * 300, "i" * 300, ".mp4")
    assert len(name.encode()) <= 200 and name.endswith("i].mp4") and "🎂" in name
    assert numbered("a [x].mp4", 2) == "a [x] (2).mp4"
    assert safe_name("a", "../b", ".m/p4;") == "a [b].mp4"
