"""What is mounted where, as the kernel tells it: which folders are network folders, and of which
kind the others are.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from catalog.roots import contains

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

MOUNTINFO = Path("/proc/self/mountinfo")
NETWORK_TYPES = frozenset(
    {"9p", "afs", "ceph", "cifs", "coda", "davfs", "glusterfs", "lustre", "ncpfs", "nfs", "nfs4"}
    | {"smb3", "smbfs", "vboxsf", "virtiofs", "vmhgfs"}
)
# Inode numbers are made up at each mount.
UNSTABLE_INODES = frozenset({"exfat", "msdos", "vfat", "cifs", "smb3", "smbfs", "iso9660"})
OCTAL = re.compile(rb"\\([0-7]{3})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """One line of mountinfo: where, which kind of file system, and what it shows."""

    folder: bytes
    type: str
    source: str

    @property
    def is_network(self) -> bool:
        """Whether others may change it without this kernel noticing. Every FUSE counts, even a
        local one: its files can be changed behind it.
        """
        return self.type in NETWORK_TYPES or self.type.startswith("fuse")

    @property
    def keeps_inodes(self) -> bool:
        """Whether a file has the same inode number after the next mount."""
        return self.type not in UNSTABLE_INODES and not self.type.startswith("fuse")


def read_mounts(*, read: Callable[[], bytes] = MOUNTINFO.read_bytes) -> tuple[Mount, ...]:
    """All mounts in the order they were made; empty where the kernel does not tell."""
    try:
        lines = read().splitlines()
    except OSError:
        return ()
    return tuple(mount for mount in map(_parse, lines) if mount is not None)


def mount_of(path: bytes, mounts: Sequence[Mount]) -> Mount | None:
    """The mount that a path lies on, links resolved. Of two at one place the later covers."""
    real = os.path.realpath(path)
    holding = [mount for mount in mounts if contains(mount.folder, real)]
    # The innermost; `max` would return the first of equals.
    return max(reversed(holding), key=lambda mount: len(mount.folder), default=None)


def mounts_below(path: bytes, mounts: Sequence[Mount]) -> list[Mount]:
    """The mounts that lie in this folder, itself not counted, links in `path` resolved."""
    real = os.path.realpath(path)
    return [mount for mount in mounts if mount.folder != real and contains(real, mount.folder)]


def _parse(line: bytes) -> Mount | None:
    """`id parent major:minor root FOLDER options [tags] - TYPE SOURCE super-options`."""
    head, separator, tail = line.partition(b" - ")
    fields, rest = head.split(b" "), tail.split(b" ")
    if not separator or len(fields) < 6 or len(rest) < 2:
        return None
    return Mount(
        folder=_unescape(fields[4]),
        type=os.fsdecode(rest[0]),
        source=os.fsdecode(_unescape(rest[1])),
    )


def _unescape(text: bytes) -> bytes:
    return OCTAL.sub(lambda match: bytes([int(match[1], 8)]), text)
