"""`rollcall calibrate`: thresholds and confidence from the faces that people confirmed."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

import click

from catalog import calibrations, jobs
from catalog.connect import connect, transaction
from daemon.commands.common import config_option, json_option, print_json
from daemon.errors import UsageError
from daemon.lock import CatalogLock
from daemon.people import in_force, recalibration
from daemon.people.curve import RATES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from daemon.people.curve import Calibration
    from daemon.people.recalibration import Recalibration
    from daemon.settings import Settings


@click.command(name="calibrate", epilog="Example: rollcall calibrate --dry-run")
@config_option
@json_option
@click.option("--dry-run", is_flag=True, help="Say what would change, and write nothing.")
@click.option("--reset", is_flag=True, help="Go back to what Rollcall comes with.")
def command(settings: Settings, *, as_json: bool, dry_run: bool, reset: bool) -> None:
    """Learn from reference pictures and confirmed faces how alike faces of one person are.

    Counts pairs of one person and pairs of strangers in your own catalog, corrects the confidence
    and the thresholds of each recognition model in use, and has everybody judged again.
    """
    with closing(connect(settings.catalog)) as connection:
        embedders = calibrations.active_embedders(connection)
        if not embedders:
            raise UsageError("no face has a vector yet; run `rollcall scan PATH` first")
        find = recalibration.from_start if reset else recalibration.from_own_faces
        found = [find(connection, embedder) for embedder in embedders]
        if not dry_run:
            with transaction(connection):
                for one in found:
                    in_force.record(connection, one.embedder, one.now)
                jobs.enqueue(connection, "repair", "whole")
    if as_json:
        print_json({"written": not dry_run, "embedders": [_as_json(one) for one in found]})
        return
    _print(found)
    click.echo(_what_follows(settings, dry_run=dry_run))


def _what_follows(settings: Settings, *, dry_run: bool) -> str:
    if dry_run:
        return "nothing was written: leave out --dry-run"
    if CatalogLock(settings.paths.state).owner() is not None:
        return "written; the running daemon judges everybody again"
    return "written; everybody is judged again at the next `rollcall watch` or `rollcall scan`"


def _print(found: Sequence[Recalibration]) -> None:
    for one in found:
        click.echo(f"{one.embedder.model} ({one.embedder.geometry}): {one.now.source}")
        if one.pairs is not None:
            click.echo(
                f"  {len(one.pairs.genuine):,} pairs of one person, "
                f"{len(one.pairs.impostor):,} of two"
            )
        click.echo(f"  before: {one.before.source}")
        click.echo(f"  {'threshold':<10}{'before':>8}{'now':>8}  wrong at most")
        for name, rate in RATES.items():
            before, now = one.before.thresholds[name], one.now.thresholds[name]
            click.echo(f"  {name:<10}{before:>8.4f}{now:>8.4f}  1 in {round(1 / rate):,}")


def _as_json(one: Recalibration) -> dict[str, Any]:
    pairs = one.pairs
    return {
        "embedder_id": one.embedder.id,
        "model": one.embedder.model,
        "geometry": one.embedder.geometry,
        "pairs": None
        if pairs is None
        else {
            "genuine": len(pairs.genuine),
            "impostor": len(pairs.impostor),
            "faces": pairs.faces,
            "people": pairs.people,
        },
        "before": _calibration(one.before),
        "now": _calibration(one.now),
    }


def _calibration(it: Calibration) -> dict[str, Any]:
    return {
        "source": it.source,
        "measured": it.measured,
        "curve": {"slope": it.curve.slope, "intercept": it.curve.intercept},
        "thresholds": dict(it.thresholds),
    }
