"""`rollcall service`: Rollcall as two services of systemd."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from daemon import config_file, systemd_units
from daemon.commands.common import config_option, json_option, print_json
from daemon.errors import UsageError
from daemon.systemd_install import (
    Systemd,
    gpu_groups,
    home_of,
    need_systemctl,
    prepare,
    remove_units,
    write_units,
)
from daemon.systemd_units import GPU, SERVICE_USER, SYSTEM_DATA, WATCH, WEB, Installation

if TYPE_CHECKING:
    from daemon.settings import Settings

SYSTEM_CONFIG = Path("/etc/rollcall/config.toml")

user_option = click.option(
    "--user", "for_user", is_flag=True, help="For your own systemd, without root."
)
dry_run_option = click.option(
    "--dry-run", is_flag=True, help="Show what would be done, and change nothing."
)


@click.group()
def command() -> None:
    """Run Rollcall as two services of systemd: the daemon and the pages.

    \b
    Example:
      sudo rollcall service install --dry-run
    """


@command.command()
@user_option
@dry_run_option
@click.option("--gpu", is_flag=True, help="Open the graphics cards to the daemon.")
@click.option(
    "--user-name",
    metavar="NAME",
    help="Whom the system's services run as: by default the owner of the state folder, or "
    f"`{SERVICE_USER}`, who is made for it.",
)
@config_option
@json_option
def install(
    *,
    settings: Settings,
    for_user: bool,
    dry_run: bool,
    gpu: bool,
    user_name: str | None,
    as_json: bool,
) -> None:
    """Write the units with this configuration's paths, then enable and start them.

    Without --user they are the system's, run as a user of their own behind systemd's sandbox, and
    need root. With --user they are yours, run while you are logged in, and have less of a sandbox.

    \b
    Examples:
      sudo rollcall service install --config /etc/rollcall/config.toml
      rollcall service install --user --dry-run
    """
    if not for_user:
        settings = _system_settings(settings)
        user_name = user_name or _owner(settings)
        _refuse_tilde(settings, user_name)
    installation = Installation(
        settings=settings,
        program=systemd_units.program(),
        code=systemd_units.code_folders(),
        user=None if for_user else user_name,
        gpu=gpu,
        groups=gpu_groups(),
    )
    systemd = Systemd(for_user=for_user)
    files = {
        systemd.folder / name: text for name, text in systemd_units.render(installation).items()
    }
    calls = [
        systemd.call("daemon-reload"),
        systemd.call("enable", WATCH, WEB),
        systemd.call("restart", WATCH, WEB),
    ]
    if not dry_run:
        need_systemctl()
        prepare(installation)
        write_units(files, systemd.folder)
        systemd.run(calls)
    _report(files, calls, dry_run=dry_run, as_json=as_json)
    if not as_json and not dry_run and for_user:
        click.echo("They end when you log out, unless you run `loginctl enable-linger`.")


@command.command()
@user_option
@dry_run_option
@config_option
@json_option
def uninstall(*, settings: Settings, for_user: bool, dry_run: bool, as_json: bool) -> None:
    """Stop and disable the services and remove their units. Catalog and photos stay.

    \b
    Example:
      sudo rollcall service uninstall
    """
    if not for_user:
        settings = _system_settings(settings)
    systemd = Systemd(for_user=for_user)
    files = [path for name in (GPU, WATCH, WEB) if (path := systemd.folder / name).exists()]
    before = [systemd.call("disable", "--now", WATCH, WEB)] if files else []
    after = [systemd.call("daemon-reload")] if files else []
    if files and not dry_run:
        need_systemctl()
        systemd.run(before)
        remove_units(files, systemd.folder)
        systemd.run(after)
    if as_json:
        print_json({"removed": files, "commands": [*before, *after], "dry_run": dry_run})
        return
    for call in (*before, *after) if dry_run else ():
        click.echo(f"Would run: {' '.join(call)}")
    for path in files:
        click.echo(f"{'Would remove' if dry_run else 'Removed'} {path}")
    if not files:
        click.echo(f"No units of Rollcall are in {systemd.folder}.")
    click.echo(f"The catalog stays in {settings.paths.state}, and your photos where they are.")


def _system_settings(settings: Settings) -> Settings:
    """What the system's services read: without a configuration file not this user's folders."""
    if settings.source is not None:
        return settings
    if SYSTEM_CONFIG.is_file():
        return config_file.load(SYSTEM_CONFIG)
    paths = settings.paths.model_copy(
        update={
            "state": SYSTEM_DATA / "state",
            "inbox": (SYSTEM_DATA / "inbox",),
            "people": SYSTEM_DATA / "people",
        }
    )
    return settings.model_copy(update={"paths": paths})


def _owner(settings: Settings) -> str:
    """Who can read the photos without further ado: whoever called sudo or owns the folders."""
    caller = os.environ.get("SUDO_USER", "root")
    if caller != "root":
        return caller
    for path in (settings.paths.state, *settings.paths.inbox):
        try:
            name = path.owner()
        except (OSError, KeyError):
            continue
        if name != "root":
            return name
    return SERVICE_USER


def _refuse_tilde(settings: Settings, user_name: str) -> None:
    """A tilde in the configuration means the home of whoever reads it."""
    source = settings.source
    if source is None or Path.home() == home_of(user_name):
        return
    lines = source.read_text(encoding="utf-8").splitlines()
    tilde = next((line for line in lines if '"~' in line.split("#")[0]), None)
    if tilde is not None:
        raise UsageError(
            f"{source}: {tilde.strip()}: ~ would be another folder for the user {user_name}; "
            "write the path out or choose --user-name"
        )


def _report(
    files: dict[Path, str], calls: list[list[str]], *, dry_run: bool, as_json: bool
) -> None:
    if as_json:
        texts = {str(path): text for path, text in files.items()}
        print_json({"files": texts, "commands": calls, "dry_run": dry_run})
    elif dry_run:
        for path, text in files.items():
            click.echo(f"# {path}\n{text}")
        for call in calls:
            click.echo(f"# would run: {' '.join(call)}")
    else:
        for path in files:
            click.echo(f"Wrote {path}")
        click.echo(f"Started; see `{' '.join(calls[0][:-1])} status {WATCH}`.")
