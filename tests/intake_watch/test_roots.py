"""What proves that a root is really there, on real and on described file systems."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from catalog.files import FileRow, FileStat
from daemon.intake.mounts import Mount, mount_of, mounts_below, read_mounts
from daemon.intake.roots import Verdict, any_in_place, identity, judge, keeps_inodes

if TYPE_CHECKING:
    from pathlib import Path

MOUNTINFO = rb"""22 27 0:21 / /proc rw,relatime - proc proc rw
27 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard
30 27 8:17 / /mnt/my\040disk rw shared:5 master:1 - xfs /dev/sdb1 rw
31 27 0:50 / /mnt/nas rw - nfs4 nas:/volume1/photos rw,vers=4.2
32 27 0:51 / /mnt/pool rw - fuse.mergerfs a:b rw
33 31 0:52 / /mnt/nas/inner rw - ext4 /dev/sdc1 rw
34 27 8:33 / /mnt/my\040disk rw - vfat /dev/sdc1 rw
a line that makes no sense
"""


@pytest.fixture
def mounts() -> tuple[Mount, ...]:
    return read_mounts(read=lambda: MOUNTINFO)


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        pytest.param(b"/home/anna", "ext4", id="root"),
        pytest.param(b"/mnt/nas/2024", "nfs4", id="network"),
        pytest.param(b"/mnt/nas/inner/x", "ext4", id="the-innermost-counts"),
        pytest.param(b"/mnt/nasty", "ext4", id="a-longer-name-is-another-folder"),
        pytest.param(b"/mnt/my disk/a", "vfat", id="of-two-at-one-place-the-later-covers"),
    ],
)
def test_a_path_belongs_to_the_mount_it_lies_on(
    mounts: tuple[Mount, ...], path: bytes, kind: str
) -> None:
    mount = mount_of(path, mounts)
    assert mount is not None
    assert mount.type == kind


def test_network_and_fuse_folders_are_told_from_local_ones(mounts: tuple[Mount, ...]) -> None:
    network = {mount.folder for mount in mounts if mount.is_network}
    assert network == {b"/mnt/nas", b"/mnt/pool"}
    assert {mount.type for mount in mounts if not mount.keeps_inodes} == {"vfat", "fuse.mergerfs"}


def test_the_mounts_inside_a_folder_are_found(mounts: tuple[Mount, ...]) -> None:
    assert [mount.folder for mount in mounts_below(b"/mnt/nas", mounts)] == [b"/mnt/nas/inner"]


def test_without_mountinfo_nothing_is_known_and_nothing_fails(tmp_path: Path) -> None:
    assert read_mounts(read=(tmp_path / "none").read_bytes) == ()
    assert identity(os.fsencode(tmp_path), mounts=lambda: ()) is not None
    assert not keeps_inodes(os.fsencode(tmp_path), mounts=lambda: ())


def test_the_identity_of_a_folder_stays_while_its_content_changes(tmp_path: Path) -> None:
    before = identity(os.fsencode(tmp_path))
    (tmp_path / "a.jpg").write_bytes(b"x")
    tmp_path.chmod(0o700)
    assert identity(os.fsencode(tmp_path)) == before is not None


def test_another_folder_in_its_place_has_another_identity(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    before = identity(os.fsencode(tmp_path / "disk"))
    (tmp_path / "disk").rename(tmp_path / "old")
    (tmp_path / "disk").mkdir()
    assert identity(os.fsencode(tmp_path / "disk")) != before


def test_a_folder_that_is_missing_or_is_a_file_has_no_identity(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x")
    assert identity(os.fsencode(tmp_path / "file")) is None
    assert identity(os.fsencode(tmp_path / "missing")) is None


def test_a_folder_whose_server_is_away_has_no_identity(tmp_path: Path) -> None:
    def stale(_path: bytes) -> os.stat_result:
        raise OSError(116, "Stale file handle")

    assert identity(os.fsencode(tmp_path), stat=stale) is None


def test_a_mount_over_the_folder_changes_the_identity_and_a_bind_mount_keeps_it(
    tmp_path: Path,
) -> None:
    disk, bound = tmp_path / "disk", tmp_path / "bound"
    disk.mkdir()
    bound.mkdir()
    path = os.fsencode(disk)
    unmounted = identity(path)
    if subprocess.run(
        ["mount", "-t", "tmpfs", "none", disk], capture_output=True, check=False
    ).returncode:
        pytest.skip("this user may not mount")
    try:
        mounted = identity(path)
        subprocess.run(["mount", "--bind", disk, bound], check=True)
        assert identity(os.fsencode(bound)) == mounted != unmounted
        subprocess.run(["umount", bound], check=True)
    finally:
        subprocess.run(["umount", "--lazy", disk], check=True)
    assert identity(path) == unmounted


@dataclass
class FakeStatvfs:
    f_fsid: int


@pytest.mark.parametrize(
    ("kind", "source", "expected"),
    [
        pytest.param("ext4", "/dev/sdb1", "ext4:ab:", id="uuid-of-the-disk"),
        pytest.param("xfs", "/dev/sdb1", "weak:xfs:ab:", id="only-a-device-number"),
        pytest.param("nfs4", "nas:/photos", "nfs4:nas:/photos:", id="server-and-export"),
        pytest.param("fuse.sshfs", "anna@nas:", "fuse.sshfs:anna@nas::", id="fuse-source"),
    ],
)
def test_the_identity_names_what_tells_file_systems_apart(
    tmp_path: Path, kind: str, source: str, expected: str
) -> None:
    mounts = (Mount(folder=b"/", type=kind, source=source),)
    found = identity(
        os.fsencode(tmp_path),
        statvfs=lambda _path: FakeStatvfs(0xAB),  # type: ignore[arg-type,return-value]
        mounts=lambda: mounts,
    )
    assert found == f"{expected}{tmp_path.stat().st_ino}"


@pytest.mark.parametrize(
    ("known", "now", "in_place", "verdict"),
    [
        pytest.param("a", None, None, Verdict.UNREACHABLE, id="unreachable"),
        pytest.param("a", None, True, Verdict.UNREACHABLE, id="unreachable-though-cached"),
        pytest.param(None, "a", None, Verdict.ADOPTED, id="first-time"),
        pytest.param(None, "a", False, Verdict.UNPROVEN, id="files-known-but-none-is-there"),
        pytest.param("a", "a", True, Verdict.PRESENT, id="same"),
        pytest.param("a", "a", False, Verdict.PRESENT, id="same-and-everything-was-deleted"),
        pytest.param("weak:a", "weak:a", False, Verdict.UNPROVEN, id="weak-needs-a-file"),
        pytest.param("weak:a", "weak:a", True, Verdict.PRESENT, id="weak-with-a-file"),
        pytest.param("weak:a", "weak:a", None, Verdict.PRESENT, id="weak-and-never-used"),
        pytest.param("a", "b", True, Verdict.ADOPTED, id="files-copied-to-a-new-disk"),
        pytest.param("a", "b", False, Verdict.UNPROVEN, id="not-mounted"),
        pytest.param("a", "b", None, Verdict.ADOPTED, id="other-and-never-used"),
    ],
)
def test_nothing_is_missing_unless_its_root_is_really_there(
    known: str | None, now: str | None, in_place: bool | None, verdict: Verdict
) -> None:
    assert judge(known, now, in_place=in_place) is verdict
    assert verdict.is_present is (verdict in (Verdict.PRESENT, Verdict.ADOPTED))


def _row(path: Path, stat: FileStat | None) -> FileRow:
    return FileRow(
        id=1,
        path=os.fsencode(path),
        root_id=1,
        media_id=1,
        stat=stat,
        state="present",
        reason=None,
    )


def test_a_known_file_is_in_place_with_equal_size_and_time_of_change(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(b"x")
    known = FileStat.of(path.stat())
    elsewhere = FileStat(bytes=1, mtime_ns=known.mtime_ns, inode=0, device=0)
    missing = _row(tmp_path / "b.jpg", known)
    assert any_in_place([]) is None
    assert any_in_place([missing, _row(path, None)]) is False
    assert any_in_place([missing, _row(path, elsewhere)]) is True
    path.write_bytes(b"xy")
    assert any_in_place([_row(path, known)]) is False
