"""Folders for people: what is in them, what goes when it is no longer right, and what stays."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from catalog.connect import transaction
from daemon.commands.export import command
from daemon.errors import EnvironmentTrouble, UsageError
from tests.backups import dump, run_command
from tests.disks import fill, needs_root
from tests.makers import NOW, Maker, crowd, looks

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from click.testing import Result

    from daemon.faces.values import Vectors

ROSA, CHILD = crowd(2, seed=4)
MANIFEST = ".rollcall-export.json"


@dataclass
class Album:
    """A catalog whose people have photos, videos and crops, and a folder to export to."""

    make: Maker
    crops: sqlite3.Connection
    catalog: Path

    @property
    def folder(self) -> Path:
        return self.catalog.parent.parent / "faces"

    def crop(self, face: int, size: int = 100) -> bytes:
        """Give a face a picture of its own."""
        jpeg = f"jpeg of face {face} ".encode().ljust(size, b".")
        key = hashlib.sha256(jpeg).hexdigest()
        self.crops.execute("INSERT OR REPLACE INTO crops VALUES (?, ?, ?)", [key, jpeg, NOW])
        self.make.connection.execute("UPDATE faces SET crop = ? WHERE id = ?", [key, face])
        return jpeg

    def photo(
        self, person: int, path: bytes, *, vector: Vectors | None = None, quality: float = 0.8,
        taken: str | None = None, **values: Any,
    ) -> int:  # fmt: skip
        """A photo of somebody with a crop of the face; returns the face."""
        media, (face,) = self.make.photo(vector, path=path, quality=quality)
        self.make.connection.execute(
            "UPDATE media SET taken_at = ?, taken_at_local = ? WHERE id = ?",
            [taken and f"{taken}Z", taken, media],
        )
        self.make.assign(face, person, "group", **values)
        self.crop(face)
        return face

    def video(
        self, path: bytes, *runs: tuple[int, float, float], faces_each: int = 3
    ) -> tuple[int, list[int]]:
        """A video with a track for each run (person, from, to); returns media and best faces."""
        make = self.make
        media = make.media(duration_s=100.0)
        make.connection.execute("UPDATE media SET kind = 'video' WHERE id = ?", [media])
        make.file(media, path)
        best = []
        for person, start_s, end_s in runs:
            track = make.insert("tracks", media_id=media, start_s=start_s, end_s=end_s,
                                faces_count=50, person_id=person)  # fmt: skip
            faces = []
            for number in range(faces_each):
                time_s = start_s + number * (end_s - start_s) / faces_each + track / 1024
                frame = make.insert("frames", media_id=media, time_s=time_s)
                face = make.face(media, frame_id=frame, track_id=track, time_s=time_s,
                                 quality=0.9 - 0.1 * number)  # fmt: skip
                make.assign(face, person, "group", confidence=0.9)
                self.crop(face)
                faces.append(face)
            make.connection.execute(
                "UPDATE tracks SET best_face_id = ? WHERE id = ?", [faces[0], track]
            )
            best.append(faces[0])
        return media, best

    def export(self, *arguments: str) -> Result:
        return run_command(command, self.catalog, "people", str(self.folder), *arguments)

    def exported(self, *arguments: str) -> dict[str, Any]:
        """What was written, as the command tells it; the export has to succeed."""
        result = self.export("--json", *arguments)
        assert result.exit_code == 0, result.exception or result.output
        found: dict[str, Any] = json.loads(result.stdout)
        return found

    def tree(self) -> dict[str, bytes]:
        """Every file below the folder but the notes of the export, with its content."""
        return {
            str(it.relative_to(self.folder)): it.read_bytes()
            for it in sorted(self.folder.rglob("*"))
            if it.is_file() and it.name != MANIFEST
        }

    def rows(self, name: str) -> list[dict[str, Any]]:
        """The rows of a table, which are the same in both of its files."""
        found: list[dict[str, Any]] = json.loads((self.folder / f"{name}.json").read_bytes())
        with (self.folder / f"{name}.csv").open(encoding="utf-8", newline="") as file:
            table = list(csv.DictReader(file))
        assert len(table) == len(found)
        for row, cells in zip(found, table, strict=True):
            assert {it: _cell(value) for it, value in row.items()} == {
                it: text.removeprefix("'") for it, text in cells.items()
            }
        return found

    def crops_of(self, folder: str) -> list[str]:
        return sorted(it.name for it in (self.folder / folder / "crops").glob("*"))


def _cell(value: object) -> str:
    if isinstance(value, list):
        return json.dumps(value, ensure_ascii=False) if value else ""
    return "" if value is None else str(value)


@pytest.fixture
def album(make: Maker, crops: sqlite3.Connection, catalog_path: Path) -> Album:
    return Album(make, crops, catalog_path)


@pytest.fixture
def rosa(make: Maker) -> int:
    return make.person("Rosa")


def refused(result: Result, kind: type[Exception], *words: str) -> None:
    assert isinstance(result.exception, kind), result.output
    for word in words:
        assert word in str(result.exception)
    assert "\n" not in str(result.exception)


class TestWhatAFolderHolds:
    def test_pictures_byte_for_byte_and_a_row_for_each_photo_by_date(
        self, album: Album, rosa: int
    ) -> None:
        second = album.photo(rosa, b"/inbox/b.jpg", taken="2024-05-06T12:34:56", quality=0.9)
        first = album.photo(rosa, b"/inbox/a.jpg", taken="2023-01-02T03:04:05", quality=0.7,
                            confidence=0.987654)  # fmt: skip
        undated = album.photo(rosa, b"/inbox/c.jpg", quality=0.8)
        done = album.exported()
        assert {it: done[it] for it in ("people", "appearances", "crops", "removed")} == {
            "people": 1, "appearances": 3, "crops": 3, "removed": 0,
        }  # fmt: skip
        assert done["written"] == len(album.tree()) == 7
        assert album.crops_of("Rosa") == [
            f"01 b 2024-05-06 12.34.56 face {second}.jpg",
            f"02 c face {undated}.jpg",
            f"03 a 2023-01-02 03.04.05 face {first}.jpg",
        ]
        crop = album.folder / "Rosa/crops" / album.crops_of("Rosa")[0]
        assert crop.read_bytes() == album.crop(second)
        rows = album.rows("Rosa/appearances")
        assert [row["face_id"] for row in rows] == [first, second, undated]
        assert rows[0] == {
            "path": "/inbox/a.jpg", "kind": "image", "taken_at": "2023-01-02T03:04:05Z",
            "taken_at_local": "2023-01-02T03:04:05", "start_s": None, "end_s": None, "start": None,
            "end": None, "faces_count": 1, "quality": 0.7, "confidence": 0.9877, "method": "group",
            "face_id": first, "media_id": rows[0]["media_id"], "sha256": rows[0]["sha256"],
            "other_paths": [],
        }  # fmt: skip
        assert album.make.row("SELECT sha256 FROM media WHERE id = ?", rows[0]["media_id"]) == (
            rows[0]["sha256"],
        )

    def test_a_row_for_each_run_in_a_video(self, album: Album, rosa: int) -> None:
        ada = album.make.person("Ada")
        media, best = album.video(
            b"/inbox/party.mp4", (rosa, 61.0, 65.0625), (ada, 1.0, 2.0), (rosa, 3.5, 9.25)
        )
        album.photo(rosa, b"/inbox/a.jpg")
        done = album.exported()
        assert (done["people"], done["appearances"]) == (2, 4)
        runs = [row for row in album.rows("Rosa/appearances") if row["kind"] == "video"]
        told = [(it["start_s"], it["start"], it["end"], it["face_id"]) for it in runs]
        assert told == [
            (3.5, "00:00:03.500", "00:00:09.250", best[2]),
            (61.0, "00:01:01.000", "00:01:05.062", best[0]),
        ]
        assert {(it["media_id"], it["faces_count"], it["confidence"]) for it in runs} == {
            (media, 50, 0.9)
        }
        people = album.rows("people")
        assert [(it["name"], it["photos"], it["videos"], it["appearances"]) for it in people] == [
            ("Rosa", 1, 1, 3),
            ("Ada", 0, 1, 1),
        ]
        assert [it["crops"] for it in people] == [7, 3]
        assert any("party 00.00.03.50" in name for name in album.crops_of("Rosa"))

    def test_videos_alone_leave_out_photos_and_who_is_only_in_them(
        self, album: Album, rosa: int
    ) -> None:
        album.photo(album.make.person("Ada"), b"/inbox/ada.jpg")
        album.photo(rosa, b"/inbox/rosa.jpg")
        album.video(b"/inbox/party.mp4", (rosa, 1.0, 2.0))
        done = album.exported("--videos")
        assert (done["people"], done["appearances"], done["crops"]) == (1, 1, 3)
        assert not (album.folder / "Ada").exists()
        assert {row["kind"] for row in album.rows("Rosa/appearances")} == {"video"}
        assert all("party" in name for name in album.crops_of("Rosa"))

    def test_the_best_and_most_different_of_many(
        self, album: Album, rosa: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("ROLLCALL_EXPORT__CROPS", "4")
        for number, vector in enumerate(looks(ROSA, 30, 1, cosine=0.995)):
            album.photo(rosa, b"/inbox/%d.jpg" % number, vector=vector, quality=0.7 + number / 200)
        child = album.photo(rosa, b"/inbox/child.jpg", vector=looks(CHILD, 1, 2)[0], quality=0.6)
        done = album.exported()
        assert (done["appearances"], done["crops"]) == (31, 4)
        names = album.crops_of("Rosa")
        assert names[0].startswith("01 29 ")
        assert names[-1] == f"04 child face {child}.jpg"

    def test_poor_faces_are_in_the_log_and_not_among_the_pictures(
        self, album: Album, rosa: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        album.photo(rosa, b"/inbox/good.jpg", quality=0.35)
        album.photo(rosa, b"/inbox/poor.jpg", quality=0.34)
        assert (album.exported()["appearances"], len(album.crops_of("Rosa"))) == (2, 1)
        monkeypatch.setenv("ROLLCALL_EXPORT__MIN_QUALITY", "0.9")
        assert album.exported()["removed"] == 1
        assert not (album.folder / "Rosa/crops").exists()
        assert len(album.rows("Rosa/appearances")) == 2

    def test_a_crop_that_is_gone_is_left_out(self, album: Album, rosa: int) -> None:
        album.photo(rosa, b"/inbox/a.jpg")
        album.photo(rosa, b"/inbox/b.jpg")
        album.crops.execute("DELETE FROM crops WHERE rowid = 1")
        assert album.exported()["crops"] == 1
        assert album.rows("people")[0]["crops"] == 1

    def test_every_path_is_told_also_those_that_are_not_text(self, album: Album, rosa: int) -> None:
        album.photo(rosa, b"/inbox/caf\xe9.jpg")
        media = album.make.value("SELECT max(id) FROM media")
        album.make.file(media, b"/inbox/copy.jpg")
        album.make.file(media, b"/inbox/old.jpg", state="missing")
        album.exported()
        (row,) = album.rows("Rosa/appearances")
        assert row["path"] == "/inbox/caf\N{REPLACEMENT CHARACTER}.jpg"
        assert row["other_paths"] == ["/inbox/copy.jpg"]
        (name,) = album.crops_of("Rosa")
        assert name.startswith("01 caf\N{REPLACEMENT CHARACTER} ")

    def test_where_it_lay_last_is_told_where_it_is_gone(self, album: Album, rosa: int) -> None:
        album.photo(rosa, b"/inbox/a.jpg")
        album.make.connection.execute("UPDATE files SET state = 'missing'")
        album.exported()
        assert [row["path"] for row in album.rows("Rosa/appearances")] == ["/inbox/a.jpg"]

    def test_a_name_does_not_run_in_a_spreadsheet(self, album: Album) -> None:
        album.photo(album.make.person("=1+1"), b"/inbox/a.jpg")
        album.exported()
        text = (album.folder / "people.csv").read_text(encoding="utf-8")
        assert "'=1+1" in text
        assert album.rows("people")[0]["name"] == "=1+1"

    def test_people_without_names_and_with_strange_ones(self, album: Album) -> None:
        names = [None, "A/B", "a:b", "CON", "Åse 李明"]
        for number, name in enumerate(names):
            album.photo(album.make.person(name), b"/inbox/%d.jpg" % number)
        album.exported()
        folders = {it.name for it in album.folder.iterdir() if it.is_dir()}
        assert folders == {"person 1", "A_B", "a_b (3)", "_CON", "Åse 李明"}
        assert [row["folder"] for row in album.rows("people")] == [
            "A_B", "a_b (3)", "_CON", "Åse 李明", "person 1",
        ]  # fmt: skip


class TestWhatIsLeftOut:
    @pytest.mark.parametrize("state", ["hidden", "superseded", "forgotten"])
    def test_faces_that_are_not_to_be_seen(self, album: Album, rosa: int, state: str) -> None:
        album.photo(rosa, b"/inbox/a.jpg")
        gone = album.photo(rosa, b"/inbox/gone.jpg")
        _, (leader,) = album.video(b"/inbox/party.mp4", (rosa, 1.0, 2.0))
        album.make.connection.execute(
            "UPDATE faces SET state = ? WHERE id IN (?, ?)", [state, gone, leader]
        )
        done = album.exported()
        assert done["appearances"] == 1
        names = " ".join(album.crops_of("Rosa"))
        assert f"face {gone}." not in names
        assert f"face {leader}." not in names

    def test_hidden_people_and_questions_and_reference_pictures(
        self, album: Album, rosa: int
    ) -> None:
        hidden = album.make.person("Ada", hidden=1)
        album.photo(hidden, b"/inbox/ada.jpg")
        album.video(b"/inbox/ada.mp4", (hidden, 1.0, 2.0))
        _, (face,) = album.make.photo(None, role="reference")
        album.make.assign(face, rosa, "reference")
        album.crop(face)
        _, (face,) = album.make.photo(None)
        album.make.assign(face, rosa, "group", state="suggested")
        album.crop(face)
        done = album.exported()
        assert (done["people"], done["crops"]) == (0, 0)
        assert sorted(album.tree()) == ["people.csv", "people.json"]
        assert album.rows("people") == []

    def test_somebody_merged_is_who_they_are(self, album: Album, rosa: int) -> None:
        other = album.make.person()
        album.photo(rosa, b"/inbox/a.jpg")
        album.photo(other, b"/inbox/b.jpg")
        album.make.merge(other, rosa)
        assert album.exported()["people"] == 1
        assert len(album.crops_of("Rosa")) == 2
        assert album.exported("--person", str(other))["appearances"] == 2


class TestAgain:
    @pytest.fixture
    def both(self, album: Album, rosa: int) -> tuple[int, int]:
        """Two photos of Rosa and one of Ada, exported; a face of Rosa's, and Ada."""
        ada = album.make.person("Ada")
        album.photo(rosa, b"/inbox/a.jpg")
        face = album.photo(rosa, b"/inbox/b.jpg", quality=0.9)
        album.photo(ada, b"/inbox/c.jpg")
        album.exported()
        return face, ada

    @pytest.mark.usefixtures("both")
    def test_nothing_is_written_where_nothing_changed(self, album: Album) -> None:
        before = {it: it.stat().st_mtime_ns for it in album.folder.rglob("*")}
        done = album.exported()
        assert (done["written"], done["removed"]) == (0, 0)
        assert done["unchanged"] == len(album.tree())
        files = [it for it in before if it.is_file()]
        assert {it: it.stat().st_mtime_ns for it in files} == {it: before[it] for it in files}

    def test_a_face_that_is_somebody_else_now_moves(
        self, album: Album, both: tuple[int, int]
    ) -> None:
        face, ada = both
        album.make.connection.execute("UPDATE faces SET person_id = ? WHERE id = ?", [ada, face])
        album.exported()
        assert not any(f"face {face}." in name for name in album.crops_of("Rosa"))
        assert any(f"face {face}." in name for name in album.crops_of("Ada"))
        assert len(album.crops_of("Rosa")) == 1
        assert len(album.rows("Rosa/appearances")) == 1

    def test_only_what_an_export_wrote_goes(self, album: Album, both: tuple[int, int]) -> None:
        _, ada = both
        own = [
            album.folder / it
            for it in ("notes.txt", "Ada/notes.txt", "Ada/crops/mine.jpg", "Mine/people.csv")
        ]
        for path in own:
            path.parent.mkdir(exist_ok=True)
            path.write_text("mine")
        album.make.connection.execute("UPDATE people SET hidden = 1 WHERE id = ?", [ada])
        done = album.exported()
        assert done["removed"] == 3
        assert all(path.read_text() == "mine" for path in own)
        assert sorted(it for it in album.tree() if it.startswith("Ada")) == [
            "Ada/crops/mine.jpg",
            "Ada/notes.txt",
        ]
        assert [row["name"] for row in album.rows("people")] == ["Rosa"]

    def test_the_folder_of_somebody_who_has_another_name_now_goes(
        self, album: Album, both: tuple[int, int], rosa: int
    ) -> None:
        album.make.connection.execute("UPDATE people SET name = 'Bea' WHERE id = ?", [rosa])
        album.exported()
        assert sorted(it.name for it in album.folder.iterdir() if it.is_dir()) == ["Ada", "Bea"]
        album.make.connection.execute("UPDATE people SET name = 'ROSA' WHERE id = ?", [rosa])
        album.exported("--person", "ROSA")
        assert sorted(it.name for it in album.folder.iterdir() if it.is_dir()) == ["Ada", "ROSA"]
        assert [row["folder"] for row in album.rows("people")] == ["ROSA", "Ada"]

    def test_where_people_are_named_the_others_stay_as_they_are(
        self, album: Album, both: tuple[int, int], rosa: int
    ) -> None:
        _, ada = both
        album.photo(rosa, b"/inbox/new.jpg")
        album.photo(ada, b"/inbox/ada.jpg")
        done = album.exported("--person", "rosa")
        assert (done["people"], done["appearances"]) == (1, 3)
        told = {row["name"]: row["appearances"] for row in album.rows("people")}
        assert told == {"Rosa": 3, "Ada": 1}
        assert len(album.crops_of("Ada")) == 1
        assert album.exported("--person", "Rosa", "--person", str(ada))["people"] == 2
        assert len(album.crops_of("Ada")) == 2

    @pytest.mark.usefixtures("both")
    def test_a_folder_that_somebody_copied_is_theirs(self, album: Album) -> None:
        (album.folder / "Rosa").rename(album.folder / "Rosa 2024")
        before = sorted(it for it in album.tree() if it.startswith("Rosa 2024"))
        album.exported()
        assert sorted(it for it in album.tree() if it.startswith("Rosa 2024")) == before
        assert len(album.rows("people")) == 2

    def test_a_file_of_somebody_elses_is_never_written_over(self, album: Album, rosa: int) -> None:
        album.photo(rosa, b"/inbox/a.jpg")
        mine = album.folder / "Rosa" / "appearances.csv"
        mine.parent.mkdir(parents=True)
        mine.write_text("mine")
        for _ in range(2):
            refused(album.export(), UsageError, str(mine), "not from an earlier one")
            assert mine.read_text() == "mine"

    @pytest.mark.parametrize("name", ["Rosa", "Rosa/crops"])
    def test_links_are_not_followed(self, album: Album, rosa: int, name: str) -> None:
        album.photo(rosa, b"/inbox/a.jpg")
        elsewhere = album.folder.parent / "elsewhere"
        elsewhere.mkdir()
        (album.folder / name).parent.mkdir(parents=True)
        (album.folder / name).symlink_to(elsewhere)
        refused(album.export(), UsageError, str(album.folder / name))
        assert list(elsewhere.iterdir()) == []

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "[]",
            '{"format": 2, "folder": "Rosa", "person_id": 1, "row": null, "files": []}',
            '{"format": 1, "folder": "Rosa", "person_id": 1, "row": null, "files": ["../../x"]}',
            '{"format": 1, "folder": "Rosa", "person_id": 1, "row": null, "files": ["/x"]}',
            '{"format": 1, "folder": "Rosa", "person_id": 1, "row": null, "files": ["a/b"]}',
        ],
    )
    @pytest.mark.usefixtures("both")
    def test_notes_that_make_no_sense_stop_it(self, album: Album, text: str) -> None:
        (album.folder / "Rosa" / MANIFEST).write_text(text)
        before = album.tree()
        refused(album.export(), EnvironmentTrouble, MANIFEST)
        assert album.tree() == before


class TestWhere:
    @pytest.mark.parametrize("name", ["inbox", "inbox/faces", "state", "state/faces", "scanned/x"])
    def test_where_photos_are_looked_for_and_where_the_catalog_lies_is_refused(
        self, album: Album, rosa: int, name: str
    ) -> None:
        home = album.catalog.parent.parent
        album.photo(rosa, b"/inbox/a.jpg")
        album.make.root(os.fsencode(home / "scanned"), "scanned")
        (home / "inbox").mkdir()
        before = sorted(home.rglob("*"))
        refused(run_command(command, album.catalog, "people", str(home / name)), UsageError, name)
        (home / "link").symlink_to(home / name.split("/")[0])
        inside = home / "link" / "faces"
        refused(run_command(command, album.catalog, "people", str(inside)), UsageError, "choose")
        (home / "link").unlink()
        assert sorted(home.rglob("*")) == before

    @pytest.mark.parametrize("name", ["inbox", "state"])
    def test_around_them_only_other_names_are_written(self, album: Album, name: str) -> None:
        home = album.catalog.parent.parent
        (home / "inbox").mkdir()
        album.photo(album.make.person("Rosa"), b"/inbox/a.jpg")
        assert run_command(command, album.catalog, "people", str(home)).exit_code == 0
        album.photo(album.make.person(name), b"/inbox/b.jpg")
        result = run_command(command, album.catalog, "people", str(home))
        refused(result, UsageError, str(home / name))
        assert list((home / "inbox").iterdir()) == []

    def test_a_new_folder_is_its_owners_alone(self, album: Album, rosa: int) -> None:
        album.photo(rosa, b"/inbox/a.jpg")
        album.exported()
        assert album.folder.stat().st_mode & 0o777 == 0o700

    def test_a_file_is_no_folder(self, album: Album) -> None:
        album.folder.write_text("mine")
        refused(album.export(), UsageError, "not a folder")

    def test_nobody_and_somebody_hidden(self, album: Album) -> None:
        album.make.person("Ada", hidden=1)
        result = album.export("--person", "Zoe")
        assert result.exception is not None
        assert "nobody is called" in str(result.exception)
        refused(album.export("--person", "Ada"), UsageError, "hidden", "people show 1")
        assert not album.folder.exists()

    def test_two_at_once_do_not_mix(self, album: Album, rosa: int) -> None:
        album.photo(rosa, b"/inbox/a.jpg")
        album.exported()
        holder = subprocess.Popen(["flock", str(album.folder), "sleep", "60"])
        try:
            deadline = time.monotonic() + 20
            while (result := album.export()).exit_code == 0:
                assert time.monotonic() < deadline
            refused(result, EnvironmentTrouble, "another export")
        finally:
            holder.terminate()
            holder.wait()


class TestTrouble:
    @pytest.fixture
    def many(self, album: Album) -> Callable[[Sequence[str]], subprocess.Popen[str]]:
        """Two hundred people with three pictures each; starts the real command."""
        with transaction(album.make.connection), transaction(album.crops):
            for number in range(200):
                person = album.make.person(f"Person {number}")
                for picture in range(3):
                    face = album.photo(person, b"/inbox/%d-%d.jpg" % (number, picture))
                    album.crop(face, 10_000)

        def start(prefix: Sequence[str] = ()) -> subprocess.Popen[str]:
            return subprocess.Popen(
                [*prefix, sys.executable, "-m", "daemon", "export", "people", album.folder,
                 "--json"],
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                env={**os.environ, "ROLLCALL_PATHS__STATE": str(album.catalog.parent)},
                # What is started in the background ignores it, and so does all that it starts.
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
            )  # fmt: skip

        return start

    @pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGINT])
    def test_an_export_that_is_cut_short_goes_on(
        self, album: Album, many: Callable[..., subprocess.Popen[str]], sign: signal.Signals
    ) -> None:
        before = dump(album.catalog)
        ended = []
        for people in (1, 40, 90):
            process = many()
            while len(list(album.folder.glob("Person*"))) < people:
                assert process.poll() in (None, 0), process.communicate()
            process.send_signal(sign)
            _, said = process.communicate()
            ended.append(process.returncode)
            assert "Traceback" not in said
        # On a busy machine a signal may come when the export has just ended.
        cut_short = 130 if sign == signal.SIGINT else -sign
        assert cut_short in ended and {*ended} <= {0, cut_short}
        done = album.exported()
        assert (done["people"], done["crops"], done["removed"]) == (200, 600, 0)
        assert done["unchanged"] > 100
        assert not list(album.folder.rglob(".rollcall-*.part"))
        assert len(album.tree()) == 200 * 5 + 2
        assert len(album.rows("people")) == 200
        assert album.exported()["written"] == 0
        assert dump(album.catalog) == before

    def test_what_a_killed_export_had_in_hand_goes(self, album: Album, rosa: int) -> None:
        album.photo(rosa, b"/inbox/a.jpg")
        album.exported()
        left = [
            album.folder / it
            for it in (".rollcall-people.csv.part", "Rosa/crops/.rollcall-01 a.jpg.part")
        ]
        for path in left:
            path.write_text("half")
        album.exported()
        assert not any(path.exists() for path in left)

    @needs_root
    def test_a_full_disk_is_one_line_and_the_next_run_goes_on(
        self,
        album: Album,
        many: Callable[..., subprocess.Popen[str]],
        mount: Callable[..., None],
    ) -> None:
        album.folder.mkdir()
        mount("-t", "tmpfs", "-o", "size=12m", "tmpfs", on=album.folder)
        filler = fill(album.folder, leave_kb=2000)
        process = many()
        _, said = process.communicate()
        assert process.returncode == 3, said
        assert said.count("\n") == 1, said
        assert "No space left on device" in said
        assert 10 < len(list(album.folder.glob("Person*"))) < 200
        assert not list(album.folder.rglob(".rollcall-*.part"))
        filler.unlink()
        done = album.exported()
        assert (done["people"], done["crops"]) == (200, 600)
        assert done["unchanged"] > 10

    def test_the_daemon_may_write_meanwhile(self, album: Album, rosa: int) -> None:
        album.photo(rosa, b"/inbox/a.jpg")
        with transaction(album.make.connection):
            album.make.person("Ada")
            assert album.exported()["people"] == 1
        album.crops.execute("PRAGMA busy_timeout = 0")
        album.photo(rosa, b"/inbox/b.jpg")

    def test_without_a_catalog_it_says_how_to_make_one(self, tmp_path: Path) -> None:
        result = run_command(
            command, tmp_path / "none" / "catalog.db", "people", str(tmp_path / "x")
        )
        assert result.exception is not None
        assert "rollcall scan" in str(result.exception)
