-- What tells the videos of one address from each other, so that each comes, fails and is asked for
-- again alone.
ALTER TABLE downloads ADD COLUMN item TEXT;
