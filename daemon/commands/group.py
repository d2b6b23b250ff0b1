"""`rollcall group`: what groups of faces there are, judging everybody again, and what other ways of
grouping would give.
"""

from __future__ import annotations

import threading
from contextlib import closing
from typing import TYPE_CHECKING, Any

import click

from daemon.commands.common import (
    config_option,
    interruptible,
    json_option,
    open_catalog,
    print_json,
)
from daemon.errors import UsageError
from daemon.following import through_or_alone

if TYPE_CHECKING:
    from collections.abc import Sequence

    from daemon.comparison import Groups
    from daemon.settings import Settings

METHODS = ("dbscan", "hdbscan", "agglomerative", "kmeans", "spectral")
PARAMETERS = ("eps", "min_samples", "clusters")


@click.command(name="group", epilog="Example: rollcall group --method dbscan --method hdbscan")
@config_option
@json_option
@click.option("--repair", is_flag=True, help="Judge every face again at once, as each night.")
@click.option("--method", "methods", multiple=True, type=click.Choice(METHODS),
              help="Compare with this way of grouping; repeatable. Changes nobody.")  # fmt: skip
@click.option("--eps", type=click.FloatRange(0, 2),
              help="Its cosine distance, in place of the calibrated one.")  # fmt: skip
@click.option("--min-samples", type=click.IntRange(1), help="Faces that make a group; 2 if unsaid.")
@click.option("--clusters", type=click.IntRange(1),
              help="Groups for kmeans and spectral, in place of as many as there are.")  # fmt: skip
@click.option("--sample", type=click.IntRange(2), help="Compare on so many faces at most.")
def command(settings: Settings, *, as_json: bool, repair: bool, **options: Any) -> int:
    """Say what groups of faces there are; with --repair judge everybody again, with --method
    compare.
    """
    given = {it: options[it] for it in PARAMETERS if options[it] is not None}
    if repair and options["methods"]:
        raise UsageError("--repair changes groups and --method changes nobody; give one of them")
    if not options["methods"] and (given or options["sample"]):
        raise UsageError("--eps, --min-samples, --clusters and --sample are for a --method")
    if repair:
        return _repair(settings, as_json=as_json)
    if options["methods"]:
        _compare(settings, options["methods"], given, options["sample"], as_json=as_json)
    else:
        _tell(settings, as_json=as_json)
    return 0


def _tell(settings: Settings, *, as_json: bool) -> None:
    from catalog import status

    with closing(open_catalog(settings)) as connection:
        facts = status.groups(connection)
    if as_json:
        print_json(facts)
        return
    click.echo(
        f"{facts['faces']} faces: {facts['faces_named']} of {facts['named_people']} people with a "
        f"name, {facts['faces_grouped']} in {facts['unnamed_people']} groups without one, "
        f"{facts['faces_unknown']} of nobody ({facts['suggestions']} with a question)"
    )
    click.echo("rollcall group --repair judges everybody again at once; the daemon does each night")


def _repair(settings: Settings, *, as_json: bool) -> int:
    from daemon.regroup import repair_alone, repair_through_daemon

    open_catalog(settings).close()  # where there is none, there is nothing to repair
    stop = threading.Event()
    with interruptible(stop):
        repair = through_or_alone(settings, repair_through_daemon, repair_alone, stop=stop)
        changed = repair(settings, stop=stop)
    if changed is None:
        return 130
    if as_json:
        print_json({"faces_changed": changed})
    else:
        click.echo(f"everybody was judged again: {changed} faces changed hands")
    return 0


def _compare(
    settings: Settings,
    methods: Sequence[str],
    given: dict[str, float],
    sample: int | None,
    *,
    as_json: bool,
) -> None:
    from daemon.comparison import compare

    with closing(open_catalog(settings)) as connection:
        connection.execute("BEGIN")  # one state of the catalog from the first read to the last
        found = compare(connection, list(dict.fromkeys(methods)), given, sample=sample)
    if as_json:
        print_json([groups.as_dict() for groups in found])
        return
    for groups in found:
        _show(groups)


def _show(groups: Groups) -> None:
    parameters = ", ".join(f"{name} {value:.4g}" for name, value in groups.parameters.items())
    sampled = ""
    if groups.faces < groups.of_faces:
        sampled = f" (a sample of {groups.of_faces}, by the photos' content)"
    sizes = ", ".join(str(size) for size in groups.largest)
    click.echo(
        f"{groups.method}{f' ({parameters})' if parameters else ''}: {groups.faces} faces{sampled} "
        f"in {groups.groups} groups and {groups.alone} alone; largest {sizes or 'none'}; "
        f"{groups.seconds:.1f} s"
    )
    if groups.method == "ours":
        return
    for name, measures in groups.agreement.items():
        cubed, pairs = measures["bcubed"], measures["pairwise"]
        click.echo(
            f"  against {name} people: BCubed F {cubed['f']:.3f} (precision "
            f"{cubed['precision']:.3f}, recall {cubed['recall']:.3f}), pairwise F {pairs['f']:.3f} "
            f"({pairs['precision']:.3f}, {pairs['recall']:.3f})"
        )
