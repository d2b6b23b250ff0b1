"""What the networks and the stages of one photograph cost, by size, batch, threads and device.

YuNet beside OpenCV's own `FaceDetectorYN` on the same file and picture; Dlib's network beside dlib
itself (`face_recognition_model_v1` on the same chips, with the largest difference of their
numbers); MTCNN; then each stage over the example photographs. The same on a graphics card where
`daemon.allotment` finds one. Everything is measured in turn, round after round; the table gives
medians. Run: python -m benchmarks.engine [--json] [--rounds N] [--batches 1 4 …] [--limit N]
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import faceless, networks, report, stages
from benchmarks.stopwatch import card_load, race
from daemon.allotment import choose
from daemon.hardware import survey
from daemon.settings import Models, Paths, Settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.stopwatch import Contestant, Timing


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    options = _options(arguments)
    data = report.data_folder()
    with tempfile.TemporaryDirectory() as state:
        settings = Settings(
            paths=Paths(state=Path(state)), models=Models(weights=data / "weights", download=False)
        )
        card = networks.proven(choose(survey(), "auto"), settings)
        bench = networks.prepare(data, settings, options.batches)
        contestants = [*networks.ours(bench), *networks.opencv(bench), *networks.dlib(bench)]
        kits = {str(it): stages.Kit.load(settings, threads=it) for it in bench.threads}
        if card.device != "cpu":
            contestants += networks.ours(bench, card)
            with networks.on(card):
                kits[card.device] = stages.Kit.load(settings, threads=1)
        rows = network_rows(contestants, race(contestants, rounds=options.rounds))
        photos = photographs()[: options.limit]
        means, faces = stages.measured(photos, kits, options.rounds)
        result = {
            "card": card.device if card.device != "cpu" else f"none: {card.why}",
            "networks": rows,
            "largest_difference": networks.differences(bench),
            "photographs": len(photos),
            "faces": faces,
            "stages": means,
        }
    report.publish(result, as_text(result), as_json=options.json)


def network_rows(
    contestants: Sequence[Contestant], timings: Sequence[Timing]
) -> list[dict[str, Any]]:
    """A row for each, in the order of tasks; `peer` is how many times as long the peer took."""
    entries = sorted(
        zip(contestants, timings, strict=True),
        key=lambda pair: (pair[0].task, pair[0].items, pair[0].device, pair[0].threads),
    )
    return [_row(it, timing, _peer(it, entries)) for it, timing in entries]


def _row(it: Contestant, timing: Timing, peer: Timing | None) -> dict[str, Any]:
    return {
        **{"task": it.task, "by": it.by, "device": it.device},
        **{"threads": it.threads, "batch": it.items},
        "ms": round(timing.median_ms, 2),
        "range": [round(min(timing.ms), 2), round(max(timing.ms), 2)],
        "cpu_ms": round(timing.median_cpu_ms, 2),
        "peer": peer and round(peer.so_many_times(timing), 2),
        "peer_cpu": peer and round(peer.median_cpu_ms / timing.median_cpu_ms, 2),
        "card_load": None if it.device == "cpu" else card_load(it.run),
    }


def _peer(it: Contestant, entries: Sequence[tuple[Contestant, Timing]]) -> Timing | None:
    """The peer's time for the same task, with as many threads where it has a choice."""
    if it.by in networks.PEERS:
        return None
    found = {
        other.threads: timing
        for other, timing in entries
        if other.by in networks.PEERS and (other.task, other.items) == (it.task, it.items)
    }
    return found.get(it.threads, found.get(1))


def photographs() -> list[Path]:
    """The example photographs and the portraits of reference people."""
    return [
        path
        for folder in report.photo_folders()
        for path in sorted(folder.rglob("*"))
        if path.suffix.lower() in faceless.SUFFIXES
    ]


def as_text(result: dict[str, Any]) -> str:
    """The result for people."""
    carded = any(it["card_load"] is not None for it in result["networks"])
    rows = [
        (
            *(f"{it['task']}, {it['by']}", it["device"], it["threads"], it["batch"]),
            *(f"{it['ms']:.2f}", f"{it['range'][0]:.2f}-{it['range'][1]:.2f}"),
            *(f"{it['cpu_ms']:.2f}", it["peer"] or "", it["peer_cpu"] or ""),
            *(["" if it["card_load"] is None else f"{it['card_load']:.0f}"] if carded else []),
        )
        for it in result["networks"]
    ]
    columns = (
        *("", "device", "threads", "batch", "ms an item", "range", "processor ms"),
        *("peer takes so many times", "processor", *(["card busy %"] if carded else [])),
    )
    apart = [f"{name}: {value:.2g}" for name, value in result["largest_difference"].items()]
    return "\n\n".join(
        [
            f"Graphics card: {result['card']}",
            report.table(columns, rows),
            "Largest difference from the peer: " + "; ".join(apart),
            f"{result['photographs']} photographs, {result['faces']} faces; ms a photograph, and a "
            "face where the work is the faces':",
            _stage_table(result),
        ]
    )


def _stage_table(result: dict[str, Any]) -> str:
    means = result["stages"]
    a_face = result["photographs"] / max(1, result["faces"])
    rows = []
    for stage in stages.STAGES:
        cells = [means[kit][stage] for kit in means]
        each = [a_face * it["ms"] if stage in stages.OF_FACES else None for it in cells]
        rows.append(
            (
                stage,
                *(f"{it[key]:.2f}" for it in cells for key in ("ms", "cpu_ms")),
                *("" if it is None else f"{it:.2f}" for it in each),
            )
        )
    names = [f"{it} thread{'s' * (it != '1')}" if it.isdigit() else it for it in means]
    columns = [it for name in names for it in (f"ms, {name}", "processor")]
    return report.table(("", *columns, *(f"a face, {name}" for name in names)), rows)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m benchmarks.engine")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument(
        "--batches", type=int, nargs="+", default=[1, 4, 16, 64], help="chips at once"
    )
    parser.add_argument("--limit", type=int, help="only so many photographs, for a quick look")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
