-- What the recognition model tells besides its vector, and the eyes by 68 points.
ALTER TABLE quality ADD COLUMN norm REAL;
ALTER TABLE quality ADD COLUMN stability REAL;
ALTER TABLE quality ADD COLUMN eye_aspect_ratio REAL;
