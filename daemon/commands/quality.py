"""`rollcall quality`: how good the faces of a photo are, and why; and what that is worth in the own
catalog.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from daemon.commands.common import config_option, json_option, open_catalog, photo_at, print_json
from daemon.errors import EnvironmentTrouble, UsageError

if TYPE_CHECKING:
    from daemon.pipeline import Examined
    from daemon.settings import Settings


@click.command(
    name="quality",
    epilog="Example: rollcall quality ~/Pictures/party.jpg --draw measured.png",
)
@click.argument("photo", required=False, type=click.Path(path_type=Path))
@config_option
@json_option
@click.option("--draw", type=click.Path(path_type=Path, dir_okay=False),
              help="A new file: the photo with boxes, landmarks, poses and bars.")  # fmt: skip
@click.option("--suggest", is_flag=True,
              help="What quality is worth among the faces that you confirmed, and from which on "
                   "one may found a person.")  # fmt: skip
def command(
    settings: Settings, *, photo: Path | None, as_json: bool, draw: Path | None, suggest: bool
) -> None:
    """Say how good each face of PHOTO is, by every measure, and what pulls it down. Nothing of it
    is kept.
    """
    if suggest == (photo is not None) or (suggest and draw is not None):
        raise UsageError("give a photo, or --suggest alone")
    if photo is None:
        _suggest(settings, as_json=as_json)
    else:
        _measure(settings, photo, draw, as_json=as_json)


def _measure(settings: Settings, photo: Path, draw: Path | None, *, as_json: bool) -> None:
    from daemon.pipeline import examine
    from daemon.stages import Stages

    path = photo_at(photo)
    if draw is not None and draw.suffix.lower() not in (".png", ".jpg", ".jpeg"):
        raise UsageError(f"{draw}: give a name that ends in .png or .jpg")
    if draw is not None and draw.exists():
        raise UsageError(f"{draw}: there is a file already; choose another name")
    found = examine(path, Stages.load(settings))
    if draw is not None:
        _draw(found, draw)
    if as_json:
        print_json({"faces": _faces(found)})
    else:
        _show(found)


def _suggest(settings: Settings, *, as_json: bool) -> None:
    from daemon.people import found_by_quality
    from daemon.people.ensemble import Ensemble
    from daemon.people.limits import limits

    with closing(open_catalog(settings)) as connection:
        connection.execute("BEGIN")  # one state of the catalog from the first read to the last
        members = Ensemble.read(connection).members
        if not members:
            raise UsageError("the catalog holds no faces yet; scan some photos first")
        embedder = members[0].embedder
        allowed = limits(settings.identify, members[0].calibration)
        bands = found_by_quality.bands(connection, embedder, allowed.threshold)
    least = found_by_quality.suggested(bands)
    if as_json:
        print_json({"bands": [asdict(it) for it in bands], "found_quality": least})
        return
    click.echo(f"confirmed faces, found by good pictures of their people ({embedder.model}):")
    for it in bands:
        share = "" if it.found is None else f"{100 * it.found:5.1f} %"
        click.echo(f"  quality {it.low:.2f} to {it.high:.2f}: {it.faces:6,} faces  {share}")
    if least is None:
        click.echo("too few confirmed faces to suggest anything; confirm more, poor ones too")
    else:
        now = settings.identify.found_quality
        click.echo(f"suggested: [identify] found_quality = {least} (now {now})")


def _faces(found: Examined) -> list[dict[str, Any]]:
    return [
        {
            "box": [round(found.scale * it, 1) for it in (face.x, face.y, face.w, face.h)],
            "quality": round(quality.score, 4),
            "reasons": list(quality.reasons),
            "measures": {name: round(value, 4) for name, value in quality.measures.items()},
        }
        for face, quality in found.faces
    ]


def _show(found: Examined) -> None:
    from catalog.measures import MEASURES

    if not found.faces:
        click.echo("no face was found in this picture")
    for number, face in enumerate(_faces(found), 1):
        x, y, w, h = (round(it) for it in face["box"])
        why = ": " + ", ".join(face["reasons"]) if face["reasons"] else ""
        click.echo(f"face {number}, {w} x {h} px at {x}, {y}: quality {face['quality']:.2f}{why}")
        for name, it in MEASURES.items():
            if name in face["measures"]:
                click.echo(f"  {name:<14} {face['measures'][name]:>10.4g} {it.unit:<16} {it.says}")


def _draw(found: Examined, path: Path) -> None:
    import cv2

    from daemon.faces.drawing import drawn

    image = drawn(found.picture, found.faces)
    _, data = cv2.imencode(path.suffix, image[:, :, ::-1])
    try:
        path.write_bytes(bytes(data))
    except OSError as error:
        raise EnvironmentTrouble(f"{path}: cannot be written ({error.strerror})") from error
