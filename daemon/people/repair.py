"""The repair pass: everybody judged again at once, so that the order in which files came does not
matter.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from daemon.people import faces as faces_module
from daemon.people.ensemble import Ensemble
from daemon.people.gallery import read_references
from daemon.people.judge import judge
from daemon.people.limits import limits
from daemon.people.opinions import opinions
from daemon.people.scene import Scene
from daemon.people.second_looks import second_looks
from daemon.tasks import Answer

if TYPE_CHECKING:
    import sqlite3

    from daemon.settings import Identify


def repair(connection: sqlite3.Connection, section: Identify) -> Answer:
    """Verdicts on the faces of which something else is known when all are judged as a whole.

    Reads faces in the order of their content, so that the same files give the same people whatever
    order they came in; a group keeps the person most of its faces had.
    """
    ensemble = Ensemble.read(connection)
    everyone = faces_module.Reader(connection, ensemble).everything()
    merged = connection.execute("SELECT id, merged_into FROM people WHERE merged_into IS NOT NULL")
    scene = Scene(
        faces=everyone,
        ruled_out=faces_module.ruled_out(connection),
        survivors={int(row["id"]): int(row["merged_into"]) for row in merged},
        second_looks=second_looks(connection, ensemble),
    )
    references = read_references(connection, ensemble)
    judgement = judge(scene, references, limits(section, ensemble.calibration))
    own = opinions(scene, judgement, ensemble, references, section)
    return Answer(verdicts=[*judgement.verdicts, *own], doubtful=tuple(sorted(judgement.doubtful)))
