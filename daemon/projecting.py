"""All faces in two dimensions by a method that keeps neighbours together. Runs in a worker."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from catalog import map as faces_map
from catalog.connect import connect
from catalog.vectors import renew

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from daemon.tasks import ProjectionTask

# Fewer faces have no neighbourhoods to keep.
_LEAST: Final = 5
_PERPLEXITY: Final = 30.0  # van der Maaten, Hinton: Visualizing Data using t-SNE, JMLR 2008


def project(task: ProjectionTask) -> list[tuple[int, float, float]]:
    """Number, x and y of at most `task.most` faces, evenly chosen, the same each time."""
    with closing(connect(task.catalog, readonly=True)) as connection:
        snapshot = renew(connection, None)
    there = np.flatnonzero(~snapshot.excluded)
    chosen = there[faces_map.sample(len(there), task.most)]
    if len(chosen) < _LEAST:
        return []
    places = faces_map.scaled(_placed(snapshot.matrix[chosen], task.method))
    ids = snapshot.face_ids[chosen]
    return [(int(face), float(x), float(y)) for face, (x, y) in zip(ids, places, strict=True)]


def _placed(matrix: NDArray[np.float32], method: str) -> NDArray[np.float32]:
    first = faces_map.principal(matrix)
    if method == "tsne":
        from sklearn.manifold import TSNE

        # As scikit-learn starts from principal components: their deviation is 1e-4.
        start = first / max(1e-12, float(first[:, 0].std())) * 1e-4
        model: Any = TSNE(
            perplexity=min(_PERPLEXITY, (len(matrix) - 1) / 3),
            init=start,
            metric="cosine",
            random_state=0,
            n_jobs=1,
        )
    else:
        import umap

        model = umap.UMAP(metric="cosine", random_state=0, n_jobs=1)
    return np.asarray(model.fit_transform(matrix), np.float32)
