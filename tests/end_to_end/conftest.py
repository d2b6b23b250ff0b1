"""A home for the real `rollcall`: a configuration, folders, and processes that never outlive their
test.
"""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import struct
import subprocess
import sys
import time
import zlib
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.disks import mount

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

__all__ = ["mount"]

REPOSITORY = Path(__file__).parent.parent.parent
# What a person waits for at most when she stops the daemon.
STOP_S = 5.0
# What multiprocessing's own helper needs to notice that its daemon has ended.
GONE_S = 3.0
# Short settle times, so that a test waits for the daemon's work and not for its patience.
CONFIG: dict[str, dict[str, Any]] = {
    "paths": {"state": "state", "inbox": ["inbox"], "people": "people"},
    "models": {"download": False},
    "intake": {"quiet_s": 0.3, "quiet_unclosed_s": 0.8},
    "workers": {"count": 1},
}


def processes(marker: str) -> dict[int, str]:
    """Every living process whose environment holds this text, by its number, with its command."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, ValueError):
            if marker.encode() not in (folder / "environ").read_bytes():
                continue
            state = (folder / "stat").read_text().rpartition(")")[2].split()[0]
            command = (
                (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
            )
            if state != "Z":
                found[int(folder.name)] = command
    return found


@dataclass
class Daemon:
    """A running `rollcall watch` or `up`."""

    home: Home
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def pid(self) -> int:
        return self.process.pid

    def said(self) -> str:
        """Everything it wrote until now."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def processes(self) -> dict[int, str]:
        """Itself and the processes it started: workers, identifier, what multiprocessing needs."""
        return processes(f"ROLLCALL_TEST_LOG={self.log}\0")

    def helpers(self) -> dict[int, str]:
        """The processes it started."""
        return {pid: what for pid, what in self.processes().items() if pid != self.pid}

    def workers(self) -> dict[int, str]:
        """Its workers and its identifier."""
        return {pid: what for pid, what in self.helpers().items() if "spawn_main" in what}

    def stop(self, number: int = signal.SIGTERM, *, within_s: float = STOP_S) -> int:
        """Send the signal, and return the exit code; fails where that takes too long."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            return self.process.wait(within_s)
        except subprocess.TimeoutExpired:
            self.kill()
            pytest.fail(f"it did not stop within {within_s:g} s; it said:\n{self.said()}")

    def kill(self) -> None:
        """As the kernel's out-of-memory killer would."""
        self.process.kill()
        self.process.wait()


@dataclass
class Home:
    """One configured Rollcall in a folder of its own."""

    path: Path
    environment: dict[str, str] = field(default_factory=dict)
    config: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def inbox(self) -> Path:
        return self.path / "inbox"

    @property
    def people(self) -> Path:
        return self.path / "people"

    @property
    def catalog(self) -> Path:
        return self.path / "state" / "catalog.db"

    def configure(self, **sections: Mapping[str, Any]) -> None:
        """Write config.toml with these keys over the ones it has."""
        for name, keys in sections.items():
            self.config[name] = {**self.config.get(name, {}), **keys}
        lines = []
        for name, keys in self.config.items():
            lines += [f"[{name}]", *(f"{key} = {_toml(value)}" for key, value in keys.items())]
        (self.path / "config.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")

    def command(self, *arguments: str | Path) -> list[str]:
        """How this program is called here; it finds ./config.toml by itself."""
        return [sys.executable, "-m", "daemon", *map(str, arguments)]

    def rollcall(
        self, *arguments: str | Path, timeout_s: float = 240, prefix: tuple[str, ...] = ()
    ) -> subprocess.CompletedProcess[str]:
        """Run one command to its end; `prefix` is a program that runs it, such as setpriv."""
        return subprocess.run(
            [*prefix, *self.command(*arguments)],
            cwd=self.path,
            env=self.environment,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout_s,
            check=False,
        )

    @contextmanager
    def started(self, *arguments: str | Path, until: str | None = None) -> Iterator[Daemon]:
        """A command that stays; ended at the latest with the test, and nothing of it survives."""
        log = self.path / f"{arguments[0]}-{time.monotonic_ns()}.log"
        with log.open("wb") as file:
            process = subprocess.Popen(
                self.command(*arguments),
                cwd=self.path,
                env={**self.environment, "ROLLCALL_TEST_LOG": str(log)},
                stdout=file,
                stderr=file,
                start_new_session=True,
            )
        daemon = Daemon(home=self, process=process, log=log)
        try:
            if until is not None:
                self.wait(lambda: until in daemon.said() or process.poll() is not None)
                assert until in daemon.said(), daemon.said()
            yield daemon
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
            for pid in daemon.processes():
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    @contextmanager
    def watching(self) -> Iterator[Daemon]:
        """A running daemon that must end in order when the block does."""
        with self.started("watch", until="watching") as daemon:
            yield daemon
            if daemon.process.poll() is None:
                assert daemon.stop() == 0, daemon.said()

    def processes(self) -> dict[int, str]:
        """Everything that was started here and still lives."""
        return processes(f"ROLLCALL_TEST_HOME={self.path}\0")

    def assert_nothing_runs(self) -> None:
        """Everything has ended, or does so at once."""
        end = time.monotonic() + GONE_S
        while (left := self.processes()) and time.monotonic() < end:
            time.sleep(0.05)
        assert left == {}

    def query(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """Rows of the catalog as it stands."""
        with closing(sqlite3.connect(self.catalog, timeout=15)) as connection:
            connection.execute("PRAGMA query_only = 1")
            return connection.execute(sql, values).fetchall()

    def value(self, sql: str, *values: object) -> Any:
        """The one value of a query."""
        return self.query(sql, *values)[0][0]

    def wait(self, condition: Callable[[], Any], *, timeout_s: float = 60) -> Any:
        """Wait for something to become true and return it; fails with what was there last."""
        end, found = time.monotonic() + timeout_s, None
        while time.monotonic() < end:
            with suppress(sqlite3.OperationalError, sqlite3.DatabaseError, IndexError):
                found = condition()
                if found:
                    return found
            time.sleep(0.05)
        pytest.fail(f"nothing came of it within {timeout_s:g} s; last seen: {found!r}")

    def settled(self) -> bool:
        """Whether nothing is left to do, repair included."""
        return not self.query("SELECT 1 FROM jobs WHERE state IN ('waiting', 'running')")

    def who(self, below: Path | None = None) -> dict[str, list[str]]:
        """The names of the faces of each photo, widest face first; "?" for somebody without one."""
        rows = self.query(
            """SELECT files.path, faces.id, people.name, people.id IS NULL FROM files
               JOIN media ON media.id = files.media_id AND media.state = 'done'
               LEFT JOIN faces ON faces.media_id = media.id AND faces.state = 'active'
               LEFT JOIN people ON people.id = faces.person_id
               WHERE files.state = 'present' ORDER BY files.path, faces.w DESC"""
        )
        found: dict[str, list[str]] = {}
        for path, face_id, name, _ in rows:
            if below is None or Path(path).is_relative_to(below):
                names = found.setdefault(Path(path).name, [])
                names += [] if face_id is None else [name or "?"]
        return found


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return f"[{', '.join(_toml(item) for item in value)}]"
    return str(value) if isinstance(value, int | float) else f'"{value}"'


def build_home(path: Path, **sections: Mapping[str, Any]) -> Home:
    """A home with folders and a configuration, and weights only where they are given."""
    path.mkdir(parents=True, exist_ok=True)
    for folder in ("inbox", "people", "empty"):
        (path / folder).mkdir(exist_ok=True)
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("ROLLCALL_", "XDG_", "DEEPFACE_"))
    }
    environment = {
        **kept,
        "HOME": str(path / "empty"),
        "DEEPFACE_HOME": str(path / "empty"),
        "PYTHONPATH": os.pathsep.join(filter(None, [str(REPOSITORY), kept.get("PYTHONPATH")])),
        "ROLLCALL_TEST_HOME": str(path),
    }
    home = Home(path=path, environment=environment, config={k: dict(v) for k, v in CONFIG.items()})
    home.configure(**sections)
    return home


@pytest.fixture(scope="session")
def examples(test_data: Path) -> Path:
    """Seventeen photographs of known and unknown people."""
    return test_data / "photos" / "examples"


@pytest.fixture(scope="session")
def reference(test_data: Path) -> Path:
    """Portraits of five people, a folder each."""
    return test_data / "reference"


@pytest.fixture
def home(tmp_path: Path, test_data: Path) -> Home:
    """A fresh home with the good detector's weights, and nobody known."""
    return build_home(tmp_path / "home", models={"weights": str(test_data / "weights")})


@pytest.fixture
def rollcall(home: Home) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run one command in that home."""
    return home.rollcall


@pytest.fixture(scope="session")
def scanned(
    tmp_path_factory: pytest.TempPathFactory, test_data: Path, examples: Path, reference: Path
) -> Iterator[Home]:
    """All example photographs, scanned with all references. Tests only look at it."""
    home = build_home(
        tmp_path_factory.mktemp("scanned") / "home",
        paths={"people": str(reference)},
        models={"weights": str(test_data / "weights")},
        workers={"count": 2},
    )
    done = home.rollcall("scan", examples)
    assert done.returncode == 0, done.stderr
    yield home
    home.assert_nothing_runs()


@pytest.fixture(scope="session")
def blank_png() -> Callable[[Path, int, int], Path]:
    """Write a white one-bit PNG of any size without ever holding it: it packs a thousandfold."""

    def write(path: Path, width: int, height: int) -> Path:
        packer, row = zlib.compressobj(1), b"\0" + b"\xff" * ((width + 7) // 8)
        packed = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
        header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
        chunks = ((b"IHDR", header), (b"IDAT", packed), (b"IEND", b""))
        path.write_bytes(
            b"\x89PNG\r\n\x1a\n"
            + b"".join(
                struct.pack(">I", len(data))
                + name
                + data
                + struct.pack(">I", zlib.crc32(name + data))
                for name, data in chunks
            )
        )
        return path

    return write


@pytest.fixture
def copy(examples: Path, reference: Path) -> Callable[..., Path]:
    """Copy an example photograph, or with a slash in its name a portrait, to a place."""

    def put(name: str, to: Path) -> Path:
        origin = (reference if "/" in name else examples) / name
        to.parent.mkdir(parents=True, exist_ok=True)
        return Path(shutil.copyfile(origin, to / origin.name if to.is_dir() else to))

    return put


@pytest.fixture
def without_power(tmp_path: Path) -> tuple[str, ...]:
    """What runs a program so that permissions hold for it: nothing for a user, and for root
    something that gives up its right to pass them over.
    """
    if os.geteuid() != 0:
        return ()
    prefix = ("setpriv", "--bounding-set", "-dac_override,-dac_read_search")
    if shutil.which("setpriv") is None:
        pytest.skip("root may do everything, and there is no setpriv to give that up with")
    secret = tmp_path / "secret"
    secret.touch(mode=0)
    if subprocess.run([*prefix, "cat", secret], capture_output=True, check=False).returncode == 0:
        pytest.skip("root may do everything here, whatever it gives up")
    return prefix
