from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest

from daemon.errors import EnvironmentTrouble
from daemon.faces.dlib_format import read_network
from daemon.faces.dlib_network import convert
from daemon.faces.onnx_files import open_session, prepared
from daemon.faces.weights import find_weights
from daemon.settings import Models


@pytest.fixture(scope="module")
def source() -> Path:
    return find_weights("Dlib", Models(), state=Path("nowhere")).path


@pytest.fixture(scope="module")
def session(source: Path, face_state: Path):
    return open_session(prepared(source, state=face_state, kind="dlib", convert=convert))


def noise(count: int) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (count, 150, 150, 3), dtype=np.uint8)


def test_the_file_is_read_to_its_last_byte(source: Path) -> None:
    network = read_network(source.read_bytes())
    assert network.size == (150, 150)
    assert network.mean == pytest.approx((122.782, 117.001, 104.298), abs=1e-3)
    assert sum(layer.kind == "con" for layer in network.layers) == 29
    assert network.layers[-1].numbers == (128, 256)


def test_the_graph_gives_what_dlib_gives(source: Path, session) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dlib = pytest.importorskip("dlib", reason="dlib is not installed: nothing to compare with")
    theirs = dlib.face_recognition_model_v1(str(source))
    faces = noise(3)
    expected = np.array([list(vector) for vector in theirs.compute_face_descriptor(faces)])
    (found,) = session.run(None, {"faces": faces})
    assert np.abs(found - expected).max() < 5e-6
    assert np.abs(np.linalg.norm(found, axis=1) - 1).max() > 0.05  # and not of unit length


def test_a_face_has_the_same_vector_in_every_batch(session) -> None:
    faces = noise(7)
    (together,) = session.run(None, {"faces": faces})
    alone = np.concatenate([session.run(None, {"faces": face[None]})[0] for face in faces])
    assert np.abs(together - alone).max() < 1e-6


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda data: b"", id="empty"),
        pytest.param(lambda data: b"<html>404</html>" * 100, id="web-page"),
        pytest.param(lambda data: data[:5000], id="cut-off-early"),
        pytest.param(lambda data: data[:-3], id="cut-off-at-the-end"),
        pytest.param(lambda data: data[:20000].replace(b"affine_", b"refine_"), id="other-layer"),
        pytest.param(lambda data: b"\x0f" + b"\xff" * 300, id="huge-numbers"),
    ],
)
def test_another_file_is_refused_in_one_line(source: Path, damage) -> None:
    with pytest.raises(EnvironmentTrouble, match="not dlib's face recognition network") as caught:
        convert(damage(source.read_bytes()))
    assert "\n" not in str(caught.value)


def test_a_conversion_is_made_once(source: Path, tmp_path: Path) -> None:
    calls = []

    def count(data: bytes) -> bytes:
        calls.append(len(data))
        return b"converted"

    paths = {prepared(source, state=tmp_path, kind="x", convert=count) for _ in range(3)}
    assert len(paths) == 1 and len(calls) == 1
    assert paths.pop().read_bytes() == b"converted"


def test_a_conversion_that_fails_leaves_nothing_behind(source: Path, tmp_path: Path) -> None:
    def fail(data: bytes) -> bytes:
        raise EnvironmentTrouble("no")

    with pytest.raises(EnvironmentTrouble):
        prepared(source, state=tmp_path, kind="x", convert=fail)
    assert list((tmp_path / "models").iterdir()) == []


def test_another_source_gets_another_file(tmp_path: Path) -> None:
    sources = [tmp_path / name for name in ("a", "b")]
    for path in sources:
        path.write_bytes(path.name.encode())
    made = [prepared(path, state=tmp_path, kind="x", convert=lambda data: data) for path in sources]
    assert [path.read_bytes() for path in made] == [b"a", b"b"]
