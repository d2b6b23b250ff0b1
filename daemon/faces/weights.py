"""Where each model's weight files lie on this machine, and whether they are the known ones.

Looked in, in this order: the `[models] weights` folder, files inside installed packages (found
without importing them), DeepFace's download folder of this user, and the one below the state
folder, which is where Rollcall lets DeepFace download to. Nothing here loads a model, so the small
processes may import it.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Literal

from daemon.errors import NoWeights, UsageError
from daemon.faces.registry import KNOWN_SHA256, MODELS, ModelEntry

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from daemon.settings import Models

Verdict = Literal["ok", "mismatch", "unlisted"]
_DOWNLOADS = Path(".deepface", "weights")
_FORMS = {".onnx": "ONNX", ".dat": "dlib", ".pth": "PyTorch", ".pt": "PyTorch"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """The weight files of one model. `source` says where they were found: folder, package or
    download; `backend` for which of DeepFace's back ends they are, `any` where it does not matter.
    """

    name: str
    paths: tuple[Path, ...]
    source: str
    backend: str = "any"

    @property
    def path(self) -> Path:
        """The file, or the first of several."""
        return self.paths[0]

    @property
    def form(self) -> str:
        """What kind of file it is, in a word for people; empty where a model has no file."""
        return form_of(self.path.name) if self.paths else ""

    @property
    def sha256(self) -> str:
        """SHA-256 of the file; of several files, of their digests in order. Empty where a model has
        no file.
        """
        digests = [file_sha256(path) for path in self.paths]
        if len(digests) < 2:
            return "".join(digests)
        return hashlib.sha256("".join(digests).encode()).hexdigest()

    @property
    def verdict(self) -> Verdict:
        """`mismatch`: a file is not what its name says; `unlisted`: no digest is known for that
        name.
        """
        known = [KNOWN_SHA256.get(path.name) for path in self.paths]
        if any(
            digest is not None and file_sha256(path) != digest
            for path, digest in zip(self.paths, known, strict=True)
        ):
            return "mismatch"
        return "unlisted" if None in known else "ok"

    @property
    def known(self) -> bool:
        """Every file is bit for bit the known one."""
        return self.verdict == "ok"


def form_of(file: str) -> str:
    """What kind of file its name says it is."""
    suffix = PurePath(file).suffix
    return _FORMS.get(suffix, suffix.lstrip("."))


def entry(name: str) -> ModelEntry:
    """The registry's entry of a detector or recognition model. Raises UsageError for a name that
    nobody knows.
    """
    found = MODELS.get(name)
    if found is None:
        names = ", ".join(MODELS)
        raise UsageError(f"no model is called {name!r}; expected one of {names}")
    return found


def find_weights(
    name: str, models: Models, *, state: Path, environ: Mapping[str, str] = os.environ
) -> Weights:
    """The weights of the model `name`. Raises NoWeights, with the remedy, where they are nowhere on
    this machine.
    """
    model = entry(name)
    if not model.weight_files(environ):
        return Weights(name=name, paths=(), source="package")
    for backend, names in model.choices(environ):
        for folder, source in _places(model, models, state, environ):
            paths = tuple(folder / file for file in names)
            if all(_readable(path) for path in paths):
                return Weights(name=name, paths=paths, source=source, backend=backend)
    files = " or ".join(", ".join(names) for _, names in model.choices(environ))
    if model.supplied:
        raise NoWeights(
            f"{name}: {files}: none of these is on this machine; put one into a folder and name "
            "that folder in models.weights"
        )
    remedy = (
        "run `rollcall models fetch` where there is a network"
        if models.download
        else "set models.download = true"
    )
    raise NoWeights(
        f"{name}: {files} is nowhere on this machine; put it into a folder and "
        f"name that folder in models.weights, or {remedy}"
    )


def download_home(state: Path) -> Path:
    """What DEEPFACE_HOME is set to in Rollcall's own processes; the files lie in .deepface/weights
    below it.
    """
    return state / "deepface"


def download_folder(state: Path) -> Path:
    """Where DeepFace downloads weights to when Rollcall asks it."""
    return download_home(state) / _DOWNLOADS


def linked_home(weights: Weights, state: Path) -> Path:
    """A DEEPFACE_HOME in which DeepFace finds these weights, wherever they are: links to them below
    the state folder.
    """
    home = state / "models" / "deepface"
    files = entry(weights.name).files[weights.backend]
    for path, file in zip(weights.paths, files, strict=True):
        link = home / _DOWNLOADS / file
        if link.is_symlink() and link.readlink() == path.absolute():
            continue
        link.parent.mkdir(parents=True, exist_ok=True)
        fresh = link.with_name(f".{link.name}.{os.getpid()}")
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(path.absolute())
        fresh.replace(link)
    return home


def file_sha256(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal; remembered while size and modification time stay."""
    stat = path.stat()
    return _hash(path, stat.st_size, stat.st_mtime_ns)


@lru_cache(maxsize=256)
def _hash(path: Path, _size: int, _mtime_ns: int) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _places(
    model: ModelEntry, models: Models, state: Path, environ: Mapping[str, str]
) -> Iterator[tuple[Path, str]]:
    if models.weights is not None:
        yield models.weights, "folder"
    if model.package is not None:
        folder = package_folder(model.package)
        if folder is not None:
            yield folder / model.package_path, "package"
    # As DeepFace finds it; unlike Path.home() it does not fail for a user without a home.
    home = environ.get("DEEPFACE_HOME") or os.path.expanduser("~")  # noqa: PTH111
    yield Path(home) / _DOWNLOADS, "download"
    yield download_folder(state), "download"


def _readable(path: Path) -> bool:
    """Whether it is a file that may be read; not so where a folder above may not be entered."""
    return os.path.isfile(path) and os.access(path, os.R_OK)  # noqa: PTH113 - it never raises


def package_folder(package: str) -> Path | None:
    """The folder of an installed package, found without importing it."""
    try:
        spec = importlib.util.find_spec(package)
    except (ImportError, ValueError):  # a broken or half-removed installation
        return None
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(next(iter(spec.submodule_search_locations)))
