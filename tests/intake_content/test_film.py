"""What videos say of themselves, and what is true of it."""

from __future__ import annotations

import re
import struct
from typing import TYPE_CHECKING

import av
import numpy as np
import pytest

from daemon.errors import BadFile
from daemon.intake import gps, taken
from daemon.intake.probe import probe
from tests import films

if TYPE_CHECKING:
    from pathlib import Path

    from catalog.records import MediaFacts


def facts(path: Path, *, max_megapixels: float = 100) -> MediaFacts:
    return probe(bytes(path), max_megapixels=max_megapixels)


@pytest.mark.parametrize(
    ("name", "codec", "mime"),
    [
        ("a.mp4", "libx264", "video/mp4"),
        ("a.mov", "libx265", "video/quicktime"),
        ("a.mkv", "libsvtav1", "video/x-matroska"),
        ("a.webm", "libvpx-vp9", "video/webm"),
        ("a.avi", "mpeg4", "video/x-msvideo"),
        ("a.3gp", "mpeg4", "video/3gpp"),
        ("a.mts", "libx264", "video/mp2t"),
    ],
)
def test_size_rate_and_length(tmp_path: Path, name: str, codec: str, mime: str) -> None:
    frames = films.numbered(80, width=192, height=128)
    found = facts(films.write(tmp_path / name, frames, fps=10, codec=codec))
    assert (found.kind, found.mime, found.width, found.height) == ("video", mime, 192, 128)
    assert found.fps == pytest.approx(10, abs=0.1)
    assert found.duration_s == pytest.approx(8.0, abs=0.12)
    assert found.codec in codec or found.codec in ("h264", "hevc", "av1", "vp9")


def test_a_real_clip(test_data: Path) -> None:
    found = facts(test_data / "video" / "short_hamilton_clip.mp4")
    assert found.duration_s is not None and 5 < found.duration_s < 60
    assert found.width and found.height and found.fps


def patched(path: Path, box: bytes, offset: int, value: bytes) -> Path:
    data = bytearray(path.read_bytes())
    at = data.index(box) + 4
    data[at + offset : at + offset + len(value)] = value
    path.write_bytes(data)
    return path


class TestLength:
    @pytest.mark.parametrize("times", [0.1, 100.0])
    def test_a_header_that_lies_is_not_believed(self, tmp_path: Path, times: float) -> None:
        path = films.write(tmp_path / "a.mkv", films.numbered(100), fps=10)
        data = bytearray(path.read_bytes())
        at = data.index(b"\x44\x89\x88") + 3  # Duration, eight bytes
        (said,) = struct.unpack(">d", data[at : at + 8])
        data[at : at + 8] = struct.pack(">d", said * times)
        path.write_bytes(data)
        assert facts(path).duration_s == pytest.approx(10.0, abs=0.15)

    def test_of_a_file_that_was_cut_off_it_is_what_is_there(self, tmp_path: Path) -> None:
        path = films.write(tmp_path / "a.mkv", films.numbered(200), fps=10)
        data = path.read_bytes()
        path.write_bytes(data[: len(data) // 2])
        found = facts(path).duration_s
        assert found is not None and 6 < found < 14

    def test_of_an_mp4_whose_pictures_were_cut_off(self, tmp_path: Path) -> None:
        path = films.write(
            tmp_path / "a.mp4", films.numbered(200), fps=10,
            container={"movflags": "faststart"},
        )  # fmt: skip
        data = path.read_bytes()
        path.write_bytes(data[: data.index(b"mdat") + (len(data) - data.index(b"mdat")) // 2])
        found = facts(path).duration_s
        assert found is not None and 5 < found < 15

    @pytest.mark.parametrize("fraction", [2, 3])
    def test_what_is_missing_is_told(self, tmp_path: Path, fraction: int) -> None:
        path = films.write(
            tmp_path / "a.mp4", films.numbered(200), fps=10,
            container={"movflags": "faststart"},
        )  # fmt: skip
        assert facts(path).note is None
        data = path.read_bytes()
        at = data.index(b"mdat")
        path.write_bytes(data[: at + (len(data) - at) // fraction])
        assert re.fullmatch(
            r"it ends after \d+(\.\d)? s, though it says that it lasts 20 s",
            facts(path).note or "",
        )

    def test_times_that_cannot_be_are_not_believed(self, tmp_path: Path) -> None:
        """One picture that is to be shown after eleven days, and a rate of a picture a year."""
        at = [it / 25 for it in range(75)]
        stray = films.write(tmp_path / "a.mkv", films.numbered(76), times=[*at, 1_000_000.0])
        found = facts(stray)
        assert found.duration_s == pytest.approx(3.0, abs=0.1) and found.in_one_piece
        slow = films.write(tmp_path / "a.avi", films.numbered(75), fps=25, codec="mpeg4")
        data = bytearray(slow.read_bytes())
        data[data.index(b"vids") + 23] ^= 0x40  # of dwScale, its highest byte
        slow.write_bytes(data)
        found = facts(slow)
        assert found.duration_s == pytest.approx(3.0, abs=0.2) and found.in_one_piece

    def test_a_picture_every_half_hour_is_a_long_video(self, tmp_path: Path) -> None:
        at = [1800.0 * it for it in range(60)]
        found = facts(films.write(tmp_path / "a.mkv", films.numbered(60), times=at, gop=1))
        assert found.duration_s == pytest.approx(1800.0 * 59, abs=3700)
        assert not found.in_one_piece

    def test_joined_recordings_are_as_long_as_both(self, tmp_path: Path) -> None:
        parts = [
            films.write(tmp_path / f"{count}.mts", films.numbered(count), fps=25)
            for count in (100, 60)
        ]
        joined = tmp_path / "joined.mts"
        joined.write_bytes(b"".join(it.read_bytes() for it in parts))
        found = facts(joined)
        assert found.duration_s == pytest.approx(6.4, abs=0.1) and found.in_one_piece
        assert not facts(parts[0]).in_one_piece

    def test_the_stream_that_players_show_is_taken(self, tmp_path: Path) -> None:
        path = tmp_path / "two.mkv"
        with av.open(str(path), "w") as output:
            streams = []
            for width in (96, 192):
                stream = output.add_stream("libx264", rate=10)
                stream.width, stream.height, stream.pix_fmt = width, 64, "yuv420p"
                streams.append(stream)
            for stream in streams:
                for picture in films.numbered(10, width=stream.width):
                    output.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
                output.mux(stream.encode())
        assert facts(path).width == 192, "neither is marked, so the larger one"

    def test_one_frame(self, tmp_path: Path) -> None:
        found = facts(films.write(tmp_path / "a.mp4", films.numbered(1), fps=10)).duration_s
        assert found == pytest.approx(0.1, abs=0.05)

    def test_it_counts_from_the_first_picture(self, tmp_path: Path) -> None:
        at = [7.0 + it / 10 for it in range(30)]
        path = films.write(tmp_path / "a.ts", films.numbered(30), fps=10, times=at)
        assert facts(path).duration_s == pytest.approx(3.0, abs=0.12)


class TestRefused:
    def reason(self, path: Path) -> str:
        with pytest.raises(BadFile) as caught:
            facts(path)
        assert "\n" not in str(caught.value)
        return str(caught.value)

    def test_sound_only(self, tmp_path: Path) -> None:
        path = tmp_path / "a.mp4"
        with av.open(str(path), "w") as container:
            stream = container.add_stream("aac", rate=44100)
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 4096), np.float32), "fltp", "mono")
            frame.sample_rate = 44100
            container.mux(stream.encode(frame))
            container.mux(stream.encode())
        assert "sound only" in self.reason(path)

    def test_without_its_index(self, tmp_path: Path) -> None:
        path = films.write(tmp_path / "a.mp4", films.numbered(30))
        data = path.read_bytes()
        path.write_bytes(data[: data.index(b"moov") - 4])
        assert "cannot be opened" in self.reason(path)

    @pytest.mark.parametrize("kept", [8, 40, 200])
    def test_a_head_alone(self, tmp_path: Path, kept: int) -> None:
        path = films.write(tmp_path / "a.mkv", films.numbered(30))
        path.write_bytes(path.read_bytes()[:kept])
        self.reason(path)

    def test_too_large(self, tmp_path: Path) -> None:
        path = films.write(
            tmp_path / "a.avi", [np.zeros((64, 10_000, 3), np.uint8)] * 2, codec="mjpeg",
            pixels="yuvj420p",
        )  # fmt: skip
        assert facts(path).width == 10_000
        with pytest.raises(BadFile, match="megapixels"):
            facts(path, max_megapixels=0.5)

    def test_a_playlist_opens_no_other_file(self, tmp_path: Path) -> None:
        films.write(tmp_path / "secret.mp4", films.numbered(30))
        hidden = tmp_path / "secret.mp4"
        for text in (
            f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nfile://{hidden}\n#EXT-X-ENDLIST\n",
            f"ffconcat version 1.0\nfile '{hidden}'\n",
        ):
            path = tmp_path / "list.mp4"
            path.write_text(text)
            self.reason(path)
            # Also where the text hides behind the head of a container.
            path.write_bytes(b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom" + text.encode())
            self.reason(path)


def said(tmp_path: Path, **tags: str) -> MediaFacts:
    names = {key.replace("__", "-").replace("_dot_", "."): value for key, value in tags.items()}
    path = films.write(
        tmp_path / "a.mov", films.numbered(3), metadata=names,
        container={"movflags": "use_metadata_tags"},
    )  # fmt: skip
    return facts(path)


class TestSaid:
    def test_when_where_and_by_what(self, tmp_path: Path) -> None:
        apple = "com_dot_apple_dot_quicktime_dot_"
        found = said(
            tmp_path,
            **{
                f"{apple}creationdate": "2021-07-04T18:30:05+0200",
                f"{apple}location_dot_ISO6709": "+52.5164+013.3777+034.5/",
                f"{apple}make": "Apple",
                f"{apple}model": "iPhone 12",
                "creation_time": "2021-07-05T09:00:00Z",
            },
        )
        assert found.taken_at_local == "2021-07-04T18:30:05"
        assert found.taken_at == "2021-07-04T16:30:05Z"
        assert (found.latitude, found.longitude, found.altitude_m) == (52.5164, 13.3777, 34.5)
        assert (found.camera_make, found.camera_model) == ("Apple", "iPhone 12")
        assert found.exif["com.apple.quicktime.make"] == "Apple"

    def test_utc_alone_says_nothing_of_local_time(self, tmp_path: Path) -> None:
        found = said(tmp_path, creation_time="2021-07-05T09:00:00Z")
        assert found.taken_at == "2021-07-05T09:00:00Z" and found.taken_at_local is None
        assert found.taken_at_source == "creation_time"

    def test_hostile_text_is_bounded(self, tmp_path: Path) -> None:
        found = said(tmp_path, title="x" * 100_000, comment="a\x00b\x07c")
        assert all(len(str(it)) < 10_000 for it in found.exif.values())
        assert all(str(it).isprintable() for it in found.exif.values())

    @pytest.mark.parametrize("text", ["1904-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "", "soon"])
    def test_an_unset_clock_says_nothing(self, text: str) -> None:
        assert taken.of_film(text, "creation_time") is None

    @pytest.mark.parametrize(
        ("text", "wanted"),
        [
            ("+52.5164+013.3777/", (52.5164, 13.3777, None)),
            ("-33.8568+151.2153+010.000/", (-33.8568, 151.2153, 10.0)),
            ("+5230.5-01315.25/", (52.5083333, -13.2541667, None)),
            ("+523030+0131530/", (52.5083333, 13.2583333, None)),
            ("+00.0000+000.0000/", (None, None, None)),
            ("+95.0+013.0/", (None, None, None)),
            ("+52.5+190.0/", (None, None, None)),
            ("+5275.0+01315.0/", (None, None, None)),
            ("52.5 13.3", (None, None, None)),
            ("", (None, None, None)),
        ],
    )
    def test_positions(self, text: str, wanted: tuple[float | None, ...]) -> None:
        found = gps.from_iso6709(text)
        assert (found.latitude, found.longitude, found.altitude_m) == pytest.approx(wanted)
