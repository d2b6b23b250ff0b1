"""`rollcall verify`: whether the catalog agrees with itself, its crops and the disk."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from catalog import verify
from daemon.commands.common import config_option, json_option, print_json
from daemon.lock import CatalogLock

if TYPE_CHECKING:
    from catalog.verify import Finding
    from daemon.settings import Settings

SHOWN = 20


@click.command()
@click.option("--full", is_flag=True, help="Check the bytes of every crop, not of a sample.")
@click.option(
    "--fix", is_flag=True, help="Mend what follows from the rest (counts, caches, orphans)."
)
@config_option
@json_option
@click.pass_context
def command(
    ctx: click.Context, *, settings: Settings, full: bool, fix: bool, as_json: bool
) -> None:
    """Check the catalog's own consistency; ends with 3 where something is wrong.

    It looks at both databases' pages, references, counts, crops, vectors, people, jobs and files,
    and may run beside the daemon. With --fix the daemon must be stopped.

    \b
    Example:
      rollcall verify --full
    """
    lock = CatalogLock(settings.paths.state)
    if fix:
        with lock.acquire("alone"):
            verify.fix(settings.catalog)
    owner = lock.owner()
    findings = list(verify.verify(settings.catalog, daemon_running=owner is not None, full=full))
    if as_json:
        print_json([asdict(finding) for finding in findings])
    else:
        _print(findings)
    ctx.exit(3 if findings else 0)


def _print(findings: list[Finding]) -> None:
    shown: Counter[str] = Counter()
    for finding in findings:
        shown[finding.check] += 1
        if shown[finding.check] <= SHOWN:
            click.echo(f"{finding.check}: {finding.message}")
    for check, count in shown.items():
        if count > SHOWN:
            click.echo(f"{check}: {count - SHOWN} more of this kind; --json lists all")
    if any(finding.fixable for finding in findings):
        click.echo("Some of this can be mended: stop the daemon and run `rollcall verify --fix`.")
    if not findings:
        click.echo("The catalog is consistent.")
