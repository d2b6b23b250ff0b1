"""A web server on this machine with videos and what goes wrong, and a home that may fetch."""

from __future__ import annotations

import socket
import struct
import threading
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from tests import films
from tests.end_to_end.conftest import Home, build_home

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Site:
    """What the server has, and what it was asked."""

    def __init__(self, video: bytes) -> None:
        self.video = video
        self.asked: list[str] = []
        self.listed: tuple[str, ...] = ("one", "two", "three")
        self.broken = 0
        self.hanging = True
        self.address = ""

    def answer(self, handler: Any) -> None:
        self.asked.append(f"{handler.command} {handler.path}")
        path = handler.path.partition("?")[0]
        if path == "/feed.rss":
            items = "".join(
                f"<item><title>{it}</title><link>{self.address}/{it}.mp4</link>"
                f"<enclosure url='{self.address}/{it}.mp4' type='video/mp4' length='1'/></item>"
                for it in self.listed
            )
            channel = f"<channel><title>All</title>{items}</channel>"
            feed = f"<?xml version='1.0'?><rss version='2.0'>{channel}</rss>"
            self.send(handler, feed.encode(), "application/rss+xml")
        elif path == "/gallery":
            films = "".join(f"<video src='/{it}.mp4'></video>" for it in self.listed)
            page = f"<html><head><title>Party</title></head><body>{films}</body></html>"
            self.send(handler, page.encode(), "text/html")
        elif path == "/text.mp4":
            self.send(handler, b"no video at all " * 300, "video/mp4")
        elif path == "/large.mp4":
            handler.send_response(200)
            handler.send_header("Content-Type", "video/mp4")
            handler.send_header("Content-Length", str(1 << 30))
            handler.end_headers()
            handler.wfile.write(self.video)
        elif path == "/trickle.mp4":
            handler.send_response(200)
            handler.send_header("Content-Type", "video/mp4")
            handler.send_header("Content-Length", str(len(self.video)))
            handler.end_headers()
            for it in self.video:
                handler.wfile.write(bytes([it]))
                time.sleep(0.05)
        elif path == "/reset.mp4" and self.broken > 0:
            self.broken -= 1
            handler.send_response(200)
            handler.send_header("Content-Type", "video/mp4")
            handler.send_header("Content-Length", str(len(self.video)))
            handler.end_headers()
            handler.wfile.write(self.video[: len(self.video) // 2])
            handler.wfile.flush()
            # With nothing lingering the other side sees the connection reset.
            handler.connection.setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
            )
            handler.connection.close()
        elif path == "/away":
            handler.send_response(302)
            handler.send_header("Location", "file:///etc/passwd")
            handler.end_headers()
        elif path == "/endless.mp4":
            handler.send_response(200)
            handler.send_header("Content-Type", "video/mp4")
            handler.end_headers()
            handler.wfile.write(self.video[:2000])
            while True:
                handler.wfile.write(bytes(1 << 18))
        elif path == "/hanging.mp4" and self.hanging:
            handler.send_response(200)
            handler.send_header("Content-Type", "video/mp4")
            handler.send_header("Content-Length", "100000")
            handler.end_headers()
            handler.wfile.write(self.video[:500])
            handler.wfile.flush()
            time.sleep(60)
        elif path == "/shaky.mp4" and self.broken > 0:
            self.broken -= 1
            handler.send_error(503)
        elif path.endswith(".mp4") and path != "/missing.mp4":
            self.send(handler, self.video, "video/mp4")
        elif path == "/page":
            self.send(handler, b"<html><body>nothing here</body></html>", "text/html")
        else:
            handler.send_error(404)

    def send(self, handler: Any, data: bytes, kind: str) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", kind)
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        if handler.command != "HEAD":
            handler.wfile.write(data)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    path = films.write(tmp_path / "made.mp4", films.numbered(20, width=192, height=128), fps=10)
    site = Site(path.read_bytes())

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            with suppress(OSError):
                site.answer(self)

        do_HEAD = do_GET  # noqa: N815 - as the base class has it

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    site.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield site
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def home(tmp_path: Path, test_data: Path) -> Home:
    """A home that may fetch."""
    pytest.importorskip("yt_dlp")
    return build_home(
        tmp_path / "home",
        models={"weights": str(test_data / "weights")},
        download={"enabled": True, "max_mb": 2, "timeout_s": 1.5},
        jobs={"retry_s": 0.5},
    )
