"""A network that should run on a graphics card, up to the card: what is asked of onnxruntime, and
what happens where that fails. The card is made up; the network on the processor is real.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from daemon.allotment import Engine
from daemon.faces import device, session
from daemon.faces.session import Session

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

CUDA = Engine(device="cuda", provider="CUDAExecutionProvider")


@pytest.fixture(autouse=True)
def _back_to_the_processor() -> Iterator[None]:
    yield
    device.use(Engine())


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twice its input, rows × 4."""
    import onnx
    from onnx import TensorProto, helper

    shape = ["rows", 4]
    graph = helper.make_graph(
        [helper.make_node("Add", ["x", "x"], ["y"])],
        "twice",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, shape)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    path = tmp_path_factory.mktemp("networks") / "twice.onnx"
    onnx.save(model, path)
    return path


class FakeCard:
    """A session on a card: the real one on the processor, that fails as it is told to."""

    def __init__(self, real: Any, fails: str = "", fits: int = 1000) -> None:
        self.real, self.fails, self.fits, self.runs = real, fails, fits, 0

    def get_providers(self) -> list[str]:
        return ["CUDAExecutionProvider", "CPUExecutionProvider"]

    def run(self, names: Any, feed: dict[str, np.ndarray]) -> Any:
        self.runs += 1
        if self.fails:
            raise RuntimeError(self.fails)
        if len(feed["x"]) > self.fits:
            raise RuntimeError("CUDA failure 2: out of memory")
        return self.real.run(names, feed)


def _with_card(network: Path, **failing: Any) -> tuple[Session, list[Any]]:
    cards: list[Any] = []

    def create(path: Path, providers: Sequence[Any], threads: int) -> Any:
        real = session._create(path, ["CPUExecutionProvider"], threads)
        if len(providers) == 1:
            return real
        cards.append(FakeCard(real, **failing))
        return cards[-1]

    return Session(network, engine=CUDA, create=create), cards


def _ones(rows: int) -> dict[str, np.ndarray]:
    return {"x": np.ones((rows, 4), np.float32)}


def test_a_card_is_asked_for_first_with_the_processor_behind_it(network: Path) -> None:
    asked: list[Any] = []

    def create(path: Path, providers: Sequence[Any], threads: int) -> Any:
        asked.append((providers, threads))
        return FakeCard(session._create(path, ["CPUExecutionProvider"], threads))

    found = Session(network, engine=CUDA, threads=3, create=create)
    ((providers, threads),) = asked
    assert [providers[0][0], providers[1]] == ["CUDAExecutionProvider", "CPUExecutionProvider"]
    assert providers[0][1]["use_tf32"] == "0" and threads == 3
    assert (found.device, device.fallback()) == ("cuda", "")


def test_a_card_that_works_is_used(network: Path) -> None:
    found, cards = _with_card(network)
    assert (found.run(None, _ones(3))[0] == 2).all()
    assert (found.device, cards[0].runs) == ("cuda", 1)


def test_the_installed_runtime_without_the_provider_falls_back_with_the_reason(
    network: Path, caplog: pytest.LogCaptureFixture
) -> None:
    found = Session(network, engine=CUDA)  # the real onnxruntime
    assert (found.run(None, _ones(2))[0] == 2).all()
    assert found.device == "cpu" and found.get_providers() == ["CPUExecutionProvider"]
    assert "cannot load CUDAExecutionProvider" in caplog.text
    assert device.fallback().startswith("cuda: ")


def test_a_provider_that_cannot_open_the_network_falls_back(network: Path) -> None:
    def create(path: Path, providers: Sequence[Any], threads: int) -> Any:
        if len(providers) > 1:
            raise RuntimeError("CUDA failure 35: driver version is insufficient")
        return session._create(path, providers, threads)

    found = Session(network, engine=CUDA, create=create)
    assert (found.run(None, _ones(1))[0] == 2).all()
    assert found.device == "cpu" and "insufficient" in device.fallback()


def test_a_card_that_fails_is_given_up_for_good(
    network: Path, caplog: pytest.LogCaptureFixture
) -> None:
    found, cards = _with_card(network, fails="CUDA failure 719: unspecified launch failure")
    for _ in range(3):
        assert (found.run(None, _ones(2))[0] == 2).all()
    assert (found.device, cards[0].runs) == ("cpu", 1)
    assert "launch failure" in device.fallback() and len(caplog.records) == 1


def test_a_single_item_too_large_for_the_card_goes_to_the_processor_and_the_next_does_not(
    network: Path,
) -> None:
    found, cards = _with_card(network, fits=0)
    assert (found.run(None, _ones(1))[0] == 2).all()
    cards[0].fits = 10
    assert (found.run(None, _ones(1))[0] == 2).all()
    assert (found.device, cards[0].runs, device.fallback()) == ("cuda", 2, "")


def test_a_batch_too_large_for_the_card_is_for_the_caller_to_halve(network: Path) -> None:
    found, _ = _with_card(network, fits=1)
    with pytest.raises(RuntimeError, match="out of memory"):
        found.run(None, _ones(2))


def test_what_the_processor_cannot_do_either_is_no_fault_of_the_card(network: Path) -> None:
    found, _ = _with_card(network, fails="CUDA failure")
    with pytest.raises(Exception, match="Got: 3 Expected: 4"):
        found.run(None, {"x": np.ones((1, 3), np.float32)})
    assert found.device == "cuda"


def test_a_model_that_does_not_say_runs_on_the_processor(dlib_model: object) -> None:
    assert device.of(object()) == device.of(dlib_model) == "cpu"
