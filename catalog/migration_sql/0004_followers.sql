-- The faces of a track follow its leader: `tracks.best_face_id`, the one that is judged. Tracks that go on from each other
-- have one leader.
CREATE TRIGGER faces_follow_person AFTER UPDATE OF person_id ON faces
WHEN new.track_id IS NOT NULL AND new.person_id IS NOT old.person_id
BEGIN
    UPDATE tracks SET person_id = new.person_id WHERE best_face_id = new.id AND person_id IS NOT new.person_id;
    UPDATE faces SET person_id = new.person_id
    WHERE track_id IN (SELECT id FROM tracks WHERE best_face_id = new.id) AND id <> new.id
      AND state IN ('active', 'hidden') AND person_id IS NOT new.person_id;
END;
CREATE TRIGGER faces_follow_state AFTER UPDATE OF state ON faces
WHEN new.track_id IS NOT NULL AND new.state <> old.state AND new.state IN ('active', 'hidden')
BEGIN
    UPDATE faces SET state = new.state
    WHERE track_id IN (SELECT id FROM tracks WHERE best_face_id = new.id) AND id <> new.id
      AND state IN ('active', 'hidden') AND state <> new.state;
END;
CREATE TRIGGER tracks_follow_leader AFTER UPDATE OF best_face_id ON tracks
WHEN new.best_face_id IS NOT NULL AND new.best_face_id IS NOT old.best_face_id
BEGIN
    UPDATE tracks SET person_id = (SELECT person_id FROM faces WHERE id = new.best_face_id) WHERE id = new.id;
    UPDATE faces SET (person_id, state) = (SELECT person_id, state FROM faces WHERE id = new.best_face_id)
    WHERE track_id = new.id AND id <> new.best_face_id AND state IN ('active', 'hidden');
END;
