"""What a person decides: each a row in the undo log and its effect, in one transaction.

The browser and the command line both call these functions, inside a transaction of theirs; nobody
else changes what a person said. `catalog.undo` takes decisions back.
"""

from __future__ import annotations

from catalog.decisions.belonging import confirm, confirm_all, reject, split, whose
from catalog.decisions.errors import DecisionError
from catalog.decisions.merges import merge
from catalog.decisions.names import LONGEST_NAME, clear_name, name_person
from catalog.decisions.sight import choose_cover, hide_faces, hide_people, show_faces, show_people

__all__ = [
    "LONGEST_NAME",
    "DecisionError",
    "choose_cover",
    "clear_name",
    "confirm",
    "confirm_all",
    "hide_faces",
    "hide_people",
    "merge",
    "name_person",
    "reject",
    "show_faces",
    "show_people",
    "split",
    "whose",
]
