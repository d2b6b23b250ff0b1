"""`rollcall people why FACE`: why a face is whose."""

from __future__ import annotations

from contextlib import closing
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from daemon.commands.common import NUMBER, config_option, json_option, open_catalog, print_json

if TYPE_CHECKING:
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
    from daemon.people.bars import bars_now

    with closing(open_catalog(settings)) as connection:
        connection.execute("BEGIN")  # one state of the catalog from the first read to the last
        found = evidence.of_face(connection, face, bars_now(connection, settings))
    told = sentences.told(found)
    if as_json:
        print_json({**asdict(found), "told": told})
        return
    click.echo(f"face {face} in {str(found.path).replace(chr(10), chr(92) + 'n')}:")
    for line in told:
        click.echo(f"  {line}")
