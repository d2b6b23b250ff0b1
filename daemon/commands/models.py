"""`rollcall models`: which models there are, where their weights lie, getting them and checking
them.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

from daemon.commands.common import config_option, json_option, print_json
from daemon.errors import EnvironmentTrouble, NoWeights, RollcallError
from daemon.faces import packages
from daemon.faces.geometry import GEOMETRIES
from daemon.faces.plan import plan
from daemon.faces.registry import MODELS
from daemon.faces.weights import Weights, find_weights, form_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from daemon.faces.registry import ModelEntry
    from daemon.settings import Settings

_FETCH_TIMEOUT_S = 30.0
_COLUMNS = ("name", "kind", "status", "form", "geometry", "licence")
_VERDICTS = {
    "ok": "as known",
    "mismatch": "NOT THE KNOWN FILE",
    "unlisted": "nothing to compare with",
}


@click.group()
def command() -> None:
    """List, fetch and check the models that look at faces.

    \b
    Example:
      rollcall models list
    """


@command.command("list")
@config_option
@json_option
def list_models(settings: Settings, *, as_json: bool) -> None:
    """Show every model, which are in use, where the weights are or would come from, the form of
    their file, the crop that they are fed, and their licence.

    \b
    Example:
      rollcall models list --json
    """
    used, notes = _used(settings)
    rows = [_row(model, settings, used) for model in MODELS.values()]
    if as_json:
        print_json({"models": rows, "notes": notes})
        return
    widths = [max(len(str(row[key])) for row in rows) for key in _COLUMNS]
    for row in rows:
        mark = "*" if row["in_use"] else " "
        cells = [str(row[key]).ljust(width) for key, width in zip(_COLUMNS, widths, strict=True)]
        click.echo(f"{mark} {'  '.join(cells)}  {row['where']}".rstrip())
    click.echo("* in use")
    for note in notes:
        click.echo(note)


@command.command()
@click.argument("names", nargs=-1, metavar="[MODEL]...")
@config_option
@json_option
def fetch(names: tuple[str, ...], settings: Settings, *, as_json: bool) -> None:
    """Have DeepFace download the weights of the chosen models, or of those named.

    \b
    Example:
      rollcall models fetch yunet ArcFace
    """
    from daemon.faces.zoo import obtain

    chosen = names or (*settings.models.detector, *settings.models.recognizer)
    rows: list[dict[str, Any]] = []
    failures = []
    for name in dict.fromkeys(chosen):
        try:
            here = _found(name, settings) is not None
            weights = obtain(name, settings, timeout_s=_FETCH_TIMEOUT_S, again=True)
        except (NoWeights, EnvironmentTrouble) as error:
            failures.append(str(error))
            rows.append({"name": name, "status": "failed", "error": str(error)})
            continue
        status = "was here" if here else "fetched"
        rows.append({"name": name, "status": status, "paths": _paths(weights)})
        if not as_json:
            click.echo(f"{name}: {status}, {_place(weights)}")
    if as_json:
        print_json({"models": rows})
    if failures:
        raise EnvironmentTrouble("; ".join(failures))


@command.command()
@config_option
@json_option
def check(settings: Settings, *, as_json: bool) -> None:
    """Compare the SHA-256 of every weight file on this machine with the known ones.

    \b
    Example:
      rollcall models check
    """
    found = [weights for name in MODELS if (weights := _found(name, settings)) and weights.paths]
    rows = [
        {
            "name": weights.name,
            "verdict": weights.verdict,
            "sha256": weights.sha256,
            "paths": _paths(weights),
        }
        for weights in found
    ]
    if as_json:
        print_json({"models": rows})
    else:
        for weights in found:
            click.echo(
                f"{weights.name}: {_VERDICTS[weights.verdict]}, SHA-256 {weights.sha256}, "
                f"{_place(weights)}"
            )
    wrong = [weights for weights in found if weights.verdict == "mismatch"]
    if wrong:
        listed = ", ".join(path for weights in wrong for path in _paths(weights))
        raise EnvironmentTrouble(
            f"not the known file: {listed}; remove it and run `rollcall models fetch`"
        )


def _used(settings: Settings) -> tuple[set[str], tuple[str, ...]]:
    """The models in use, and what there is to say; where there is no plan, why."""
    try:
        chosen = plan(settings)
    except RollcallError as error:
        return set(), (str(error),)
    return {*chosen.detectors, *chosen.recognizers}, chosen.notes


def _row(model: ModelEntry, settings: Settings, used: Iterable[str]) -> dict[str, Any]:
    weights = _found(model.name, settings)
    missing = packages.missing(model, weights.backend if weights else "")
    files = model.weight_files(os.environ)
    if missing:
        needs = f"needs the Python package {missing}"
        status, where = "not usable", f"{needs}: {packages.remedy(missing)}"
    elif weights is not None:
        status, where = weights.source, _place(weights)
    elif settings.models.download and not (model.supplied or packages.missing_to_fetch(model)):
        status, where = "to download", ", ".join(files)
    else:
        status, where = "missing", ", ".join(files)
    return {
        "name": model.name,
        "kind": model.kind,
        "in_use": model.name in used,
        "status": status,
        "form": weights.form if weights else form_of(files[0]),
        "geometry": GEOMETRIES[model.name].name if model.name in GEOMETRIES else "",
        "where": where,
        "licence": model.licence,
    }


def _found(name: str, settings: Settings) -> Weights | None:
    try:
        return find_weights(name, settings.models, state=settings.paths.state)
    except NoWeights:
        return None


def _place(weights: Weights) -> str:
    """The file, or the folder of several."""
    if not weights.paths:
        return "inside its package"
    return str(weights.path if len(weights.paths) == 1 else weights.path.parent)


def _paths(weights: Weights) -> list[str]:
    return [str(path) for path in weights.paths]
