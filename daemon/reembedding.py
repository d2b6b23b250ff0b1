"""Vectors by the chosen models for all faces there are, from their stored crops; when no face lacks
one, they are what is compared.

What is done is told by the catalog's rows alone, so it may end at any moment and go on later. New
photos meanwhile get the vectors of the old models and of the new ones by themselves.
"""

from __future__ import annotations

import logging
from collections import deque
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from catalog import clock, embeddings, jobs, recompute, track_vectors
from catalog.records import StepRecord
from daemon import ledger, worker
from daemon.dispatch import START_S
from daemon.errors import EnvironmentTrouble, RollcallError
from daemon.people import in_force
from daemon.pool import WorkerDied
from daemon.shelf import Shelf
from daemon.tasks import VectorTask

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterator, Sequence
    from concurrent.futures import Future

    from catalog.recompute import Behind
    from catalog.records import EmbedderRecord
    from daemon.shelf import Taken
    from daemon.supervisor import Supervisor
    from daemon.tasks import VectorAnswer

logger = logging.getLogger(__name__)

# Faces in one task and one transaction: a sixth of a second of a worker and some milliseconds of
# the writer with Dlib; a photo's own are not divided. Media without faces are a row each.
FACES_AT_ONCE, MEDIA_AT_ONCE = 32, 200
FACE_S = 1.0
POLL_S = 0.2
OPINIONS_AT_ONCE = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Some media with those of their faces that need vectors, as far as they have crops."""

    media: tuple[Behind, ...]
    taken: tuple[Taken, ...]
    started_at: str


@dataclass(slots=True, kw_only=True)
class Reembedding:
    """One run. `rest` returns when no new file needs the workers; both it and `check` raise when
    the daemon ends.
    """

    supervisor: Supervisor
    job_id: int
    rest: Callable[[], None]
    check: Callable[[], None]
    kinds: tuple[EmbedderRecord, ...] = ()
    faces: int = 0
    without: set[int] = field(default_factory=set)
    failed: set[int] = field(default_factory=set)

    def run(self) -> dict[str, Any]:
        """All of it; returns what was done. Raises RollcallError where the models do not start."""
        self.kinds = tuple(self._answer(self._submit(())).seconds)
        while (switched := self._complete()) is None:
            self.rest()
        self.supervisor.identification.wake()
        write = self.supervisor.writer.run
        while write(lambda it: recompute.end_opinions(it, limit=OPINIONS_AT_ONCE)):
            pass
        return {
            "models": [kind.model for kind in self.kinds],
            "faces": self.faces,
            "without_crop": len(self.without),
            "failed_media": sorted(self.failed),
            "switched": switched,
        }

    def _complete(self) -> bool | None:
        """Fill in until a pass finds nothing, then compare by the new vectors; see `switch`."""
        with Shelf(self.supervisor.settings.catalog) as shelf:
            above = recompute.last_face(shelf.catalog)
            while self._pass(shelf):
                pass
        return self.supervisor.writer.run(lambda it: self._switch(it, above))

    def _switch(self, connection: sqlite3.Connection, above: int) -> bool | None:
        switched = recompute.switch(connection, self.kinds, above=above)
        if switched:
            in_force.begin(connection)
        elif switched is False and self.faces:
            jobs.enqueue(connection, "repair", "whole")
        return switched

    def _pass(self, shelf: Shelf) -> bool:
        """Once through all media; whether there was anything to do."""
        width = self.supervisor.allotment.workers
        in_hand: deque[tuple[Batch, Future[VectorAnswer]]] = deque()
        worked = False
        for batch in self._batches(shelf):
            worked = True
            in_hand.append((batch, self._submit(batch.taken)))
            if len(in_hand) > width:
                self._finish(*in_hand.popleft())
        while in_hand:
            self._finish(*in_hand.popleft())
        return worked

    def _batches(self, shelf: Shelf) -> Iterator[Batch]:
        after = 0
        media: list[Behind] = []
        face_ids: list[int] = []
        while found := recompute.media_after(
            shelf.catalog, self.kinds, after=after, limit=MEDIA_AT_ONCE
        ):
            after = found[-1].media_id
            for behind in found:
                wanted = self._wanted(shelf, behind)
                if wanted is None:
                    continue
                media.append(behind)
                face_ids += wanted
                if len(face_ids) >= FACES_AT_ONCE or len(media) >= MEDIA_AT_ONCE:
                    yield self._batch(shelf, media, face_ids)
                    media, face_ids = [], []
        if media:
            yield self._batch(shelf, media, face_ids)

    def _wanted(self, shelf: Shelf, behind: Behind) -> list[int] | None:
        """The faces of a media that need vectors; None where there is nothing to do on it."""
        if behind.media_id in self.failed:
            return None
        marks = {kind.model: self._step(kind, behind).fingerprint for kind in self.kinds}
        if any(behind.embed.get(model) != mark for model, mark in marks.items()):
            return recompute.faces_of(shelf.catalog, behind.media_id)
        return [it for it in behind.lacking if it not in self.without] or None

    def _batch(self, shelf: Shelf, media: Sequence[Behind], face_ids: Sequence[int]) -> Batch:
        self.rest()
        taken = tuple(shelf.take(face_ids))
        self.without |= set(face_ids) - {it.place.face_id for it in taken}
        return Batch(media=tuple(media), taken=taken, started_at=clock.now())

    def _submit(self, taken: Sequence[Taken]) -> Future[VectorAnswer]:
        limit_s = self.supervisor.settings.workers.timeout_s + START_S + FACE_S * len(taken)
        task = VectorTask(faces=tuple(it.face for it in taken), kinds=self.kinds)
        return self.supervisor.pool.submit(worker.compute_vectors, task, timeout_s=limit_s)

    def _answer(self, future: Future[VectorAnswer]) -> VectorAnswer:
        while True:
            try:
                return future.result(timeout=POLL_S)
            except FutureTimeoutError:
                self.check()

    def _finish(self, batch: Batch, future: Future[VectorAnswer]) -> None:
        try:
            answer = self._answer(future)
        except RollcallError:
            raise
        except WorkerDied as error:
            self._divide(batch, error)
            return
        if set(answer.seconds) != set(self.kinds):
            raise EnvironmentTrouble(
                "a recognition model's weights changed in the middle; restart the daemon, then run "
                "`rollcall recompute embed` again"
            )
        self.supervisor.writer.run(lambda it: self._write(it, batch, answer))

    def _divide(self, batch: Batch, error: WorkerDied) -> None:
        """A batch that took its worker along is tried media by media, and a media once."""
        if len(batch.media) == 1:
            media_id = batch.media[0].media_id
            logger.error("no new vectors for the faces of media %d: %s", media_id, error)
            self.failed.add(media_id)
            self.without |= {it.place.face_id for it in batch.taken}
            return
        logger.warning("a batch of %d faces failed (%s): media by media", len(batch.taken), error)
        for behind in batch.media:
            taken = tuple(it for it in batch.taken if it.place.media_id == behind.media_id)
            one = Batch(media=(behind,), taken=taken, started_at=batch.started_at)
            self._finish(one, self._submit(taken))

    def _write(self, connection: sqlite3.Connection, batch: Batch, answer: VectorAnswer) -> None:
        """The vectors of a batch and its lines of the ledger, where its crops are still the
        same.
        """
        counts: dict[int, int] = {}
        for it, vectors in zip(batch.taken, answer.vectors, strict=True):
            if not vectors:
                self.without.add(it.place.face_id)
            elif embeddings.write(connection, it.place, vectors):
                counts[it.place.media_id] = counts.get(it.place.media_id, 0) + 1
        track_vectors.renew_of(connection, [it.place.face_id for it in batch.taken])
        self.faces += sum(counts.values())
        for behind in batch.media:
            for kind in self.kinds:
                record = self._line(kind, behind, batch, answer, counts.get(behind.media_id, 0))
                embeddings.note(connection, behind.media_id, behind.align, record)
        connection.execute(
            """UPDATE jobs SET progress = CAST(? AS REAL) / (SELECT max(id) FROM media)
               WHERE id = ?""",
            [batch.media[-1].media_id, self.job_id],
        )

    def _line(
        self, kind: EmbedderRecord, behind: Behind, batch: Batch, answer: VectorAnswer, faces: int
    ) -> StepRecord:
        planned = self._step(kind, behind)
        return StepRecord(
            step="embed",
            model=kind.model,
            fingerprint=planned.fingerprint,
            parameters=planned.parameters,
            started_at=batch.started_at,
            seconds=round(answer.seconds[kind] * faces, 6),
            device=answer.devices[kind],
        )

    def _step(self, kind: EmbedderRecord, behind: Behind) -> ledger.Planned:
        return ledger.embed_step(kind, behind.align)
