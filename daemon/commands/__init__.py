"""The `rollcall` command. One file a command, imported when it is called; errors become one line
and an exit code here.
"""

from __future__ import annotations

import importlib
import os
import sqlite3
import sys

import click

from catalog.errors import CatalogError
from daemon import __version__
from daemon.errors import RollcallError

COMMANDS = (
    "up",
    "watch",
    "serve",
    "scan",
    "fetch",
    "status",
    "jobs",
    "people",
    "changes",
    "search",
    "group",
    "quality",
    "calibrate",
    "recompute",
    "export",
    "models",
    "doctor",
    "verify",
    "backup",
    "restore",
    "web",
    "service",
)


class LazyGroup(click.Group):
    """Imports `daemon.commands.NAME` only when that command is asked for: `rollcall status` must
    answer at once.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        found: click.Command = importlib.import_module(f"daemon.commands.{name}").command
        return found


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="rollcall")
@click.option("--debug", is_flag=True, help="Show tracebacks of errors.")
@click.pass_context
def rollcall(ctx: click.Context, *, debug: bool) -> None:
    """Rollcall says who is in your photos: drop files into a folder, browse the catalog at
    http://127.0.0.1:8001.
    """
    ctx.obj = {"debug": debug}


def _in_use(error: sqlite3.OperationalError) -> CatalogError:
    return CatalogError(
        f"the catalog is in use or cannot be written ({error}); try again in a moment"
    )


def main() -> None:
    """Entry point: run the command, say what went wrong in one line, end with 0 done, 1 failed
    files, 2 usage, 3 catalog.
    """
    try:
        code = rollcall.main(standalone_mode=False)
    except click.exceptions.Abort:
        click.echo("Stopped.", err=True)
        code = 130
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except (RollcallError, sqlite3.OperationalError) as error:
        if "--debug" in sys.argv:
            raise
        told = error if isinstance(error, RollcallError) else _in_use(error)
        click.echo(f"rollcall: {told}", err=True)
        code = told.exit_code
    except BrokenPipeError:  # `rollcall status | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    sys.exit(code if isinstance(code, int) else 0)
