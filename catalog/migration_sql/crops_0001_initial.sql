-- crops.db: pictures that the pages show, beside the catalog and not in it, so that the catalog stays small to copy.

-- Keyed by the SHA-256 of the JPEG itself: faces.crop.
CREATE TABLE crops (
    sha256 TEXT PRIMARY KEY CHECK (length(sha256) = 64),
    jpeg BLOB NOT NULL,
    stored_at TEXT NOT NULL
) STRICT;
CREATE INDEX crops_stored_at ON crops(stored_at);

-- One a media, under the media's own SHA-256.
CREATE TABLE previews (
    sha256 TEXT PRIMARY KEY CHECK (length(sha256) = 64),
    jpeg BLOB NOT NULL,
    width INTEGER NOT NULL,
    height INTEGER NOT NULL,
    stored_at TEXT NOT NULL
) STRICT;
