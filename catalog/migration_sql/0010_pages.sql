-- Where photos and videos were taken, found without reading all of them.
CREATE INDEX media_places ON media(state, latitude, longitude) WHERE latitude IS NOT NULL;
-- What is amiss with a part that was read.
ALTER TABLE parts ADD COLUMN note TEXT;
-- How many faces of somebody are confirmed, without looking at all of them.
CREATE INDEX assignments_confirmed ON assignments(person_id, face_id)
WHERE method = 'user' AND state = 'assigned' AND ended_at IS NULL AND model = 'all';
