"""Whether a watched folder is really there: an empty or unreachable folder proves nothing.

A disk that is not mounted leaves an empty folder in its place, and a network folder whose server is
away leaves an error. Neither says that a single file is gone.
"""

from __future__ import annotations

import os
from enum import Enum
from typing import TYPE_CHECKING

from catalog.files import FileStat
from daemon.intake.mounts import mount_of, read_mounts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from catalog.files import FileRow
    from daemon.intake.mounts import Mount

# Their f_fsid comes from a UUID or serial number on the disk. Others (xfs, f2fs, FAT …) give the
# device number, which the next disk in the same slot gets too.
PROVEN_TYPES = frozenset({"bcachefs", "btrfs", "ext2", "ext3", "ext4", "ntfs3", "tmpfs", "zfs"})
WEAK = "weak:"


class Verdict(Enum):
    """What a look at a root says."""

    PRESENT = "present"
    """The root that the catalog knows: what is not found in it is gone."""
    ADOPTED = "adopted"
    """The same files under another identity (disk replaced, renumbered): note the new one."""
    UNPROVEN = "unproven"
    """There is a folder, but nothing shows that it is the one: new files count, missing do not."""
    UNREACHABLE = "unreachable"
    """There is no folder, or it cannot be read."""

    @property
    def is_present(self) -> bool:
        """Whether files that were not found may be marked missing."""
        return self in (Verdict.PRESENT, Verdict.ADOPTED)


def identity(
    path: bytes,
    *,
    stat: Callable[[bytes], os.stat_result] = os.stat,
    statvfs: Callable[[bytes], os.statvfs_result] = os.statvfs,
    mounts: Callable[[], Sequence[Mount]] = read_mounts,
) -> str | None:
    """What proves that this very folder is mounted; None where it cannot be listed.

    It names the kind of file system, the file system, and the folder's inode in it. The mount point
    of an absent disk differs in all three. The file system is told by f_fsid where that comes from
    the disk itself, so a USB disk is known again under another device name, after a reboot, and
    through a bind mount; by server and export on a network; by the mount's source on FUSE. Where
    f_fsid is only a device number the identity is marked as weak: another disk in the same place
    may carry the same, so `judge` wants a known file as well. The device number of `os.stat` is
    never part of it: it is dealt anew at each boot.
    """
    try:
        result = stat(path)
        with os.scandir(path):
            pass
        fsid = statvfs(path).f_fsid
    except OSError:
        return None
    mount = mount_of(path, mounts())
    kind = mount.type if mount is not None else "unknown"
    if mount is not None and mount.is_network:
        return f"{kind}:{mount.source}:{result.st_ino}"
    weak = "" if kind in PROVEN_TYPES and fsid else WEAK
    return f"{weak}{kind}:{fsid:x}:{result.st_ino}"


def judge(known: str | None, now: str | None, *, in_place: bool | None) -> Verdict:
    """Whether the root is really there. `in_place`: whether any known file is still where it was,
    with equal size and time of change; None where the catalog knows of none.
    """
    if now is None:
        return Verdict.UNREACHABLE
    if in_place is None:
        return Verdict.PRESENT if known == now else Verdict.ADOPTED
    if known == now:
        proven = in_place or not now.startswith(WEAK)
        return Verdict.PRESENT if proven else Verdict.UNPROVEN
    return Verdict.ADOPTED if in_place else Verdict.UNPROVEN


def any_in_place(
    rows: Iterable[FileRow], *, stat: Callable[[bytes], os.stat_result] = os.stat
) -> bool | None:
    """Whether one of these known files lies where it was, unchanged; None where there are none."""
    answer = None
    for row in rows:
        answer = False
        try:
            now = FileStat.of(stat(row.path))
        except OSError:
            continue
        if row.stat is not None and (row.stat.bytes, row.stat.mtime_ns) == (
            now.bytes,
            now.mtime_ns,
        ):
            return True
    return answer


def keeps_inodes(path: bytes, *, mounts: Callable[[], Sequence[Mount]] = read_mounts) -> bool:
    """Whether files below this root can be told by their inode after a remount."""
    mount = mount_of(path, mounts())
    return mount is not None and mount.keeps_inodes
