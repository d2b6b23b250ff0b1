"""Tables as files: the same rows as CSV for spreadsheets and as JSON for programs."""

from __future__ import annotations

import csv
import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from daemon.export.names import clock_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from catalog.exports import Appearance
    from daemon.export.folder import Folder

APPEARANCES, PEOPLE = "appearances", "people"
COLUMNS = {
    APPEARANCES: (
        "path", "kind", "taken_at", "taken_at_local", "start_s", "end_s", "start", "end",
        "faces_count", "quality", "confidence", "method", "face_id", "media_id", "sha256",
        "other_paths",
    ),
    PEOPLE: (
        "person_id", "name", "folder", "appearances", "photos", "videos", "faces_count", "crops",
        "first_taken", "last_taken",
    ),
}  # fmt: skip
# What makes a spreadsheet take a cell for a formula.
FORMULA = ("=", "+", "-", "@", "\t", "\r")
DECIMALS = 4


def files_of(table: str) -> tuple[str, str]:
    """The names of the table's two files."""
    return f"{table}.csv", f"{table}.json"


class Table:
    """Two files that grow row by row."""

    def __init__(self, columns: Sequence[str], csv_file: TextIO, json_file: TextIO) -> None:
        self._columns = columns
        self._csv = csv.writer(csv_file, lineterminator="\n")
        self._json = json_file
        self._separator = "["
        self._csv.writerow(columns)

    def add(self, row: Mapping[str, object]) -> None:
        """One row; what it says beyond the columns is left out."""
        values = {column: row[column] for column in self._columns}
        self._csv.writerow([cell(value) for value in values.values()])
        self._json.write(f"{self._separator}\n{json.dumps(values, ensure_ascii=False)}")
        self._separator = ","

    def close(self) -> None:
        """The end of the JSON document."""
        self._json.write("[]\n" if self._separator == "[" else "\n]\n")


@contextmanager
def table(folder: Folder, name: str) -> Iterator[Table]:
    """A table of that name in a folder; it appears complete or not at all."""
    csv_name, json_name = files_of(name)
    with folder.writing(csv_name) as csv_file, folder.writing(json_name) as json_file:
        growing = Table(COLUMNS[name], csv_file, json_file)
        yield growing
        growing.close()


def cell(value: object) -> object:
    """A value as a CSV cell: a list as JSON, and empty where it is.

    Text that a spreadsheet would compute (it begins with = + - @, a tab or a carriage return) gets
    an apostrophe in front, because a file's name must not run as a formula; JSON has it as it is.
    """
    if isinstance(value, list):
        return json.dumps(value, ensure_ascii=False) if value else ""
    if isinstance(value, str) and value.startswith(FORMULA):
        return "'" + value
    return value


def appearance_row(it: Appearance) -> dict[str, object]:
    """An appearance by column."""
    path, *others = it.paths or (None,)
    return {
        "path": path,
        "kind": it.kind,
        "taken_at": it.taken_at,
        "taken_at_local": it.taken_at_local,
        "start_s": it.start_s,
        "end_s": it.end_s,
        "start": None if it.start_s is None else clock_text(it.start_s),
        "end": None if it.end_s is None else clock_text(it.end_s),
        "faces_count": it.faces_count,
        "quality": _rounded(it.quality),
        "confidence": _rounded(it.confidence),
        "method": it.method,
        "face_id": it.face_id,
        "media_id": it.media_id,
        "sha256": it.sha256,
        "other_paths": others,
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, DECIMALS)
