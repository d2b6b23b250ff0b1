"""`rollcall jobs list|retry|cancel`: what is to do, and what went wrong with it."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import click

from catalog import jobs, status
from catalog.connect import connect, transaction
from daemon.commands.common import config_option, json_option, open_catalog, print_json

if TYPE_CHECKING:
    from daemon.settings import Settings

STATES = ("waiting", "running", "done", "failed", "quarantined", "cancelled")


@click.group(name="jobs")
def command() -> None:
    """See what is to do, try failed files again, take jobs out of line."""


@command.command("list", epilog="Example: rollcall jobs list --state quarantined")
@config_option
@json_option
@click.option("--state", type=click.Choice(STATES), help="Only jobs in this state.")
@click.option("--all", "everything", is_flag=True, help="Finished jobs too.")
@click.option("--limit", default=100, show_default=True, help="At most so many.")
def list_jobs(
    settings: Settings, *, as_json: bool, state: str | None, everything: bool, limit: int
) -> None:
    """List jobs that are open or in trouble, newest first."""
    with closing(open_catalog(settings)) as connection:
        rows = jobs.listing(connection, state=state, finished=everything, limit=limit)
        workers = (status.daemon(connection)["workers"] or {}).get("count") or 1
        videos = {it["media_id"]: it for it in status.videos_in_hand(connection, workers=workers)}
    if as_json:
        print_json(rows)
        return
    for row in rows:
        what = str(row["path"] or row["key"]).replace("\n", "\\n")
        line = (
            f"{row['id']:>7}  {row['kind']:<9} {row['state']:<11} tries {row['attempts']}  {what}"
        )
        video = videos.get(row["media_id"]) if row["kind"] == "ingest" else None
        notes = [row["error"], status.minutes_done(video) if video else _share(row["progress"])]
        told = "; ".join(it for it in notes if it)
        click.echo(f"{line}  ({told})" if told else line)
    if not rows:
        click.echo("no jobs" if everything or state else "no open jobs and none in trouble")


def _share(progress: float | None) -> str | None:
    return None if progress is None or progress >= 1 else f"{progress:.0%} done"


@command.command("retry", epilog="Example: rollcall jobs retry --all")
@click.argument("ids", nargs=-1, type=int)
@config_option
@json_option
@click.option("--all", "everything", is_flag=True, help="Every failed and quarantined job.")
def retry(settings: Settings, ids: tuple[int, ...], *, as_json: bool, everything: bool) -> None:
    """Put failed jobs back in line with a clean count, and end the pause of those that wait."""
    if bool(ids) == everything:
        raise click.UsageError("give job ids, or --all; `rollcall jobs list` shows them")
    with closing(connect(settings.catalog)) as connection, transaction(connection):
        revived = jobs.retry(connection, None if everything else ids)
    if as_json:
        print_json({"waiting": revived})
        return
    click.echo(f"{len(revived)} jobs wait again")
    if ids and len(revived) < len(ids):
        click.echo("the others run, wait already, are done, or do not exist", err=True)


@command.command("cancel", epilog="Example: rollcall jobs cancel 17 18")
@click.argument("ids", nargs=-1, type=int, required=True)
@config_option
@json_option
def cancel(settings: Settings, ids: tuple[int, ...], *, as_json: bool) -> None:
    """Take waiting jobs out of line. A running job ends by itself."""
    with closing(connect(settings.catalog)) as connection, transaction(connection):
        cancelled = jobs.cancel(connection, ids)
    if as_json:
        print_json({"cancelled": cancelled})
        return
    click.echo(f"{len(cancelled)} jobs cancelled")
    if len(cancelled) < len(ids):
        click.echo("the others do not wait: see `rollcall jobs list --all`", err=True)
