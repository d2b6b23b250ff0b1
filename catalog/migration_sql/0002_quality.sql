-- Every measure of a face; `size_px`, `sharpness` and `confidence` were there before.
CREATE TABLE quality_of_today (
    face_id INTEGER PRIMARY KEY REFERENCES faces(id) ON DELETE CASCADE,
    version TEXT NOT NULL,
    confidence REAL,
    agreement REAL,
    size_px REAL,
    sharpness REAL,
    tenengrad REAL,
    blur REAL,
    detail REAL,
    motion REAL,
    motion_angle REAL,
    noise REAL,
    blockiness REAL,
    flatness REAL,
    brightness REAL,
    contrast REAL,
    underexposed REAL,
    overexposed REAL,
    skin_spread REAL,
    symmetry REAL,
    eyes_open REAL,
    yaw REAL,
    pitch REAL,
    roll REAL,
    misfit REAL,
    off_centre REAL,
    cut_off REAL,
    reasons TEXT CHECK (reasons IS NULL OR json_valid(reasons))
) STRICT;
INSERT INTO quality_of_today (face_id, version, size_px, sharpness, confidence, reasons)
SELECT face_id, version, size_px, sharpness, confidence, reasons FROM quality;
DROP TABLE quality;
ALTER TABLE quality_of_today RENAME TO quality;
