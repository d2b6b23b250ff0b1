-- Whether a part's first scene goes on from the part before, and why a part could not be read.
ALTER TABLE parts ADD COLUMN continues INTEGER NOT NULL DEFAULT 0 CHECK (continues IN (0, 1));
ALTER TABLE parts ADD COLUMN error TEXT;
-- Videos that an earlier version did not read are read now.
UPDATE jobs SET state = 'waiting', attempts = 0, error = NULL, finished_at = NULL
WHERE kind = 'ingest' AND state = 'failed'
  AND media_id IN (SELECT id FROM media WHERE state = 'failed'
                   AND error = 'it is a video, and this version of Rollcall reads photographs only');
UPDATE media SET state = 'pending', error = NULL
WHERE state = 'failed' AND error = 'it is a video, and this version of Rollcall reads photographs only';
