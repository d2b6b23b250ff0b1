"""The identity of a file's content, and every way in which reading it can fail."""

from __future__ import annotations

import errno
import hashlib
import os
import threading
from typing import TYPE_CHECKING

import pytest

from daemon.errors import BadFile, TryLater
from daemon.intake import hashing
from daemon.intake.hashing import Cancelled, Changed, FileStat, hash_file

if TYPE_CHECKING:
    from pathlib import Path


def stat_of(path: Path) -> FileStat:
    return FileStat.of(path.stat())


def hashed(path: Path, expected: FileStat | None = None) -> str:
    return hash_file(os.fsencode(path), expected=expected or stat_of(path), stop=threading.Event())


def test_a_real_photograph_has_the_digest_that_hashlib_gives(test_data: Path) -> None:
    photo = next(path for path in sorted((test_data / "photos").rglob("*.jpg")))
    assert hashed(photo) == hashlib.sha256(photo.read_bytes()).hexdigest()


@pytest.mark.parametrize("size", [0, 1, hashing.CHUNK_BYTES, hashing.CHUNK_BYTES * 3 + 7])
def test_any_size_is_read_to_its_end(tmp_path: Path, size: int) -> None:
    path = tmp_path / "file"
    path.write_bytes(os.urandom(size))
    assert hashed(path) == hashlib.sha256(path.read_bytes()).hexdigest()


def test_reading_leaves_the_time_of_change_and_the_content_alone(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"original")
    path.chmod(0o400)
    before = path.stat()
    hashed(path)
    assert path.stat().st_mtime_ns == before.st_mtime_ns
    assert path.stat().st_ctime_ns == before.st_ctime_ns


def test_a_file_other_than_expected_has_to_settle_again(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"one")
    expected = stat_of(path)
    path.write_bytes(b"three")
    with pytest.raises(Changed):
        hashed(path, expected)


class ChangingDigest:
    """Stands in for SHA-256 and does something to the file after the first chunk."""

    def __init__(self, action: object) -> None:
        self._action = action

    def update(self, _chunk: memoryview) -> None:
        self._action()  # type: ignore[operator]

    def hexdigest(self) -> str:
        return "0" * 64


@pytest.mark.parametrize("how", ["grown", "replaced", "removed"])
def test_a_file_changed_while_it_is_read_has_to_settle_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    path, other = tmp_path / "file", tmp_path / "other"
    path.write_bytes(b"content")
    other.write_bytes(b"content")
    actions = {
        "grown": lambda: path.write_bytes(b"more content"),
        "replaced": lambda: other.rename(path),
        "removed": lambda: path.unlink(),
    }
    monkeypatch.setattr(hashing.hashlib, "sha256", lambda: ChangingDigest(actions[how]))
    with pytest.raises(Changed):
        hashed(path)


def test_a_stop_ends_the_reading_of_a_large_file_at_the_next_chunk(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(bytes(hashing.CHUNK_BYTES * 2))
    stop = threading.Event()
    stop.set()
    with pytest.raises(Cancelled):
        hash_file(os.fsencode(path), expected=stat_of(path), stop=stop)


def test_a_named_pipe_in_the_place_of_the_file_does_not_hang_the_daemon(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    with pytest.raises(Changed):
        hashed(path)


def test_a_vanished_file_goes_back_to_settle_where_it_is_dropped(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x")
    expected = stat_of(path)
    path.unlink()
    with pytest.raises(Changed):
        hashed(path, expected)


@pytest.mark.parametrize(
    ("number", "later", "words"),
    [
        pytest.param(errno.EACCES, False, "not readable by this user", id="permission"),
        pytest.param(errno.EIO, True, "I/O error", id="disk"),
        pytest.param(errno.ESTALE, True, "stale", id="network"),
        pytest.param(errno.EMFILE, True, "Too many open files", id="other"),
    ],
)
def test_an_error_of_the_disk_becomes_a_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, later: bool, words: str
) -> None:
    def refuse(*_args: object, **_options: object) -> int:
        raise OSError(number, os.strerror(number))

    path = tmp_path / "file"
    path.write_bytes(b"x")
    expected = stat_of(path)
    monkeypatch.setattr(hashing.os, "open", refuse)
    with pytest.raises(BadFile, match=words) as caught:
        hashed(path, expected)
    assert isinstance(caught.value, TryLater) is later


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every file")
def test_a_file_without_read_permission_is_a_bad_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x")
    path.chmod(0)
    with pytest.raises(BadFile, match="not readable by this user"):
        hashed(path)
