-- Where photos and videos were taken, found without reading all of them.
CREATE INDEX media_places ON media(state, latitude, longitude) WHERE latitude IS NOT NULL;
-- What is amiss with a part that was read.
ALTER TABLE parts ADD COLUMN note TEXT;
