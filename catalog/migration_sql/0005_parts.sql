-- Whether a part's first scene goes on from the part before, and why a part could not be read.
ALTER TABLE parts ADD COLUMN continues INTEGER NOT NULL DEFAULT 0 CHECK (continues IN (0, 1));
ALTER TABLE parts ADD COLUMN error TEXT;
