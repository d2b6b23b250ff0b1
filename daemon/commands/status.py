"""`rollcall status`: what is there, what is being done, and what needs an eye."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

import click

from catalog import status as facts
from daemon import comparable
from daemon.allotment import allot
from daemon.commands.common import config_option, json_option, open_catalog, print_json
from daemon.errors import EnvironmentTrouble
from daemon.faces import packages
from daemon.faces.plan import plan
from daemon.hardware import survey
from daemon.introduction import workers_now
from daemon.lock import CatalogLock
from daemon.people.in_force import unmeasured
from daemon.recompute import EMBED, needs_embed
from daemon.renewal import marks_of

if TYPE_CHECKING:
    import sqlite3

    from daemon.faces.plan import ModelPlan
    from daemon.settings import Settings


@click.command(name="status", epilog="Example: rollcall status --json")
@config_option
@json_option
@click.option("--failures", is_flag=True, help="List every file that could not be catalogued.")
def command(settings: Settings, *, as_json: bool, failures: bool) -> None:
    """Say what the catalog holds, whether the daemon runs and on which models, and what failed."""
    with closing(open_catalog(settings)) as connection:
        report = _report(settings, connection)
        if failures:
            rows = connection.execute("SELECT path, state, reason FROM failures ORDER BY path")
            report["failures"] = [dict(row) for row in rows]
    if as_json:
        print_json(report)
    else:
        _print(report)


def _report(settings: Settings, connection: sqlite3.Connection) -> dict[str, Any]:
    owner = CatalogLock(settings.paths.state).owner()
    said = facts.daemon(connection)
    models = _planned(settings)
    engine = _engine(settings, said["workers"] if owner else None, models)
    return {
        "catalog": str(settings.catalog),
        "running": None if owner is None else {"pid": owner.pid, "role": owner.role},
        "counts": facts.counts(connection),
        "roots": facts.roots_state(connection),
        "queue": facts.queue(connection),
        "videos_in_hand": facts.videos_in_hand(connection, workers=engine["count"]),
        "hardware": said["hardware"],
        "workers": said["workers"],
        "engine": engine,
        "out_of_reach": packages.out_of_reach(),
        "not_calibrated": unmeasured(connection),
        **_models(settings, connection, models),
    }


def _planned(settings: Settings) -> ModelPlan | EnvironmentTrouble:
    """The models that would be used now, or why there are none."""
    try:
        return plan(settings)
    except EnvironmentTrouble as error:
        return error


def _engine(
    settings: Settings, workers: dict[str, Any] | None, models: ModelPlan | EnvironmentTrouble
) -> dict[str, Any]:
    """What networks run on: what the running daemon says, else what would be chosen now."""
    if workers and "device" in workers:
        return workers
    tensorflow = not isinstance(models, EnvironmentTrouble) and models.tensorflow
    return workers_now(allot(survey(), settings.workers, tensorflow=tensorflow), [])


def _models(
    settings: Settings, connection: sqlite3.Connection, models: ModelPlan | EnvironmentTrouble
) -> dict[str, Any]:
    """The models that would be used now, and how many files were made with others."""
    if isinstance(models, EnvironmentTrouble):
        return {
            "models": None,
            "notes": [str(models)],
            "made_with_other_settings": {},
            "recompute": [],
        }
    outdated = facts.outdated(connection, marks_of(connection, settings, models))
    first = next((step for step in outdated if step != EMBED), None)
    embed = needs_embed(connection, models, outdated)
    return {
        "models": {"detector": models.detectors, "recognizer": models.recognizers},
        "notes": [*models.notes, *comparable.notes(connection, models.recognizer_choices)],
        "made_with_other_settings": outdated,
        # The first step that is behind, which all that read from it follow, and vectors.
        "recompute": [*([first] if first else []), *([EMBED] if embed else [])],
    }


def _print(report: dict[str, Any]) -> None:
    counts = report["counts"]
    running = report["running"]
    state = f"running (pid {running['pid']}, {running['role']})" if running else "not running"
    click.echo(f"daemon    {state}")
    click.echo(f"catalog   {report['catalog']}")
    click.echo(
        f"holds     {counts['photos']} photos, {counts['videos']} videos, {counts['faces']} faces, "
        f"{counts['named_people']} people with a name, {counts['unnamed_people']} without"
    )
    for root in report["roots"]:
        click.echo(f"{root['role']:<9} {root['path']}: {root['files']} files, {root['state']}")
    if report["models"]:
        names = [*report["models"]["detector"], *report["models"]["recognizer"]]
        click.echo(f"models    {', '.join(names)}")
    _print_engine(report["engine"])
    if report["out_of_reach"]:
        click.echo(
            f"note      without TensorFlow {len(report['out_of_reach'])} models are out of reach "
            f"({', '.join(report['out_of_reach'][:3])} …): {packages.EXTRA_REMEDY}"
        )
    for note in report["notes"]:
        click.echo(f"note      {note}")
    for model in report["not_calibrated"]:
        click.echo(f"note      similarities of {model} are not calibrated: rollcall calibrate")
    for job in report["queue"]:
        click.echo(f"jobs      {job['jobs']} {job['kind']} {job['state']}")
    for video in report["videos_in_hand"]:
        path = str(video["path"]).replace("\n", "\\n")
        click.echo(f"video     {path}: {facts.minutes_done(video)}")
    for step, count in report["made_with_other_settings"].items():
        click.echo(f"older     {count} files have {step} made with other settings")
    for step in report["recompute"]:
        click.echo(f"          rollcall recompute {step}: brings them up to date")
    if counts["suggestions"]:
        click.echo(f"asks      {counts['suggestions']} suggestions wait for an answer")
    if counts["failures"]:
        click.echo(f"failed    {counts['failures']} files: rollcall status --failures")
    for failure in report.get("failures", []):
        path = str(failure["path"]).replace("\n", "\\n")
        click.echo(f"          {path}: {failure['reason']}")


def _print_engine(engine: dict[str, Any]) -> None:
    workers = "1 worker" if engine["count"] == 1 else f"{engine['count']} workers"
    threads = "1 thread" if engine["threads"] == 1 else f"{engine['threads']} threads"
    click.echo(
        f"engine    {engine['device']}, {workers} of {threads}, up to {engine['faces']} faces at "
        f"once, replaced above {engine['recycle_mb']} MB"
    )
    if engine["why"]:
        click.echo(f"          no graphics card is used: {engine['why']}")
    if engine["fallback"]:
        click.echo(f"          on the processor instead: {engine['fallback']}")
    if engine["memory_mb"]:
        held = ", ".join(str(value) for value in engine["memory_mb"])
        click.echo(f"          processes hold {held} MB, at most {engine['peak_mb']}")
