from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import cv2
import pytest

from benchmarks import engine, networks, stopwatch
from benchmarks.stopwatch import Contestant, Timing, card_load, race
from daemon.allotment import Engine

if TYPE_CHECKING:
    from pathlib import Path

    from daemon.settings import Settings


def test_contestants_take_turns_in_every_round(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stopwatch, "_LEAST_S", 0.0)
    order: list[str] = []
    race(
        [
            Contestant(task="it", by=name, run=lambda name=name: order.append(name))
            for name in ("a", "b")
        ],
        rounds=3,
    )
    assert order == ["a", "b"] * 4  # the first call of each does not count


def test_waiting_counts_as_time_and_not_as_the_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stopwatch, "_LEAST_S", 0.0)
    asleep = Contestant(task="it", by="us", run=lambda: time.sleep(0.02), items=4)
    (timing,) = race([asleep], rounds=3)
    assert timing.median_ms >= 5
    assert timing.median_cpu_ms < 2.5


def test_opencv_has_the_threads_of_each_and_afterwards_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stopwatch, "_LEAST_S", 0.0)
    before = cv2.getNumThreads()
    seen: list[int] = []
    race(
        [
            Contestant(
                task="it", by="us", run=lambda: seen.append(cv2.getNumThreads()), threads=threads
            )
            for threads in (1, 3)
        ],
        rounds=1,
    )
    assert seen == [1, 3, 1, 3]
    assert cv2.getNumThreads() == before


def test_a_ratio_compares_within_each_round() -> None:
    slow = Timing(ms=(2.0, 40.0, 9.0), cpu_ms=(1.0, 1.0, 1.0))
    fast = Timing(ms=(1.0, 10.0, 3.0), cpu_ms=(1.0, 1.0, 1.0))
    assert slow.so_many_times(fast) == 3


def test_a_cards_load_is_what_nvidia_smi_says_after_its_first_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\necho 3\necho 40\necho 60\nexec sleep 60\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert card_load(lambda: time.sleep(0.05), seconds=0.5) == 50
    program.write_text("#!/bin/sh\necho '[N/A]'\n")
    assert card_load(lambda: None, seconds=0.0) is None
    monkeypatch.setenv("PATH", str(tmp_path / "nowhere"))
    assert card_load(lambda: None, seconds=0.0) is None


def test_a_card_that_cannot_be_had_is_told_and_not_measured(face_settings: Settings) -> None:
    card = Engine(device="cuda", provider="NoSuchExecutionProvider")
    answer = networks.proven(card, face_settings)
    assert answer.device == "cpu" and "NoSuchExecutionProvider" in answer.why


@pytest.mark.filterwarnings("ignore:Duplicate provider")
def test_a_quick_look_runs_to_the_end_and_measures_a_card_beside_the_processor(
    test_data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # Stands for a card; networks run on the processor all the same.
    card = Engine(device="cuda", provider="CPUExecutionProvider")
    monkeypatch.setenv("ROLLCALL_TEST_DATA", str(test_data))
    monkeypatch.setattr(engine, "choose", lambda *_: card)
    monkeypatch.setattr(engine, "card_load", lambda _: 42.0)
    monkeypatch.setattr(stopwatch, "_LEAST_S", 0.0)
    engine.main(["--rounds", "1", "--batches", "1", "2", "--limit", "1", "--json"])
    answer = json.loads(capsys.readouterr().out)
    assert answer["card"] == "cuda"
    apart = answer["largest_difference"]
    assert all(value < 0.01 for name, value in apart.items() if "pixels" in name)
    assert apart.get("Dlib's network", 0) < 1e-5
    rows = {(it["task"], it["by"], it["device"], it["threads"]) for it in answer["networks"]}
    assert ("YuNet, 1280 px", "OpenCV DNN", "cpu", 1) in rows
    assert ("YuNet, 640 px", "onnxruntime", "cuda", 1) in rows
    assert all(
        it["card_load"] == (42 if it["device"] == "cuda" else None) for it in answer["networks"]
    )
    measured = answer["stages"]["1"]
    assert all(measured[stage]["ms"] > 0 for stage in ("probe", "frames, first look", "embed"))
    assert engine.as_text(answer).count("cuda") > 3
