-- Views for people who write SQL. They are made anew whenever this file changes, so only `migrations.py` counts on them.
-- A media whose only files are reference pictures is in none of them.

CREATE VIEW appearances AS
-- Who is in what: a row per person and photo, or per person and track of a video.
SELECT people.id AS person_id, people.name, faces.media_id, NULL AS start_s, NULL AS end_s,
       count(*) AS faces_count, faces.id AS best_face_id, max(faces.quality) AS best_quality
FROM faces JOIN people ON people.id = faces.person_id
WHERE faces.state = 'active' AND faces.track_id IS NULL AND people.hidden = 0
  AND EXISTS (SELECT 1 FROM files JOIN roots ON roots.id = files.root_id
              WHERE files.media_id = faces.media_id AND roots.role <> 'reference')
GROUP BY faces.media_id, people.id
UNION ALL
SELECT people.id, people.name, tracks.media_id, tracks.start_s, tracks.end_s,
       tracks.faces_count, tracks.best_face_id, faces.quality
FROM tracks JOIN people ON people.id = tracks.person_id LEFT JOIN faces ON faces.id = tracks.best_face_id
WHERE people.hidden = 0
  AND EXISTS (SELECT 1 FROM files JOIN roots ON roots.id = files.root_id
              WHERE files.media_id = tracks.media_id AND roots.role <> 'reference');

CREATE VIEW media_people AS
-- Who is in a photo or video: a row per media and person.
SELECT media_id, person_id, name, sum(faces_count) AS faces_count, min(start_s) AS first_s, max(end_s) AS last_s
FROM appearances GROUP BY media_id, person_id;

CREATE VIEW people_summary AS
-- Everybody, named or not, with what is known of them; empty groups are left out.
SELECT people.id AS person_id, people.name, people.origin, people.hidden,
       count(faces.id) AS faces_count, count(DISTINCT faces.media_id) AS media_count,
       min(media.taken_at_local) AS first_taken_at, max(media.taken_at_local) AS last_taken_at,
       ifnull(people.cover_face_id,
              (SELECT id FROM faces AS best WHERE best.person_id = people.id AND best.state = 'active'
               ORDER BY best.quality DESC LIMIT 1)) AS cover_face_id
FROM people
LEFT JOIN faces ON faces.person_id = people.id AND faces.state = 'active'
     AND EXISTS (SELECT 1 FROM files JOIN roots ON roots.id = files.root_id
                 WHERE files.media_id = faces.media_id AND roots.role <> 'reference')
LEFT JOIN media ON media.id = faces.media_id
WHERE people.merged_into IS NULL
GROUP BY people.id
HAVING people.name IS NOT NULL OR count(faces.id) > 0;

CREATE VIEW unknown_people AS
-- People without a name yet, most often seen first.
SELECT person_id, faces_count, media_count, first_taken_at, last_taken_at, cover_face_id
FROM people_summary WHERE name IS NULL AND hidden = 0 ORDER BY faces_count DESC, person_id;

CREATE VIEW failures AS
-- What could not be catalogued, and why.
SELECT media.id AS media_id, files.path, media.state, media.error AS reason, files.last_seen_at
FROM media LEFT JOIN files ON files.media_id = media.id
WHERE media.state IN ('failed', 'quarantined')
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
