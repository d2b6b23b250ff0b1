"""The models of one worker, loaded: the settings' own, and beside them those by whose vectors the
catalog's faces are compared until its change of models is complete.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from catalog.records import EmbedderRecord
from daemon import ledger
from daemon.errors import EnvironmentTrouble, NoWeights, UsageError
from daemon.faces import device, zoo
from daemon.faces.eye_points import Predictor
from daemon.faces.plan import plan as plan_models
from daemon.faces.weights import find_weights
from daemon.settings import Embed

if TYPE_CHECKING:
    from collections.abc import Iterable

    from daemon.faces.values import Detector, Embedder
    from daemon.settings import Settings

logger = logging.getLogger(__name__)
MIRRORED = "+mirror"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stages:
    """The loaded models of this worker and the settings they run under."""

    settings: Settings
    detector: Detector
    embedders: tuple[Embedder, ...]
    steps: dict[tuple[str, str], ledger.Planned]
    video_steps: dict[tuple[str, str], ledger.Planned] = field(default_factory=dict)
    threads: int = 1
    eye_points: Predictor | None = None
    beside: dict[EmbedderRecord, Embedder | None] = field(default_factory=dict)

    @classmethod
    def load(cls, settings: Settings, *, threads: int = 1) -> Stages:
        """Load the models that the settings and the weights on this machine give."""
        models = plan_models(settings)
        detector = zoo.build_detectors(models.detectors, settings, threads=threads)
        embedders = tuple(
            zoo.build_embedder(name, settings, threads=threads) for name in models.recognizers
        )
        steps = ledger.planned_steps(settings, detector, embedders)
        return cls(
            settings=settings,
            detector=detector,
            embedders=embedders,
            steps=steps,
            video_steps=ledger.planned_video_steps(settings, detector, embedders),
            threads=threads,
            eye_points=Predictor.load() if settings.quality.eye_points else None,
        )

    def embedder(self, kind: EmbedderRecord) -> Embedder | None:
        """The model that makes vectors of this kind: one of the settings' own, else one that is
        loaded for it; None where its weights are not on this machine.
        """
        own = next((it for it in self.embedders if kind_of(it) == kind), None)
        if own is not None:
            return own
        if kind not in self.beside:
            self.beside[kind] = built = _build(kind, self.settings, threads=self.threads)
            if built is not None and self.is_noted(built):
                for steps in (self.steps, self.video_steps):
                    align = steps["align", ""].fingerprint
                    steps["embed", built.name] = ledger.embed_step(kind, align)
        return self.beside[kind]

    def embedders_for(self, compared: Iterable[EmbedderRecord]) -> list[Embedder]:
        """The settings' own embedders, and those of the `compared` kinds that can be had."""
        found = list(self.embedders)
        for kind in dict.fromkeys(compared):
            embedder = self.embedder(kind)
            if embedder is not None and embedder not in found:
                found.append(embedder)
        return found

    def is_noted(self, embedder: Embedder) -> bool:
        """Whether the ledger has a line for it: one for each model's name, so that a model which
        looks in two ways (with its mirror image and without) has that of the settings.
        """
        return embedder in self.embedders or embedder.name not in [it.name for it in self.embedders]

    def device(self, model: str) -> str:
        """What a model runs on, as the ledger names it; all else is the processor's."""
        beside = [it for it in self.beside.values() if it is not None]
        models: tuple[Detector | Embedder, ...] = (self.detector, *self.embedders, *beside)
        return next((device.of(it) for it in models if it.name == model), "cpu")


def kind_of(embedder: Embedder) -> EmbedderRecord:
    """What tells an embedder's vectors from every other's."""
    return EmbedderRecord(
        model=embedder.name,
        weights_sha256=embedder.weights_sha256,
        geometry=embedder.geometry,
        dimensions=embedder.dimensions,
    )


def _build(kind: EmbedderRecord, settings: Settings, *, threads: int) -> Embedder | None:
    """A model that the settings do not choose (any more). Nothing is downloaded for it."""
    mirror = kind.geometry.endswith(MIRRORED)
    chosen = settings.model_copy(update={"embed": Embed(mirror=mirror)})
    try:
        weights = find_weights(kind.model, settings.models, state=settings.paths.state)
        if weights.sha256 == kind.weights_sha256:
            built = zoo.build_embedder(kind.model, chosen, threads=threads)
            if kind_of(built) == kind:
                return built
    except (NoWeights, EnvironmentTrouble, UsageError) as error:
        logger.warning("no vectors of %s (%s): %s", kind.model, kind.geometry, error)
        return None
    logger.warning("no vectors of %s (%s): its weights changed", kind.model, kind.geometry)
    return None
