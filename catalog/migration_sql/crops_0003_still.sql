-- The frame of a video that was looked at last, for the page that shows what is going on: one row.
-- `boxes` are of the faces found in it, JSON [[x, y, w, h], …] in its own pixels, width × height.
CREATE TABLE still (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    sha256 TEXT NOT NULL,
    time_s REAL NOT NULL,
    jpeg BLOB NOT NULL,
    width INTEGER NOT NULL,
    height INTEGER NOT NULL,
    boxes TEXT NOT NULL,
    stored_at TEXT NOT NULL
) STRICT;
