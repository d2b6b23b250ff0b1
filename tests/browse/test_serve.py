"""`rollcall serve` as a process of its own: it starts small, waits for the catalog, and ends
clean.
"""

from __future__ import annotations

import itertools
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from catalog.errors import CatalogError
from catalog.migrations import migrate
from daemon.commands.serve import listen, wait_for_catalog
from daemon.errors import EnvironmentTrouble, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

REPOSITORY = Path(__file__).parents[2]


@contextmanager
def serving(
    state: Path, *options: str, port: int = 0, **environ: str
) -> Iterator[subprocess.Popen[str]]:
    config = state.parent / "config.toml"
    config.write_text(f'[paths]\nstate = "{state}"\n')
    process = subprocess.Popen(
        [
            sys.executable,
            "-W",
            "error",
            "-m",
            "daemon",
            "serve",
            "--config",
            str(config),
            "--port",
            str(port),
            *options,
        ],
        cwd=state.parent,
        env={"PYTHONPATH": str(REPOSITORY), "HOME": str(state.parent), **environ},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def address_of(process: subprocess.Popen[str]) -> str:
    """The address that the process says it can be reached at."""
    assert process.stdout is not None
    line = process.stdout.readline()
    found = re.search(r"http://\S+/", line)
    assert found, (line, process.stderr and process.stderr.read())
    return found[0]


def end(process: subprocess.Popen[str], number: signal.Signals) -> str:
    """Ask it to stop; what it wrote to standard error, once it ended well."""
    process.send_signal(number)
    _, errors = process.communicate(timeout=15)
    assert process.returncode == 0, errors
    return errors


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "Ctrl-C"])
def test_pages_and_pictures_are_served_until_it_is_told_to_stop(
    small_catalog: Path, number: signal.Signals
) -> None:
    with serving(small_catalog.parent) as process:
        address = address_of(process)
        assert address.startswith("http://127.0.0.1:")
        with httpx.Client(base_url=address) as client:
            page = client.get("/catalog/faces").text
            source = re.search(r'src="(/-/rollcall/crop/[^"]+)"', page)
            assert source
            picture = client.get(source[1].replace("&amp;", "&"))
            assert picture.headers["content-type"] == "image/jpeg"
            sql = "select nearest_faces(1, 3) as n"
            rows = client.get("/catalog.json", params={"sql": sql, "_shape": "array"})
            assert rows.json()[0]["n"].startswith("[{")
            started = time.monotonic()
            # The client's connection stays open: that must not hold the server up.
            assert end(process, number) == ""
            assert time.monotonic() - started < 10


def test_the_process_is_small(small_catalog: Path) -> None:
    with serving(small_catalog.parent) as process:
        httpx.get(f"{address_of(process)}catalog/faces")
        status = Path(f"/proc/{process.pid}/status").read_text()
        resident_kb = int(re.search(r"VmRSS:\s+(\d+)", status)[1])  # type: ignore[index]
        assert resident_kb < 120_000
        end(process, signal.SIGTERM)


def test_systemd_is_told(small_catalog: Path, tmp_path: Path) -> None:
    address = tmp_path / "notify"
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as listener:
        listener.bind(str(address))
        listener.settimeout(30)
        with serving(
            small_catalog.parent, NOTIFY_SOCKET=str(address), WATCHDOG_USEC="200000"
        ) as process:
            assert [listener.recv(99) for _ in range(4)] == [b"READY=1", *[b"WATCHDOG=1"] * 3]
            end(process, signal.SIGTERM)
            left = []
            listener.settimeout(0)
            while True:
                try:
                    left.append(listener.recv(99))
                except BlockingIOError:
                    break
        assert left[-1] == b"STOPPING=1"


def test_a_port_in_use_is_one_line_and_code_3(small_catalog: Path) -> None:
    with closing(socket.socket()) as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with serving(small_catalog.parent, port=port) as process:
            _, errors = process.communicate(timeout=30)
    assert process.returncode == 3
    assert errors.count("\n") == 1
    assert f"web.port = {port}" in errors
    assert "--port" in errors


def test_a_host_that_is_not_ours_is_one_line(small_catalog: Path) -> None:
    with serving(small_catalog.parent, "--host", "no.such.host.invalid") as process:
        _, errors = process.communicate(timeout=30)
    assert process.returncode == 2
    assert errors.count("\n") == 1
    with serving(small_catalog.parent, "--host", "192.0.2.1") as process:
        _, errors = process.communicate(timeout=30)
    assert process.returncode == 3
    assert "192.0.2.1" in errors


def test_it_waits_for_the_daemon_to_make_the_catalog(tmp_path: Path) -> None:
    state = tmp_path / "state"
    with serving(state) as process:
        time.sleep(1.0)
        assert process.poll() is None
        assert not state.exists()
        migrate(state / "catalog.db")
        assert httpx.get(address_of(process)).status_code == 200
        end(process, signal.SIGTERM)


def test_it_can_be_stopped_while_it_waits(tmp_path: Path) -> None:
    with serving(tmp_path / "state") as process:
        time.sleep(1.5)
        assert process.poll() is None
        assert "Traceback" not in end(process, signal.SIGINT)


def test_the_wait_ends_with_what_to_do(tmp_path: Path) -> None:
    clock = itertools.count(step=10.0)
    with pytest.raises(CatalogError, match=r"no catalog here yet; start `rollcall watch`"):
        wait_for_catalog(tmp_path / "catalog.db", threading.Event(), clock=lambda: next(clock))


def test_a_catalog_of_another_version_is_never_migrated(catalog_path: Path) -> None:
    with closing(sqlite3.connect(catalog_path)) as connection:
        connection.execute("DROP VIEW progress")
        connection.commit()
    before = catalog_path.read_bytes()
    with pytest.raises(CatalogError, match="another version"):
        wait_for_catalog(catalog_path, threading.Event(), wait_s=0.5)
    assert catalog_path.read_bytes() == before


def test_a_file_that_is_no_catalog_is_named(tmp_path: Path) -> None:
    path = tmp_path / "catalog.db"
    path.write_text("this is no database, and long enough to be looked at " * 20)
    with pytest.raises(CatalogError, match=r"catalog\.db"):
        wait_for_catalog(path, threading.Event(), wait_s=0.5)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "0.0.0.0"])
def test_listening_works_on_every_kind_of_address(host: str) -> None:
    try:
        listener: Any = listen(host, 0)
    except (EnvironmentTrouble, UsageError) as error:
        if host != "::1":
            raise
        pytest.skip(f"no IPv6 here: {error}")
    with closing(listener):
        assert listener.getsockname()[1] > 0


def test_a_second_one_on_the_same_port_is_refused() -> None:
    with closing(listen("127.0.0.1", 0)) as first:
        port = first.getsockname()[1]
        with pytest.raises(EnvironmentTrouble, match=f"web.port = {port}"):
            listen("127.0.0.1", port)
