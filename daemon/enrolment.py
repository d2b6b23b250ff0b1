"""Adding reference pictures for somebody: copied into the person's folder, then read like any
other.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

from catalog import people
from catalog.connect import connect
from daemon.errors import EnvironmentTrouble, UsageError
from daemon.following import daemon_runs, wait_for_catalog
from daemon.supervisor import Supervisor

if TYPE_CHECKING:
    import threading
    from collections.abc import Sequence
    from pathlib import Path

    from daemon.settings import Settings

# The daemon settles a new file before it reads it, and may have a queue.
PATIENCE_S = 120.0
POLL_S = 0.2


def enrol_photos(
    settings: Settings, name: str, photos: Sequence[Path], *, stop: threading.Event
) -> list[dict[str, str | None]]:
    """Copy the photos and wait until each has an exemplar, or a reason why not.

    Somebody who has that name already, and a folder, perhaps under another name, gets them there.
    Raises UsageError where the folder of that name is somebody else's.
    """
    folder = settings.paths.people / _folder_of(settings, name)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        targets = [_copy(photo, folder) for photo in photos]
    except OSError as error:
        raise EnvironmentTrouble(
            f"{folder}: cannot take the pictures ({error.strerror}); make it writable"
        ) from error
    patience_s = PATIENCE_S
    if daemon_runs(settings):
        wait_for_catalog(settings, stop)
    else:
        patience_s = 0.0
        with Supervisor(settings, "alone", stop=stop) as supervisor:
            known = os.path.realpath(os.fsencode(settings.paths.people))
            supervisor.arrivals.scan([known], "reference", progress=lambda _: None)
            supervisor.drain()
    with closing(connect(settings.catalog, readonly=True)) as connection:
        return [_outcome(connection, target, stop, patience_s) for target in targets]


def _folder_of(settings: Settings, name: str) -> str:
    if not settings.catalog.exists():
        return name
    with closing(connect(settings.catalog, readonly=True)) as connection:
        try:
            known = people.called(connection, name)
            folders = [people.folder_of(connection, person_id) for person_id in known]
            owner = people.owner_of(connection, name)
        except sqlite3.DatabaseError:  # an older or damaged catalog: whoever opens it next says so
            return name
    found = next((folder for folder in folders if folder is not None), None)
    if found is None and owner is not None and owner[0] not in known:
        raise UsageError(
            f"{name}: the folder of that name is that of {owner[1]}; rename the folder, or say "
            f"{owner[1]}"
        )
    return found or name


def _copy(photo: Path, folder: Path) -> Path:
    """A copy under a name that is free, complete from the moment it has that name."""
    target, number = folder / photo.name, 1
    while target.exists():
        if target.samefile(photo) or target.read_bytes() == photo.read_bytes():
            return target
        number += 1
        target = folder / f"{photo.stem}-{number}{photo.suffix}"
    part = folder / f".rollcall-{target.name}.part"
    shutil.copy2(photo, part)
    part.rename(target)
    return target


def _outcome(
    connection: sqlite3.Connection, target: Path, stop: threading.Event, patience_s: float
) -> dict[str, str | None]:
    path = os.path.realpath(os.fsencode(target))
    waited_s = 0.0
    while True:
        row = connection.execute(
            """SELECT ifnull(exemplars.state, files.state) AS state,
                      ifnull(exemplars.reason, files.reason) AS reason
               FROM files LEFT JOIN exemplars ON exemplars.file_id = files.id
               WHERE files.path_bytes = ?
                 AND (exemplars.id IS NOT NULL OR files.state = 'unreadable')""",
            [path],
        ).fetchone()
        if row is not None:
            return {"photo": str(target), "state": row["state"], "reason": row["reason"]}
        if waited_s >= patience_s or stop.wait(POLL_S):
            return {"photo": str(target), "state": "waiting", "reason": "not read yet"}
        waited_s += POLL_S
