"""What holds in every catalog at every moment, as queries that must find nothing."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.makers import Maker

SURVIVOR = "(SELECT ifnull(merged_into, id) FROM people WHERE id = {})"
OPEN = "model = 'all' AND ended_at IS NULL"
MUST_BE_EMPTY = {
    "the machine finds nobody twice in a picture": f"""
        SELECT f.media_id, a.person_id FROM assignments AS a JOIN faces AS f ON f.id = a.face_id
        WHERE a.state = 'assigned' AND a.method <> 'user' AND {OPEN}
          AND f.media_id IN (SELECT media_id FROM files)
        GROUP BY 1, 2 HAVING count(*) > 1""",
    "whose a face is follows from its open row": f"""
        SELECT id, person_id FROM faces WHERE person_id IS NOT
        (SELECT {SURVIVOR.format("person_id")} FROM assignments
         WHERE face_id = faces.id AND state = 'assigned' AND {OPEN})""",
    "nobody is who was ruled out": f"""
        SELECT face_id, a.person_id FROM assignments AS a JOIN rejections AS r USING (face_id)
        WHERE a.ended_at IS NULL AND (r.person_id IS NULL OR
              {SURVIVOR.format("a.person_id")} = {SURVIVOR.format("r.person_id")})""",
    "the machine says nothing where a person did": """
        SELECT a.face_id FROM assignments AS a JOIN assignments AS u USING (face_id)
        WHERE a.model = 'all' AND a.ended_at IS NULL AND a.method <> 'user'
          AND u.method = 'user' AND u.model = 'all' AND u.ended_at IS NULL""",
    "merges are one hop": """
        SELECT p.id FROM people AS p JOIN people AS q ON q.id = p.merged_into
        WHERE q.merged_into IS NOT NULL""",
    # A folder of reference pictures is somebody of its own, even where another has its name.
    "nobody was given anybody else's name": """
        SELECT name FROM people WHERE merged_into IS NULL AND name IS NOT NULL
          AND NOT EXISTS (SELECT 1 FROM people AS own WHERE own.folder = people.name
                          AND people.id IN (own.id, own.merged_into))
        GROUP BY name HAVING count(*) > 1""",
    "what is no face is out of sight": """
        SELECT face_id FROM rejections JOIN faces ON faces.id = face_id
        WHERE rejections.person_id IS NULL AND (state = 'active' OR faces.person_id IS NOT NULL)""",
    "who was confirmed is known by it": f"""
        SELECT face_id, person_id FROM exemplars WHERE source = 'user' AND state = 'used'
        EXCEPT SELECT face_id, person_id FROM assignments WHERE method = 'user' AND {OPEN}""",
    "who is known by it was confirmed": f"""
        SELECT face_id, person_id FROM assignments WHERE method = 'user' AND {OPEN}
        EXCEPT SELECT face_id, person_id FROM exemplars
        WHERE source = 'user' AND state = 'used'""",
}


def nobody_twice(make: Maker) -> None:
    """Two faces of one picture are one person only where somebody said so of both."""
    rows = make.rows(
        f"""SELECT media_id, faces.person_id, method = 'user', faces.id
            FROM faces JOIN assignments ON face_id = faces.id
            WHERE assignments.state = 'assigned' AND {OPEN}
              AND media_id IN (SELECT media_id FROM files) ORDER BY 1, 2, 4"""
    )
    for one, other in combinations(rows, 2):
        assert one[:2] != other[:2] or (one[2] and other[2]), (one, other)


# Not through merges: of faces in several groups of one person only the repair pass thinks again.
BESIDE_SAID = """
    SELECT f.media_id, f.id, g.id FROM assignments AS a JOIN faces AS f ON f.id = a.face_id
    JOIN faces AS g ON g.media_id = f.media_id
    JOIN assignments AS b ON b.face_id = g.id AND b.person_id = a.person_id
    WHERE a.method = 'user' AND b.method <> 'user' AND b.state = 'assigned'
      AND a.model = 'all' AND a.ended_at IS NULL AND b.model = 'all' AND b.ended_at IS NULL
      AND f.media_id IN (SELECT media_id FROM files)"""
