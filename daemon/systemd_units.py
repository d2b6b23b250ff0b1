"""The systemd units: templates of the folder `systemd/`, filled in with this installation's paths.

A line of a template whose placeholder has nothing to say is left out. What systemd would read as
syntax in a path (spaces, quotes, percent and dollar signs, colons) is escaped here.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from daemon.errors import EnvironmentTrouble, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from importlib.resources.abc import Traversable

    from daemon.settings import Settings

WATCH = "rollcall-watch.service"
WEB = "rollcall-web.service"
GPU = "rollcall-watch.service.d/gpu.conf"
SERVICE_USER = "rollcall"
STATE_BASE = Path("/var/lib")
SYSTEM_DATA = STATE_BASE / "rollcall"
# What ProtectHome= covers.
HOMES = (Path("/home"), Path("/root"), Path("/run/user"))
TEMPORARY = (Path("/tmp"), Path("/var/tmp"))  # noqa: S108 - compared with, not written to
# A user's own systemd may not do these, or only where the kernel lets everybody make namespaces.
SYSTEM_ONLY = frozenset(
    {
        "User", "SupplementaryGroups", "StateDirectory", "StateDirectoryMode", "RequiresMountsFor",
        "ProtectSystem", "ProtectHome", "BindReadOnlyPaths", "BindPaths", "ReadWritePaths",
        "PrivateTmp", "PrivateDevices", "DevicePolicy", "DeviceAllow", "PrivateNetwork",
        "IPAddressDeny", "IPAddressAllow", "CapabilityBoundingSet", "AmbientCapabilities",
        "ProtectClock", "ProtectControlGroups", "ProtectHostname", "ProtectKernelLogs",
        "ProtectKernelModules", "ProtectKernelTunables", "ProtectProc", "RemoveIPC", "IOWeight",
    }
)  # fmt: skip
HEADER = (
    "# Written by `rollcall service install`; `systemctl edit` keeps changes that a new\n"
    "# installation does not overwrite.\n"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """What the units are made for.

    `program` starts Rollcall; `code` are the folders that it is loaded from. `user` None: a unit
    of the user's own systemd. `groups` are those that own the graphics cards' devices.
    """

    settings: Settings
    program: tuple[str, ...]
    code: tuple[Path, ...]
    user: str | None
    gpu: bool = False
    groups: tuple[str, ...] = ()


def render(installation: Installation) -> dict[str, str]:
    """The text of each file by its name below systemd's folder. Raises UsageError for bad paths."""
    names = [WATCH, WEB] + ([GPU] if installation.gpu and installation.user else [])
    values = _values(installation)
    return {
        name: HEADER + _fill(_template(name), values, system=installation.user is not None)
        for name in names
    }


def program() -> tuple[str, ...]:
    """How to start this very Rollcall: its command beside the interpreter, else the module."""
    script = Path(sys.executable).with_name("rollcall")
    return (str(script),) if script.is_file() else (sys.executable, "-m", "daemon")


def code_folders() -> tuple[Path, ...]:
    """Where the interpreter, its packages and our own code lie."""
    ours = Path(__file__).parent.parent
    return tuple(Path(folder) for folder in (sys.prefix, sys.base_prefix, ours))


def word(text: str | Path, *, command: bool = False) -> str:
    """One word of a unit's value; `command` for ExecStart, where dollar signs count as well."""
    plain = _plain(str(text)).replace("%", "%%")
    if command:
        plain = plain.replace("$", "$$")
    if re.fullmatch(r"[\w@%+=:,./~$-]+", plain, re.ASCII):
        return plain
    return '"' + plain.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _start(program: tuple[str, ...]) -> str:
    """The beginning of ExecStart; systemd takes less in a program's path than in arguments."""
    if set(program[0]) & set("\"'\\$"):
        raise UsageError(
            f"{program[0]}: a program below a folder with quotes, backslashes or dollar signs "
            "cannot stand in a systemd unit; install Rollcall somewhere else"
        )
    return " ".join(word(part, command=True) for part in program)


def bound(path: Path) -> str:
    """A path for BindPaths, where a colon separates source and destination."""
    plain = _plain(str(path)).replace("%", "%%")
    escaped = plain.replace("\\", "\\\\").replace(":", "\\:").replace('"', '\\"')
    return f'"{escaped}"'


def _plain(text: str) -> str:
    if any(ord(sign) < 32 or 0xD800 <= ord(sign) <= 0xDFFF or ord(sign) == 127 for sign in text):
        raise UsageError(
            f"{text!r}: control characters and bytes that are not UTF-8 cannot stand in a systemd "
            "unit; rename that folder"
        )
    return text


def _values(installation: Installation) -> dict[str, str]:
    settings = installation.settings
    state = settings.paths.state
    config = [] if settings.source is None else ["--config", str(settings.source)]
    managed = _state_directory(state)
    reads = _read_in_homes(installation)
    return {
        "ROLLCALL": _start(installation.program),
        "CONFIG": " ".join(word(part, command=True) for part in config),
        # These two take the rest of the line as it is.
        "DIRECTORY": _plain(str(state)).replace("%", "%%"),
        "USER": installation.user or "",
        "GROUPS": " ".join(installation.groups),
        "ENVIRONMENT": _environment(installation),
        "STATE": word(state),
        "STATE_DIRECTORY": managed,
        "PRIVATE_TMP": "" if _in_temporary(installation) else "yes",
        # The pages write decisions into the catalog, and uploads into the inbox.
        **_folders("", settings, reads, [settings.paths.inbox[0]], managed=bool(managed)),
        **_folders(
            "DAEMON_",
            settings,
            reads,
            [settings.paths.inbox[0]] if settings.download.enabled else [],
            managed=bool(managed),
        ),
        "REMOVE_IPC": "yes" if installation.user == SERVICE_USER else "",
        "TARGET": "multi-user.target" if installation.user else "default.target",
        **_network(settings),
    }


def _folders(
    prefix: str, settings: Settings, reads: Sequence[Path], also: Sequence[Path], *, managed: bool
) -> dict[str, str]:
    """What one of the services may read and write: its state, and these folders."""
    writes = [*([] if managed else [settings.paths.state]), *also]
    return {
        f"{prefix}HOME_READ_ONLY": " ".join("-" + bound(it) for it in reads if it not in writes),
        f"{prefix}HOME_WRITABLE": " ".join(bound(it) for it in writes if in_home(it)),
        f"{prefix}WRITABLE": " ".join(word(it) for it in writes if not in_home(it)),
    }


def _network(settings: Settings) -> dict[str, str]:
    """The daemon talks to nobody unless it may download; the pages talk to this machine only,
    unless they listen on another address.
    """
    download = settings.models.download or settings.download.enabled
    local = settings.web.host.startswith("127.") or settings.web.host in ("localhost", "::1")
    return {
        "PRIVATE_NETWORK": "" if download else "yes",
        "DAEMON_ADDRESS_DENY": "" if download else "any",
        "FAMILIES": "AF_UNIX AF_INET AF_INET6 AF_NETLINK" if download else "AF_UNIX",
        "ADDRESS_DENY": "any" if local else "",
        "ADDRESS_ALLOW": "localhost" if local else "",
    }


def _environment(installation: Installation) -> str:
    """Where our code is, if it is not installed; and, for the system's service without a
    configuration file, where it looks for one and keeps its own.
    """
    pairs = []
    if "-m" in installation.program:
        pairs.append(f"PYTHONPATH={installation.code[-1]}")
    if installation.user is not None and installation.settings.source is None:
        pairs += ["XDG_CONFIG_HOME=/etc", f"XDG_DATA_HOME={STATE_BASE}"]
    return " ".join(word(pair) for pair in pairs)


def _state_directory(state: Path) -> str:
    """The state folder below /var/lib, which systemd then makes itself; "" elsewhere."""
    if not state.is_relative_to(STATE_BASE) or state == STATE_BASE:
        return ""
    return word(state.relative_to(STATE_BASE))


def _in_temporary(installation: Installation) -> bool:
    """Whether something that is needed lies where PrivateTmp= would hide it."""
    needed = [*_needed(installation), installation.settings.paths.state]
    return any(path.is_relative_to(folder) for path in needed for folder in TEMPORARY)


def in_home(path: Path) -> bool:
    """Whether a path lies where ProtectHome= hides it."""
    return any(path.is_relative_to(home) for home in HOMES)


def _needed(installation: Installation) -> list[Path]:
    """Everything that the services read beside the system's own files."""
    settings = installation.settings
    given = (settings.source, settings.models.weights)
    return [
        *settings.paths.inbox,
        settings.paths.people,
        *installation.code,
        Path(installation.program[0]).parent,
        *(path for path in given if path is not None),
    ]


def _read_in_homes(installation: Installation) -> list[Path]:
    """What is read and lies in somebody's home, without what lies in another of these folders."""
    inside = sorted({path for path in _needed(installation) if in_home(path)})
    return [path for path in inside if not any(other in path.parents for other in inside)]


def _template(name: str) -> str:
    """A template as it is shipped: `daemon/units` is the folder `systemd` of the repository."""
    found: Traversable = resources.files("daemon") / "units"
    for part in name.split("/"):
        found = found / part
    try:
        return found.read_text(encoding="utf-8")
    except OSError as error:
        raise EnvironmentTrouble(
            f"{found}: this installation lacks its systemd units ({error}); install Rollcall again"
        ) from error


def _fill(template: str, values: Mapping[str, str], *, system: bool) -> str:
    # The first paragraph speaks about the template.
    body = template.split("\n\n", 1)[1]
    lines = (_filled(line, values, system=system) for line in body.splitlines())
    return "\n" + "\n".join(_tidy(line for line in lines if line is not None)) + "\n"


def _filled(line: str, values: Mapping[str, str], *, system: bool) -> str | None:
    key, separator, value = line.partition("=")
    if not separator or line.startswith("#"):
        return line
    if not system and key in SYSTEM_ONLY:
        return None
    names = re.findall(r"@([A-Z_]+)@", value)
    if names and not any(values[name] for name in names):
        return None
    text = re.sub(r"@([A-Z_]+)@", lambda match: values[match[1]], value)
    return f"{key}={text.strip()}" if names else line


def _tidy(lines: Iterable[str]) -> list[str]:
    """Without comments whose lines are gone, and without empty lines one after another."""
    kept: list[str] = []
    for line in [*lines, ""]:
        if not line:
            while kept and kept[-1].startswith("#"):
                kept.pop()
        if line or (kept and kept[-1]):
            kept.append(line)
    return kept[:-1] if kept and not kept[-1] else kept
