"""What each check of `rollcall doctor` finds, and what it lets pass."""

from __future__ import annotations

import http.server
import os
import socket
import threading
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from catalog.connect import connect, crops_path
from catalog.migrations import migrate
from daemon.checks import CHECKS, Level, Problem, catalog_state, folders, machine, web
from daemon.hardware import Gpu, Hardware
from daemon.intake.mounts import Mount
from daemon.lock import CatalogLock
from daemon.settings import Intake, Models, Paths, Settings, Web, Workers

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


ROOT = os.geteuid() == 0


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings whose folders are all there."""
    for name in ("inbox", "people"):
        (tmp_path / name).mkdir()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    return Settings(
        paths=Paths(
            state=tmp_path / "state", inbox=(tmp_path / "inbox",), people=tmp_path / "people"
        ),
        models=Models(detector=("mtcnn",), download=False),
        web=Web(port=port),
    )


def _levels(problems: Iterable[Problem]) -> list[str]:
    return [str(problem.level) for problem in problems]


@pytest.mark.skipif(ROOT, reason="root may read everything")
def test_folders_that_may_not_be_read_or_written_are_named(
    settings: Settings, tmp_path: Path
) -> None:
    (tmp_path / "inbox").chmod(0)
    (tmp_path / "state").mkdir(mode=0o555)
    assert "not readable" in next(iter(folders.watched(settings))).problem
    assert "cannot be written" in next(iter(folders.state(settings))).problem


def test_state_inside_an_inbox_is_an_error(settings: Settings, tmp_path: Path) -> None:
    inside = tmp_path / "inbox" / "deep" / "state"
    paths = settings.paths.model_copy(update={"state": inside})
    found = list(folders.nesting(settings.model_copy(update={"paths": paths})))
    assert _levels(found) == ["error"]
    assert list(folders.nesting(settings)) == []


@pytest.mark.parametrize(
    ("kind", "level"),
    [
        pytest.param("ext4", [], id="local"),
        pytest.param("nfs4", ["error"], id="NFS"),
        pytest.param("cifs", ["error"], id="SMB"),
        pytest.param("fuse.mergerfs", ["warning"], id="FUSE"),
    ],
)
def test_a_catalog_on_a_network_folder_is_refused(
    settings: Settings, kind: str, level: list[str]
) -> None:
    mounts = (Mount(folder=b"/", type=kind, source="server:/export"),)
    assert _levels(folders.file_system(settings, mounts=lambda: mounts)) == level


@pytest.mark.parametrize(
    ("total", "free", "level"),
    [
        pytest.param(10**12, 10**11, [], id="plenty"),
        pytest.param(10**12, 4 * 2**30, ["warning"], id="below 5 GiB"),
        pytest.param(10**12, 4 * 10**10, ["warning"], id="below 5 %"),
        pytest.param(10**12, 499_000_000, ["error"], id="below 500 MB"),
        pytest.param(0, 0, ["error"], id="none at all"),
    ],
)
def test_little_room_is_told(settings: Settings, total: int, free: int, level: list[str]) -> None:
    assert _levels(folders.room(settings, usage=lambda _: (total, 0, free))) == level


def test_too_many_folders_for_inotify_come_with_the_line_that_helps(
    settings: Settings, tmp_path: Path
) -> None:
    for number in range(30):
        (tmp_path / "inbox" / f"{number}" / "@eaDir").mkdir(parents=True)
    (found,) = folders.inotify(settings, limit=lambda: "40\n", mounts=lambda: ())
    assert found.problem.startswith("32 folders")
    assert "fs.inotify.max_user_watches=524288" in found.remedy
    assert list(folders.inotify(settings, limit=lambda: "50", mounts=lambda: ())) == []
    polled = settings.model_copy(update={"intake": Intake(polling="always")})
    assert list(folders.inotify(polled, limit=lambda: "1", mounts=lambda: ())) == []
    network = (Mount(folder=b"/", type="nfs", source="x"),)
    assert list(folders.inotify(settings, limit=lambda: "1", mounts=lambda: network)) == []


@pytest.mark.parametrize(
    ("year", "synchronised", "level"),
    [
        pytest.param(2026, True, [], id="right"),
        pytest.param(2026, None, [], id="unknown"),
        pytest.param(2026, False, ["warning"], id="not synchronised"),
        pytest.param(1970, True, ["error"], id="1970"),
    ],
)
def test_a_clock_that_cannot_be_right_is_told(
    settings: Settings, year: int, synchronised: bool | None, level: list[str]
) -> None:
    found = machine.clock(
        settings, now=lambda: datetime(year, 1, 1, tzinfo=UTC), synchronised=lambda: synchronised
    )
    assert _levels(found) == level


def test_old_programs_are_errors(settings: Settings) -> None:
    assert _levels(machine.python(settings, version=(3, 10, 9))) == ["error"]
    assert _levels(machine.sqlite(settings, version=(3, 36, 0))) == ["error"]
    assert list(machine.python(settings)) == []
    assert list(machine.sqlite(settings)) == []


def _hardware(**values: Any) -> Hardware:
    base: dict[str, Any] = {
        "cores": 4, "memory_total_mb": 16000, "memory_available_mb": 8000,
        "memory_limit_mb": None, "providers": ("CPUExecutionProvider",), "gpus": (),
    }  # fmt: skip
    return Hardware(**{**base, **values})


@pytest.mark.parametrize(
    ("gpu", "providers", "words"),
    [
        pytest.param(("NVIDIA", True), (), "processor only", id="no runtime"),
        pytest.param(("NVIDIA", False), ("CUDAExecutionProvider",), "driver", id="no driver"),
        pytest.param(("NVIDIA", True), ("CUDAExecutionProvider",), None, id="in order"),
        pytest.param(("AMD", True), ("CPUExecutionProvider",), "rocm", id="AMD without runtime"),
        pytest.param(("Intel", True), (), None, id="Intel asks for nothing"),
    ],
)
def test_an_idle_graphics_card_is_told(
    settings: Settings, gpu: tuple[str, bool], providers: tuple[str, ...], words: str | None
) -> None:
    card = Gpu(vendor=gpu[0], name=f"{gpu[0]} card", usable=gpu[1])
    hardware = _hardware(gpus=(card,), providers=providers)
    found = list(machine.graphics(settings, survey=lambda: hardware))
    assert _levels(found) == ([] if words is None else ["warning"])
    assert words is None or words in found[0].problem + found[0].remedy


def test_a_graphics_card_that_is_asked_for_and_not_there_is_an_error(settings: Settings) -> None:
    wanted = settings.model_copy(update={"workers": Workers(device="gpu")})
    (found,) = machine.graphics(wanted, survey=_hardware)
    assert found.level is Level.ERROR and "there is no graphics card" in found.problem
    card = Gpu(vendor="NVIDIA", name="NVIDIA card", usable=True)
    runs = _hardware(gpus=(card,), providers=("CUDAExecutionProvider",))
    assert list(machine.graphics(wanted, survey=lambda: runs)) == []


def test_a_card_that_is_not_wanted_is_no_problem(settings: Settings) -> None:
    card = Gpu(vendor="NVIDIA", name="NVIDIA card", usable=True)
    content = settings.model_copy(update={"workers": Workers(device="cpu")})
    assert list(machine.graphics(content, survey=lambda: _hardware(gpus=(card,)))) == []


@pytest.mark.parametrize(
    ("detector", "tensorflow", "level"),
    [
        pytest.param("retinaface", "processor", ["warning"], id="on the processor"),
        pytest.param("retinaface", "graphics", [], id="on the card"),
        pytest.param("yunet", "processor", [], id="not started at all"),
    ],
)
def test_tensorflow_beside_an_idle_card_is_told(
    settings: Settings, detector: str, tensorflow: str, level: list[str]
) -> None:
    card = Gpu(vendor="NVIDIA", name="NVIDIA card", usable=True)
    hardware = _hardware(gpus=(card,), tensorflow=tensorflow)
    chosen = settings.model_copy(update={"models": Models(detector=(detector,))})
    assert _levels(machine.tensorflow(chosen, survey=lambda: hardware)) == level


def test_too_little_memory_is_told(settings: Settings) -> None:
    for total, available, level in ((512, 400, ["error"]), (4000, 400, ["warning"])):
        hardware = _hardware(memory_total_mb=total, memory_available_mb=available)
        assert _levels(machine.memory(settings, survey=lambda found=hardware: found)) == level


def test_missing_weights_and_changed_weights_are_told(settings: Settings, tmp_path: Path) -> None:
    folder = tmp_path / "weights"
    folder.mkdir()
    (folder / "dlib_face_recognition_resnet_model_v1.dat").write_bytes(b"not these")
    models = Models(detector=("yunet",), weights=folder, download=False)
    text = " ".join(
        problem.problem + problem.remedy
        for check in CHECKS
        if check.__module__.endswith("models")
        for problem in check(settings.model_copy(update={"models": models}))
    )
    assert "yunet" in text
    assert "models check" in text


def test_a_running_daemon_is_a_note(settings: Settings) -> None:
    assert list(catalog_state.daemon(settings)) == []
    with CatalogLock(settings.paths.state).acquire("watch"):
        (found,) = catalog_state.daemon(settings)
    assert found.level is Level.NOTE
    assert str(os.getpid()) in found.problem


def test_no_catalog_yet_is_no_problem(settings: Settings) -> None:
    assert list(catalog_state.databases(settings)) == []
    assert list(catalog_state.growth(settings)) == []


def test_a_catalog_without_crops_is_an_error(settings: Settings) -> None:
    migrate(settings.catalog)
    assert list(catalog_state.databases(settings)) == []
    crops_path(settings.catalog).unlink()
    assert _levels(catalog_state.databases(settings)) == ["error"]


def test_rows_that_refer_to_nothing_are_errors(settings: Settings) -> None:
    migrate(settings.catalog)
    with closing(connect(settings.catalog)) as db:
        db.execute("PRAGMA foreign_keys = OFF")
        db.execute("INSERT INTO quality (face_id, version) VALUES (7, '1')")
    (found,) = catalog_state.databases(settings)
    assert "quality row 7 refers to nothing in faces" in found.problem


def test_what_waits_needs_room(settings: Settings) -> None:
    migrate(settings.catalog)
    with closing(connect(settings.catalog)) as db:
        for number in range(50):
            db.execute(
                "INSERT INTO media (sha256, bytes, added_at) VALUES (?, 1, '')", [f"{number:064}"]
            )
    assert list(catalog_state.growth(settings)) == []
    (found,) = catalog_state.growth(settings, free_bytes=lambda _: 9_000_000)
    assert "50 files wait" in found.problem


class _Pages(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"datasette": {"version": "0.65"}}')

    def log_message(self, *_: object) -> None:
        pass


def test_a_port_that_something_else_uses_is_told_and_our_own_pages_are_not(
    settings: Settings,
) -> None:
    assert list(web.port(settings)) == []
    address = ("127.0.0.1", settings.web.port)
    with http.server.HTTPServer(address, _Pages) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            assert list(web.port(settings)) == []
        finally:
            server.shutdown()
            thread.join()
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(address)
        other.listen()
        (found,) = web.port(settings)
    assert found.level is Level.WARNING
    assert str(settings.web.port) in found.problem
