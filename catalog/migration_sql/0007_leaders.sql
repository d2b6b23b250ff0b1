-- How long the longest track of a video lasts: who is seen with somebody began no longer before.
CREATE INDEX tracks_lasting ON tracks(media_id, end_s - start_s);

-- A track whose leader is gone is nobody's until another one leads.
CREATE TRIGGER tracks_lose_leader AFTER UPDATE OF best_face_id ON tracks
WHEN new.best_face_id IS NULL AND old.best_face_id IS NOT NULL
BEGIN
    UPDATE tracks SET person_id = NULL WHERE id = new.id AND person_id IS NOT NULL;
    UPDATE faces SET person_id = NULL WHERE track_id = new.id AND person_id IS NOT NULL;
END;
