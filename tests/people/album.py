"""Photos that come, change and go in a catalog, and the daemon's own thread that judges them, run
in place: killed wherever a test wants, and with people deciding while it thinks.
"""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from catalog import arrivals, jobs, looks
from catalog.connect import transaction
from catalog.files import FileStat
from catalog.media import commit_part
from catalog.records import PartRecord
from daemon.identification import Identification
from daemon.people import identifier
from tests.makers import face_record, sha
from tests.makers import looks as seen

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Sequence

    from daemon.settings import Settings
    from daemon.tasks import Answer, Question
    from tests.makers import Maker, Vectors

PATIENCE = jobs.Patience(max_attempts=3, retry_s=0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A face in a picture: where, what its vector is, and how good it is."""

    x: float
    vector: Vectors
    quality: float = 0.8


@dataclass
class Album:
    """Files of a catalog by path, each with its content and what is to be seen."""

    make: Maker
    crops: sqlite3.Connection
    photos: dict[bytes, tuple[str, list[Shown]]] = field(default_factory=dict)

    def arrive(self, path: bytes, sha256: str, shown: Sequence[Shown]) -> int:
        """Content at a path, new or in place of another, and read; returns its media."""
        stat = FileStat(bytes=len(self.photos) + 1, mtime_ns=int(sha256[:8], 16), inode=1, device=1)
        self.make.run(arrivals.record, path, stat, sha256)
        self.photos[path] = (sha256, list(shown))
        return self.read(path)

    def read(self, path: bytes) -> int:
        """The photo is read, perhaps once more, as the worker and the writer do it."""
        sha256, shown = self.photos[path]
        media_id: int = self.make.value("SELECT id FROM media WHERE sha256 = ?", sha256)
        self.make.run(jobs.enqueue, "ingest", sha256, media_id=media_id)
        (job,) = self.make.run(jobs.claim, "ingest", 1, owner="worker")
        faces = [face_record((it.x, 0, 100, 120), it.vector, quality=it.quality) for it in shown]
        record = PartRecord(sha256=sha256, faces=tuple(faces))
        with transaction(self.make.connection), transaction(self.crops):
            state = commit_part(self.make.connection, self.crops, record, job, patience=PATIENCE)
        assert state == "done"
        return media_id

    def go(self, path: bytes) -> None:
        """The file is deleted."""
        self.make.run(arrivals.delete, path)
        del self.photos[path]

    def faces(self, path: bytes) -> list[int]:
        """The faces at a path in the order in which they are shown, as far as they stand."""
        rows = self.make.rows(
            """SELECT faces.id FROM faces JOIN media ON media.id = media_id
               WHERE sha256 = ? AND faces.state IN ('active', 'hidden') ORDER BY x, faces.id""",
            self.photos[path][0],
        )
        return [int(str(face)) for (face,) in rows]


@dataclass(frozen=True, slots=True)
class InPlace:
    """The identifier's function where its process should be."""

    settings: Settings

    def submit(self, _: object, question: Question, *, timeout_s: float) -> Future[Any]:
        """As the pool."""
        assert timeout_s > 0
        future: Future[Any] = Future()
        future.set_result(identifier.answer(question, self.settings))
        return future


class KilledError(BaseException):
    """The daemon is gone, with whatever it had in hand."""


class Judges:
    """The identification of the daemon, with the catalog's connection for its writer and the
    identifier's function for its process.
    """

    def __init__(self, make: Maker, settings: Settings) -> None:
        self._make, self.settings = make, settings
        self._writes_left: int | None = None
        self.meanwhile: Callable[[Answer], None] | None = None
        self._restart()

    def _restart(self) -> None:
        identifier._gallery = None
        self._identification = Identification(
            self,  # type: ignore[arg-type]
            self,  # type: ignore[arg-type]
            patience=PATIENCE,
            on_error=lambda error: None,
        )

    def drain(self, *, killed_after: int | None = None) -> None:
        """Do all that waits, or as many transactions of it and start again another time."""
        self._writes_left = killed_after
        try:
            self._identification._round()
        except KilledError:
            self._make.run(jobs.reclaim)
            self._restart()
        finally:
            self._writes_left, self.meanwhile = None, None

    def look_again(self) -> bool:
        """Take the second looks that were asked for; returns whether there were any."""
        asked = self._make.run(jobs.claim, looks.KIND, 100, owner="second looks")
        for job in asked:
            for face in job.payload["faces"]:
                for vector in self._make.vectors(face):
                    self._make.second_look(face, _jittered(vector))
            self._make.run(looks.close, job, [])
        return bool(asked)

    def come_to_rest(self) -> None:
        """Judge and look again until nothing waits."""
        self.drain()
        while self.look_again():
            self.drain()

    def restart(self) -> None:
        """Another process, which reads everybody anew."""
        self._restart()

    def repair(self) -> int:
        """The pass over everything; returns how many faces changed hands."""
        self._make.run(jobs.enqueue, "repair", "whole")
        before = self._identification.changed
        self.come_to_rest()
        return self._identification.changed - before

    def run(self, work: Callable[..., Any]) -> Any:
        """As the writer."""
        if self._writes_left == 0:
            raise KilledError
        if self._writes_left is not None:
            self._writes_left -= 1
        return self._make.run(work)

    def submit(self, task: object, question: Question, *, timeout_s: float) -> Future[Any]:
        """As the pool."""
        future = InPlace(self.settings).submit(task, question, timeout_s=timeout_s)
        if self.meanwhile is not None:
            meanwhile, self.meanwhile = self.meanwhile, None
            meanwhile(future.result())
        return future


def _jittered(vector: Vectors) -> Vectors:
    """What its jittered crops would give: nearly the same, and the same whenever it is asked."""
    seed = int.from_bytes(vector.tobytes()[:4], "little")
    found: Vectors = seen(vector, 1, seed, cosine=0.999)[0]
    return found


def content(number: int, version: int = 0) -> str:
    """What stands for a file's bytes."""
    return sha("content", number, version)
