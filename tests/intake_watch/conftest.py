"""A listener that remembers, and a watcher over real folders that ends with the test."""

from __future__ import annotations

import os
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from daemon.intake.watch import Watcher
from daemon.settings import Intake

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

PATIENCE_S = 10.0


@dataclass
class Heard:
    """A Listener that writes down what it hears, with paths relative to a folder."""

    base: Path
    events: list[tuple[object, ...]] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)

    def seen(self, path: bytes, *, closed: bool | None) -> None:
        self._note("seen", self._name(path), closed)

    def gone(self, path: bytes, *, is_folder: bool) -> None:
        self._note("gone", self._name(path), is_folder)

    def moved(self, old: bytes, new: bytes, *, is_folder: bool) -> None:
        self._note("moved", self._name(old), self._name(new), is_folder)

    def lost(self, folder: bytes, why: str) -> None:
        self._note("lost", self._name(folder), why)

    def await_event(self, *event: object) -> None:
        """Wait until this was heard; fails with all that was."""
        self.await_that(lambda: event in self.events, str(event))

    def await_that(self, holds: Callable[[], bool], what: str) -> None:
        with self.changed:
            assert self.changed.wait_for(holds, PATIENCE_S), f"{what} not in {self.events}"

    def of_kind(self, kind: str) -> list[tuple[object, ...]]:
        with self.changed:
            return [event for event in self.events if event[0] == kind]

    def _name(self, path: bytes) -> str:
        return os.path.relpath(os.fsdecode(path), self.base)

    def _note(self, *event: object) -> None:
        with self.changed:
            self.events.append(event)
            self.changed.notify_all()


@pytest.fixture
def heard(tmp_path: Path) -> Heard:
    return Heard(base=tmp_path)


@pytest.fixture
def watch(tmp_path: Path, heard: Heard) -> Iterator[Callable[..., Watcher]]:
    """Start a watcher on folders of the test's own; afterwards no thread may be left."""
    started: list[Watcher] = []

    def start(*names: str, section: Intake | None = None, **options: object) -> Watcher:
        for name in names:
            (tmp_path / name).mkdir(exist_ok=True)
        roots = [os.fsencode(tmp_path / name) for name in names]
        watcher = Watcher(roots, section or Intake(), heard, **options)  # type: ignore[arg-type]
        watcher.start()
        started.append(watcher)
        return watcher

    before = set(threading.enumerate())
    yield start
    for watcher in started:
        watcher.stop()
    until = time.monotonic() + PATIENCE_S
    while (left := set(threading.enumerate()) - before) and time.monotonic() < until:
        time.sleep(0.01)
    assert not left
