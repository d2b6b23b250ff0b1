"""`rollcall people why FACE`: why a face is whose."""

from __future__ import annotations

from contextlib import closing
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from daemon.commands.common import NUMBER, config_option, json_option, open_catalog, print_json

if TYPE_CHECKING:
    import sqlite3

    from catalog.evidence import Bars
    from daemon.people.curve import Calibration
    from daemon.settings import Settings


@click.command("why", epilog="Example: rollcall people why 1234")
@click.argument("face", type=NUMBER)
@config_option
@json_option
def why(settings: Settings, face: int, *, as_json: bool) -> None:
    """Say why FACE (a number from `search` or the pages) is whose, in a sentence for each verdict.

    Thresholds, models and the second person are those of now; the other numbers are those of the
    decision.
    """
    from catalog import evidence, sentences

    with closing(open_catalog(settings)) as connection:
        connection.execute("BEGIN")  # one state of the catalog from the first read to the last
        found = evidence.of_face(connection, face, _bars(connection, settings))
    told = sentences.told(found)
    if as_json:
        print_json({**asdict(found), "told": told})
        return
    click.echo(f"face {face} in {str(found.path).replace(chr(10), chr(92) + 'n')}:")
    for line in told:
        click.echo(f"  {line}")


def _bars(connection: sqlite3.Connection, settings: Settings) -> dict[str, Bars]:
    """By model, and `all` for the decision: what the settings and calibrations ask for now."""
    from daemon.people.ensemble import Ensemble

    ensemble = Ensemble.read(connection)
    models = {it.embedder.model: it.calibration for it in ensemble.members}
    every = {"all": ensemble.calibration, **models} if ensemble.members else {}
    (people,) = connection.execute(
        """SELECT count(DISTINCT ifnull(people.merged_into, people.id))
           FROM exemplars JOIN people ON people.id = person_id WHERE state = 'used'"""
    ).fetchone()
    return {model: _bar(settings, calibration, people) for model, calibration in every.items()}


def _bar(settings: Settings, calibration: Calibration, people: int) -> Bars:
    from catalog.evidence import Bars
    from daemon.people.limits import limits

    allowed = limits(settings.identify, calibration)
    return Bars(
        threshold=allowed.named_from(people),
        margin=allowed.margin,
        group_threshold=allowed.group_threshold,
        found_quality=allowed.found_quality,
        found_track_quality=allowed.found_track_quality,
    )
