"""`rollcall quality PATH`: how good the faces of a photo are, and why."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from daemon.commands.common import config_option, json_option, print_json
from daemon.errors import EnvironmentTrouble, UsageError

if TYPE_CHECKING:
    from daemon.pipeline import Examined
    from daemon.settings import Settings


@click.command(
    name="quality",
    epilog="Example: rollcall quality ~/Pictures/party.jpg --draw measured.png",
)
@click.argument("photo", type=click.Path(path_type=Path))
@config_option
@json_option
@click.option("--draw", type=click.Path(path_type=Path, dir_okay=False),
              help="A new file: the photo with boxes, landmarks, poses and bars.")  # fmt: skip
def command(settings: Settings, *, photo: Path, as_json: bool, draw: Path | None) -> None:
    """Say how good each face of PHOTO is, by every measure, and what pulls it down. Nothing of it
    is kept.
    """
    from daemon.pipeline import examine
    from daemon.stages import Stages

    if not os.path.isfile(photo):  # noqa: PTH113 - Path.is_file raises where it may not look
        raise UsageError(
            f"{photo}: there is no such file, or this user may not see it; check the spelling"
        )
    if draw is not None and draw.suffix.lower() not in (".png", ".jpg", ".jpeg"):
        raise UsageError(f"{draw}: give a name that ends in .png or .jpg")
    if draw is not None and draw.exists():
        raise UsageError(f"{draw}: there is a file already; choose another name")
    found = examine(os.fsencode(os.path.realpath(photo)), Stages.load(settings))
    if draw is not None:
        _draw(found, draw)
    if as_json:
        print_json({"faces": _faces(found)})
    else:
        _show(found)


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
    from daemon.faces.measures.table import MEASURES

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
