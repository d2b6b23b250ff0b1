-- Views for people who write SQL. They are made anew whenever this file changes, so only `migrations.py` counts on them.
-- A media whose only files are reference pictures is in none of them, nor is a version that was replaced.

CREATE VIEW reference_only AS
-- Media that lie in folders of reference people and nowhere else: they are in no list and no count.
-- CROSS JOIN keeps the order: it starts from those few folders, whatever the catalog's size.
SELECT DISTINCT here.media_id FROM roots CROSS JOIN files AS here ON here.root_id = roots.id
WHERE roots.role = 'reference' AND here.media_id IS NOT NULL
  AND NOT EXISTS (SELECT 1 FROM files AS there JOIN roots AS other ON other.id = there.root_id
                  WHERE there.media_id = here.media_id AND other.role <> 'reference');

CREATE VIEW replaced AS
-- Versions of photos that were changed in place and lie nowhere any more, where a newer version does, or the one before it
-- again: in no list and no count either.
WITH RECURSIVE
-- CROSS JOIN keeps the order: it starts from the few photos that are versions of others, whatever the catalog's size.
here(media_id) AS (
    SELECT files.media_id FROM media CROSS JOIN files ON files.media_id IN (media.id, media.replaces_media_id)
    WHERE media.replaces_media_id IS NOT NULL AND +files.state = 'present'),
older(media_id) AS (
    SELECT replaces_media_id FROM here CROSS JOIN media ON media.id = here.media_id
    WHERE replaces_media_id IS NOT NULL AND +state = 'done'
    UNION
    SELECT media.replaces_media_id FROM older JOIN media ON media.id = older.media_id
    WHERE media.replaces_media_id IS NOT NULL)
SELECT media_id FROM
    (SELECT media_id FROM older
     UNION SELECT id FROM media WHERE replaces_media_id IN (SELECT media_id FROM here))
WHERE media_id NOT IN (SELECT media_id FROM here);

CREATE VIEW beside AS
-- Faces that are seen together, each with every other: in a photo, in a frame of a video, or as leaders of tracks of which
-- one begins while the other is there. Two of them are never one person.
-- CROSS JOIN and + keep the order: it starts from the one face that is asked about, and not from all that are in no video.
SELECT faces.id AS face_id, other.id AS beside_id
FROM faces CROSS JOIN faces AS other ON other.media_id = faces.media_id AND +other.frame_id IS faces.frame_id
     AND +other.track_id IS NULL AND other.id <> faces.id
WHERE faces.track_id IS NULL
UNION ALL
SELECT own.best_face_id, other.best_face_id
FROM tracks AS own CROSS JOIN tracks AS other ON other.media_id = own.media_id
     AND other.start_s >= own.start_s AND other.start_s <= max(own.start_s, own.end_s)
WHERE (other.start_s < own.end_s OR other.start_s = own.start_s) AND other.best_face_id <> own.best_face_id
UNION ALL
-- Who was there before lies no further back than the longest track of the video lasts.
SELECT own.best_face_id, other.best_face_id
FROM tracks AS own CROSS JOIN tracks AS other ON other.media_id = own.media_id
     AND other.start_s < own.start_s AND other.start_s > own.start_s - 1 -
         (SELECT max(end_s - start_s) FROM tracks WHERE tracks.media_id = own.media_id)
WHERE own.start_s < other.end_s AND other.best_face_id <> own.best_face_id;

CREATE VIEW runs AS
-- Somebody seen in a video without a break, over the borders of minutes too: a row per track that goes on from none, or from
-- somebody else's, to the end of those that go on from it. Each run is followed from its own beginning, and by one question
-- at a time instead of a join, so that those of one video or person cost no more than they are.
SELECT tracks.id AS run_id, tracks.media_id, tracks.person_id, tracks.start_s,
       (WITH RECURSIVE run(id) AS (
            SELECT tracks.id
            UNION SELECT (SELECT later.id FROM tracks AS later CROSS JOIN faces ON faces.id = later.best_face_id
                          WHERE later.continues_track_id = run.id AND +later.person_id IS tracks.person_id
                            AND faces.state = 'active') FROM run WHERE id IS NOT NULL)
        SELECT max((SELECT own.end_s FROM tracks AS own WHERE own.id = run.id)) FROM run) AS end_s,
       (WITH RECURSIVE run(id) AS (
            SELECT tracks.id
            UNION SELECT (SELECT later.id FROM tracks AS later CROSS JOIN faces ON faces.id = later.best_face_id
                          WHERE later.continues_track_id = run.id AND +later.person_id IS tracks.person_id
                            AND faces.state = 'active') FROM run WHERE id IS NOT NULL)
        SELECT sum((SELECT own.faces_count FROM tracks AS own WHERE own.id = run.id)) FROM run) AS faces_count,
       tracks.best_face_id, leader.quality AS best_quality
FROM tracks CROSS JOIN faces AS leader ON leader.id = tracks.best_face_id
WHERE leader.state = 'active'
  AND NOT EXISTS (SELECT 1 FROM tracks AS earlier CROSS JOIN faces ON faces.id = earlier.best_face_id
                  WHERE earlier.id = tracks.continues_track_id AND earlier.person_id IS tracks.person_id
                    AND faces.state = 'active');

CREATE VIEW appearances AS
-- Who is in what: a row per person and photo, or per person and run of tracks of a video.
SELECT people.id AS person_id, people.name, faces.media_id, NULL AS start_s, NULL AS end_s,
       count(*) AS faces_count, faces.id AS best_face_id, max(faces.quality) AS best_quality
FROM faces JOIN people ON people.id = faces.person_id
WHERE faces.state = 'active' AND +faces.track_id IS NULL AND people.hidden = 0
  AND faces.media_id NOT IN (SELECT media_id FROM reference_only) AND faces.media_id NOT IN (SELECT media_id FROM replaced)
GROUP BY faces.media_id, people.id
UNION ALL
SELECT people.id, people.name, runs.media_id, runs.start_s, runs.end_s, runs.faces_count, runs.best_face_id, runs.best_quality
FROM runs JOIN people ON people.id = runs.person_id
WHERE people.hidden = 0 AND runs.media_id NOT IN (SELECT media_id FROM reference_only)
  AND runs.media_id NOT IN (SELECT media_id FROM replaced);

CREATE VIEW media_people AS
-- Who is in a photo or video: a row per media and person.
SELECT media_id, person_id, name, sum(faces_count) AS faces_count, min(start_s) AS first_s, max(end_s) AS last_s
FROM appearances GROUP BY media_id, person_id;

CREATE VIEW people_summary AS
-- Everybody, named or not, with what is known of them; empty groups are left out. A chosen cover counts while it is a
-- face of theirs, or one of a reference picture.
SELECT people.id AS person_id, people.name, people.origin, people.hidden,
       ifnull(seen.faces_count, 0) AS faces_count, ifnull(seen.media_count, 0) AS media_count,
       ifnull((SELECT id FROM faces WHERE id = people.cover_face_id AND state = 'active'
               AND (person_id = people.id OR person_id IS NULL AND EXISTS
                    (SELECT 1 FROM exemplars JOIN people AS known ON known.id = exemplars.person_id
                     WHERE exemplars.face_id = faces.id AND exemplars.state = 'used'
                       AND ifnull(known.merged_into, known.id) = people.id))),
              seen.best_face_id) AS cover_face_id
FROM people LEFT JOIN
     (SELECT person_id, count(*) AS faces_count, count(DISTINCT media_id) AS media_count,
             id AS best_face_id, max(quality)
      FROM faces WHERE person_id IS NOT NULL AND state = 'active'
        AND media_id NOT IN (SELECT media_id FROM reference_only) AND media_id NOT IN (SELECT media_id FROM replaced)
      GROUP BY person_id) AS seen ON seen.person_id = people.id
WHERE people.merged_into IS NULL AND (people.name IS NOT NULL OR seen.faces_count > 0);

CREATE VIEW unknown_people AS
-- People without a name yet, most often seen first.
SELECT person_id, faces_count, media_count, cover_face_id
FROM people_summary WHERE name IS NULL AND hidden = 0 ORDER BY faces_count DESC, person_id;

CREATE VIEW failures AS
-- What could not be catalogued, and why.
-- CROSS JOIN keeps the order: it starts from the few that failed, whatever the catalog's size.
SELECT media.id AS media_id, files.path, media.state, media.error AS reason, files.last_seen_at
FROM media CROSS JOIN files ON files.media_id = media.id
WHERE media.state IN ('failed', 'quarantined') AND files.state = 'present'
UNION ALL
SELECT media.id, files.path, media.state, media.error, files.last_seen_at
FROM media CROSS JOIN files ON files.media_id = media.id
WHERE media.state = 'done' AND media.kind = 'video' AND media.error IS NOT NULL AND files.state = 'present'
UNION ALL
SELECT NULL, path, state, reason, last_seen_at FROM files WHERE state = 'unreadable';

CREATE VIEW duplicates AS
-- The same content at several paths.
SELECT media_id, count(*) AS copies, max(files.bytes) AS bytes, json_group_array(path) AS paths
FROM files WHERE state = 'present' AND media_id IS NOT NULL
GROUP BY media_id HAVING count(*) > 1;

CREATE VIEW progress AS
-- What is done and what is to do.
SELECT kind, state, count(*) AS jobs, sum(attempts > 1) AS retried, min(created_at) AS oldest FROM jobs GROUP BY kind, state;
