-- What is asked, found without reading all verdicts: two in a thousand of 200,000.
CREATE INDEX assignments_asked ON assignments(person_id, id)
WHERE state = 'suggested' AND ended_at IS NULL AND model = 'all';
-- The newest videos, found without reading all photos.
DROP INDEX media_kind;
CREATE INDEX media_kind ON media(kind, taken_at_local);
-- How many photos and how many videos there are, without reading any.
DROP INDEX media_state;
CREATE INDEX media_state ON media(state, kind);
-- Files that cannot be read, found without looking at all of them.
CREATE INDEX files_unreadable ON files(state) WHERE state = 'unreadable';
