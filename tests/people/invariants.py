"""What holds in every catalog at every moment, as queries that must find nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.makers import Maker

SURVIVOR = "(SELECT ifnull(merged_into, id) FROM people WHERE id = {})"
OPEN = "model = 'all' AND ended_at IS NULL"
# The face that speaks for one of `faces`.
SPEAKER = "ifnull((SELECT best_face_id FROM tracks WHERE id = faces.track_id), faces.id)"
DISOBEDIENT = """
    SELECT faces.id, faces.person_id, leader.person_id, faces.state, leader.state
    FROM faces JOIN tracks ON tracks.id = faces.track_id
    JOIN faces AS leader ON leader.id = best_face_id
    WHERE faces.person_id IS NOT leader.person_id OR faces.state <> leader.state
       OR tracks.person_id IS NOT leader.person_id"""
# Open decisions on the two of every pair that is seen together, each pair in both orders.
TOGETHER = """
    SELECT pair.face_id, a.person_id, a.method = 'user', b.person_id, b.method = 'user'
    FROM (SELECT f.id AS face_id, g.id AS beside_id FROM faces AS f
              JOIN faces AS g ON g.media_id = f.media_id AND g.id <> f.id
          WHERE f.track_id IS NULL AND g.track_id IS NULL
            AND f.media_id IN (SELECT media_id FROM files)
          UNION SELECT t.best_face_id, u.best_face_id FROM tracks AS t
              JOIN tracks AS u ON u.media_id = t.media_id AND u.best_face_id <> t.best_face_id
          WHERE t.start_s = u.start_s OR t.start_s < u.end_s AND u.start_s < t.end_s) AS pair
    JOIN assignments AS a ON a.face_id = pair.face_id
    JOIN assignments AS b ON b.face_id = beside_id
    WHERE a.state = 'assigned' AND a.model = 'all' AND a.ended_at IS NULL
      AND b.state = 'assigned' AND b.model = 'all' AND b.ended_at IS NULL"""
MUST_BE_EMPTY = {
    "the machine finds nobody twice in a picture": f"""
        WITH together(face_id, one, said, other, also_said) AS ({TOGETHER})
        SELECT * FROM together WHERE one = other AND NOT said AND NOT also_said""",
    "tracks follow their leaders": DISOBEDIENT,
    "whose a face is follows from its open row": f"""
        SELECT id, person_id FROM faces WHERE person_id IS NOT
        (SELECT {SURVIVOR.format("person_id")} FROM assignments
         WHERE face_id = {SPEAKER} AND state = 'assigned' AND {OPEN})""",
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
    """Two faces of one picture, or that are seen at one time in a video, are one person only where
    somebody said so of both.
    """
    survivor = dict(make.rows("SELECT id, ifnull(merged_into, id) FROM people"))
    for face, one, said, other, also_said in make.rows(TOGETHER):
        assert survivor[one] != survivor[other] or (said and also_said), (face, one, other)


# Not through merges: of faces in several groups of one person only the repair pass thinks again.
BESIDE_SAID = f"""
    WITH together(face_id, one, said, other, also_said) AS ({TOGETHER})
    SELECT * FROM together WHERE one = other AND said AND NOT also_said"""
