"""Frames of real files: every codec, exact times, jumps, damage."""

from __future__ import annotations

import itertools
import math
import struct
from typing import TYPE_CHECKING

import av
import numpy as np
import pytest

from daemon.errors import BadFile
from daemon.video import reader
from daemon.video.tone import toned
from tests import films

if TYPE_CHECKING:
    from pathlib import Path

FOREVER = 1e9


def times(path: Path, start_s: float = 0.0, end_s: float = FOREVER) -> list[float]:
    with reader.opened(bytes(path)) as film:
        return [it.time_s for it in film.frames(start_s, end_s)]


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("a.mp4", "libx264"),
        ("a.mov", "libx264"),
        ("a.mkv", "libx265"),
        ("a.webm", "libvpx-vp9"),
        ("a.mkv", "libsvtav1"),
        ("a.avi", "mpeg4"),
        ("a.3gp", "mpeg4"),
        ("a.mov", "mjpeg"),
        ("a.mts", "libx264"),
        ("a.flv", "flv1"),
        ("a.wmv", "wmv2"),
        ("a.ogv", "libvpx"),
    ],
)
def test_every_container_and_codec(tmp_path: Path, name: str, codec: str) -> None:
    pixels = "yuvj420p" if codec == "mjpeg" else "yuv420p"
    path = films.write(
        tmp_path / name, films.numbered(15, width=192, height=128), fps=10, codec=codec,
        pixels=pixels,
    )  # fmt: skip
    found = times(path)
    assert found == pytest.approx([it / 10 for it in range(15)], abs=0.002)


def test_uneven_times_are_exact(tmp_path: Path) -> None:
    at = [0.0, 0.04, 0.3, 0.31, 1.0, 1.9, 2.0]
    path = films.write(tmp_path / "a.mkv", films.numbered(7), fps=10, times=at)
    assert times(path) == pytest.approx(at, abs=0.001)


def test_a_start_that_is_not_zero_counts_from_the_first_frame(tmp_path: Path) -> None:
    at = [5.0 + it / 10 for it in range(20)]
    path = films.write(tmp_path / "a.ts", films.numbered(20), fps=10, times=at)
    found = times(path)
    assert found[0] == pytest.approx(0.0, abs=0.01)
    assert found[-1] == pytest.approx(1.9, abs=0.01)


@pytest.mark.parametrize("start_s", [0.0, 0.5, 1.37, 3.0, 5.9])
@pytest.mark.parametrize("name", ["a.mp4", "a.webm", "a.ts"])
def test_from_the_middle_come_the_frames_of_the_whole(
    tmp_path: Path, name: str, start_s: float
) -> None:
    codec = {"a.webm": "libvpx-vp9"}.get(name, "libx264")
    path = films.write(tmp_path / name, films.numbered(60), fps=10, codec=codec, gop=25)
    with reader.opened(bytes(path)) as film:
        whole = {round(it.time_s, 3): it.luma().copy() for it in film.frames(0.0, FOREVER)}
        part = {round(it.time_s, 3): it.luma().copy() for it in film.frames(start_s, start_s + 1.0)}
    wanted = [it for it in whole if start_s <= it < start_s + 1.0]
    assert list(part) == wanted and wanted
    for it in wanted:
        np.testing.assert_array_equal(part[it], whole[it])


def test_of_a_dense_video_what_nobody_needs_is_left_out_and_no_hole_is_made(tmp_path: Path) -> None:
    frames = films.numbered(100)
    dense = films.write(tmp_path / "a.mp4", frames, fps=50, options={"bf": "3"})
    found = times(dense)
    assert 30 <= len(found) <= 90
    gaps = [b - a for a, b in itertools.pairwise(found)]
    assert max(gaps) <= 0.2
    sparse = films.write(tmp_path / "b.mp4", frames, fps=10, options={"bf": "3"})
    assert len(times(sparse)) == 100


def test_pictures_are_upright_and_of_the_size_asked_for(tmp_path: Path) -> None:
    picture = np.zeros((64, 96, 3), np.uint8)
    picture[:, :48] = (250, 20, 20)
    path = films.write(tmp_path / "a.mp4", [picture] * 5)
    turned = turned_by(path, 90)
    with reader.opened(bytes(turned)) as film:
        shown = next(film.frames(0.0, FOREVER))
        seen, scale = shown.picture(1000)
        small, times_smaller = shown.picture(48)
    # The camera was held so that the left of what is stored is the top of what was seen.
    assert seen.shape == (96, 64, 3) and scale == 1
    assert seen[10, 32, 0] > 200 and seen[80, 32, 0] < 60
    assert small.shape == (48, 32, 3) and times_smaller == 2


def turned_by(path: Path, degrees: int) -> Path:
    """The same file with the matrix in its track header turned clockwise."""
    a, b = {90: (0, 1), 180: (-1, 0), 270: (0, -1)}[degrees]
    data = path.read_bytes()
    at = data.index(b"tkhd") + 4
    version = data[at]
    matrix = at + (40 if version == 0 else 52)
    one = 0x10000
    fresh = struct.pack(">9i", a * one, b * one, 0, -b * one, a * one, 0, 0, 0, 0x40000000)
    turned = path.with_name(f"turned-{path.name}")
    turned.write_bytes(data[:matrix] + fresh + data[matrix + 36 :])
    return turned


class TestDamage:
    def test_what_is_before_and_after_a_hole_is_read(self, tmp_path: Path) -> None:
        path = films.write(
            tmp_path / "a.mkv", films.numbered(100, width=320, height=240), fps=10, gop=10
        )
        data = bytearray(path.read_bytes())
        middle = len(data) // 2
        data[middle - 400 : middle + 400] = bytes(800)
        path.write_bytes(data)
        found = times(path)
        assert 60 <= len(found) < 100 or len(found) == 100
        assert found[0] == 0 and found[-1] > 9

    def test_a_file_that_is_cut_off_ends_early(self, tmp_path: Path) -> None:
        path = films.write(tmp_path / "a.mkv", films.numbered(100), fps=10, gop=10)
        data = path.read_bytes()
        path.write_bytes(data[: len(data) * 6 // 10])
        assert 3 < times(path)[-1] < 9

    @pytest.mark.parametrize(("name", "codec"), [("a.mts", "libx264"), ("a.vob", "mpeg2video")])
    def test_after_a_jump_back_of_the_clock_the_rest_is_read(
        self, tmp_path: Path, name: str, codec: str
    ) -> None:
        """Recordings that were joined byte by byte."""
        shots = [
            films.write(
                tmp_path / f"{length}{name}", films.numbered(length), fps=25, gop=1, codec=codec
            )
            for length in (100, 60)
        ]
        joined = tmp_path / name
        joined.write_bytes(b"".join(it.read_bytes() for it in shots))
        found = times(joined, end_s=math.inf)
        assert len(found) == 160 and found == sorted(found)
        assert found[-1] == pytest.approx(159 / 25, abs=0.1)

    def test_after_a_jump_forward_of_the_clock_it_goes_on(self, tmp_path: Path) -> None:
        at = [it / 25 for it in range(50)]
        path = films.write(tmp_path / "a.mkv", films.numbered(51), times=[*at, 1_000_000.0], gop=1)
        found = times(path, end_s=math.inf)
        assert len(found) == 51 and found[-1] == pytest.approx(2.0, abs=0.05)

    def test_where_nothing_can_be_decoded_it_is_a_bad_file_also_if_dense(
        self, tmp_path: Path
    ) -> None:
        path = films.write(tmp_path / "a.mkv", films.numbered(60), fps=25)
        content = bytearray(path.read_bytes())
        with av.open(str(path)) as container:
            packets = [bytes(it) for it in container.demux(video=0) if it.size]
        for it in packets:  # the heads of the units, so that the decoder finds none
            at = content.find(it)
            content[at : at + len(it)] = bytes(len(it))
        path.write_bytes(content)
        with pytest.raises(BadFile, match="not one frame"):
            times(path)

    def test_a_long_and_narrow_frame_keeps_its_pixels(self, tmp_path: Path) -> None:
        path = films.write(tmp_path / "a.mkv", films.numbered(2, width=8000, height=240))
        with reader.opened(bytes(path)) as film:
            picture, scale = next(iter(film.frames(0, FOREVER))).picture(1920)
        assert scale == 1.0 and picture.shape == (240, 8000, 3)

    def test_beyond_the_end_is_nothing(self, tmp_path: Path) -> None:
        path = films.write(tmp_path / "a.mp4", films.numbered(20), fps=10)
        assert times(path, 60.0, 120.0) == []

    def test_packets_of_noise_are_a_bad_file(self, tmp_path: Path) -> None:
        path = films.write(
            tmp_path / "a.mp4", films.numbered(20, width=320, height=240), fps=10, gop=5
        )
        data = bytearray(path.read_bytes())
        at = data.index(b"mdat") + 4
        end = data.index(b"moov", at) - 4
        data[at:end] = np.random.default_rng(0).bytes(end - at)
        path.write_bytes(data)
        with pytest.raises(BadFile, match="damaged"):
            times(path)

    @pytest.mark.parametrize("content", [b"", b"no video", b"\x00" * 5000])
    def test_what_is_no_video_is_a_bad_file(self, tmp_path: Path, content: bytes) -> None:
        path = tmp_path / "a.mp4"
        path.write_bytes(content)
        with pytest.raises(BadFile):
            times(path)


class TestTone:
    @pytest.mark.parametrize(("transfer", "pixels"), [("smpte2084", 16), ("arib-std-b67", 18)])
    def test_a_high_dynamic_range_becomes_an_ordinary_picture(
        self, tmp_path: Path, transfer: str, pixels: int
    ) -> None:
        ramp = np.repeat(np.linspace(0, 255, 256, dtype=np.uint8)[None, :, None], 64, axis=0)
        path = films.write(
            tmp_path / "a.mp4",
            [np.repeat(ramp, 3, axis=2)] * 3,
            codec="libx265",
            pixels="yuv420p10le",
            options={"x265-params": f"colorprim=bt2020:transfer={transfer}:colormatrix=bt2020nc"},
        )
        with reader.opened(bytes(path)) as film:
            shown = next(film.frames(0.0, FOREVER))
            assert int(shown.frame.color_trc) == pixels
            picture, _ = shown.picture(1000)
            direct = toned(shown.frame, 128, 32)
        row = picture[32, :, 1].astype(int)
        assert (np.diff(row) >= -3).all() and row[0] < 12 and row[-1] > 235
        assert direct.shape == (32, 128, 3)
        # Faces lie in the middle of what there is, not in the dark.
        assert 60 < row[128] < 220


def test_grey_and_deep_formats_have_a_luma(tmp_path: Path) -> None:
    for pixels, codec in (("yuv420p10le", "libx265"), ("yuv444p", "libx264")):
        path = films.write(
            tmp_path / f"{pixels}.mkv", films.numbered(3), codec=codec, pixels=pixels
        )
        with reader.opened(bytes(path)) as film:
            luma = next(film.frames(0.0, FOREVER)).luma()
        assert luma.shape == (64, 96) and luma.dtype == np.uint8
        assert 20 < int(np.median(luma)) < 80


def test_without_a_card_hardware_decoding_falls_back(tmp_path: Path) -> None:
    path = films.write(tmp_path / "a.mp4", films.numbered(10), fps=10)
    with reader.opened(bytes(path), hardware=True) as film:
        assert len(list(film.frames(0.0, FOREVER))) == 10
