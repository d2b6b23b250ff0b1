-- The catalog as its migrations leave it: `python -m catalog.migrations > catalog/schema.sql`. Views: views.sql.

CREATE TABLE media (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    sha256 TEXT NOT NULL UNIQUE CHECK (length(sha256) = 64),
    kind TEXT CHECK (kind IN ('image', 'video')),
    mime TEXT,
    bytes INTEGER NOT NULL,
    width INTEGER,
    height INTEGER,
    duration_s REAL,
    fps REAL,
    codec TEXT,
    taken_at TEXT,
    taken_at_local TEXT,
    taken_at_source TEXT,
    camera_make TEXT,
    camera_model TEXT,
    lens TEXT,
    orientation INTEGER,
    latitude REAL,
    longitude REAL,
    altitude_m REAL,
    paired_media_id INTEGER REFERENCES media(id) ON DELETE SET NULL,
    replaces_media_id INTEGER REFERENCES media(id) ON DELETE SET NULL,
    faces_count INTEGER NOT NULL DEFAULT 0,
    state TEXT NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'done', 'failed', 'quarantined')),
    error TEXT,
    added_at TEXT NOT NULL,
    -- Last, because it is long: columns behind it would be read across overflow pages.
    exif TEXT CHECK (exif IS NULL OR json_valid(exif))
) STRICT;
CREATE INDEX media_taken_at ON media(taken_at);
CREATE INDEX media_taken_at_local ON media(taken_at_local, faces_count);
CREATE INDEX media_added_at ON media(added_at);
CREATE INDEX media_camera ON media(camera_make, camera_model, taken_at_local, faces_count);
CREATE INDEX media_faces_count ON media(faces_count);
CREATE INDEX media_paired_media_id ON media(paired_media_id);
CREATE INDEX media_replaces_media_id ON media(replaces_media_id);

CREATE TABLE roots (
    id INTEGER PRIMARY KEY,
    path_bytes BLOB NOT NULL UNIQUE,
    path TEXT NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('inbox', 'reference', 'scanned')),
    identity TEXT,
    state TEXT NOT NULL DEFAULT 'present' CHECK (state IN ('present', 'unreachable', 'retired')),
    last_seen_at TEXT
) STRICT;

CREATE TABLE files (
    id INTEGER PRIMARY KEY,
    path_bytes BLOB NOT NULL UNIQUE,
    path TEXT NOT NULL,
    root_id INTEGER NOT NULL REFERENCES roots(id),
    media_id INTEGER REFERENCES media(id) ON DELETE CASCADE,
    bytes INTEGER,
    mtime_ns INTEGER,
    inode INTEGER,
    device INTEGER,
    state TEXT NOT NULL DEFAULT 'present' CHECK (state IN ('present', 'ignored', 'unreadable', 'missing')),
    reason TEXT,
    first_seen_at TEXT NOT NULL,
    last_seen_at TEXT NOT NULL,
    missing_since TEXT
) STRICT;
CREATE INDEX files_root_id ON files(root_id);
CREATE INDEX files_media_id ON files(media_id);
CREATE INDEX files_state ON files(state);
CREATE INDEX files_identity ON files(inode, device, bytes, mtime_ns);
CREATE INDEX files_path ON files(path);

CREATE TABLE parts (
    id INTEGER PRIMARY KEY,
    media_id INTEGER NOT NULL REFERENCES media(id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    start_s REAL NOT NULL,
    end_s REAL NOT NULL,
    state TEXT NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'done', 'failed', 'quarantined')),
    skipped TEXT CHECK (skipped IS NULL OR json_valid(skipped)), continues INTEGER NOT NULL DEFAULT 0 CHECK (continues IN (0, 1)), error TEXT, note TEXT,
    UNIQUE (media_id, number)
) STRICT;

CREATE TABLE scenes (
    id INTEGER PRIMARY KEY,
    media_id INTEGER NOT NULL REFERENCES media(id) ON DELETE CASCADE,
    start_s REAL NOT NULL,
    end_s REAL NOT NULL,
    continues_scene_id INTEGER REFERENCES scenes(id) ON DELETE SET NULL
) STRICT;
CREATE INDEX scenes_media_id ON scenes(media_id, start_s);
CREATE INDEX scenes_continues_scene_id ON scenes(continues_scene_id);

CREATE TABLE frames (
    id INTEGER PRIMARY KEY,
    media_id INTEGER NOT NULL REFERENCES media(id) ON DELETE CASCADE,
    time_s REAL NOT NULL,
    scene_id INTEGER REFERENCES scenes(id) ON DELETE SET NULL,
    brightness REAL,
    motion REAL,
    kept_because TEXT,
    UNIQUE (media_id, time_s)
) STRICT;
CREATE INDEX frames_scene_id ON frames(scene_id);

CREATE TABLE tracks (
    id INTEGER PRIMARY KEY,
    media_id INTEGER NOT NULL REFERENCES media(id) ON DELETE CASCADE,
    scene_id INTEGER REFERENCES scenes(id) ON DELETE SET NULL,
    start_s REAL NOT NULL,
    end_s REAL NOT NULL,
    continues_track_id INTEGER REFERENCES tracks(id) ON DELETE SET NULL,
    faces_count INTEGER NOT NULL DEFAULT 0,
    path BLOB,
    best_face_id INTEGER REFERENCES faces(id) ON DELETE SET NULL,
    person_id INTEGER REFERENCES people(id)
) STRICT;
CREATE INDEX tracks_media_id ON tracks(media_id, start_s);
CREATE INDEX tracks_scene_id ON tracks(scene_id);
CREATE INDEX tracks_continues_track_id ON tracks(continues_track_id);
CREATE INDEX tracks_best_face_id ON tracks(best_face_id);
CREATE INDEX tracks_person_id ON tracks(person_id);

CREATE TABLE embedders (
    id INTEGER PRIMARY KEY,
    model TEXT NOT NULL,
    weights_sha256 TEXT NOT NULL,
    geometry TEXT NOT NULL,
    dimensions INTEGER NOT NULL,
    active INTEGER NOT NULL DEFAULT 0 CHECK (active IN (0, 1)),
    UNIQUE (model, weights_sha256, geometry)
) STRICT;

CREATE TABLE track_vectors (
    track_id INTEGER NOT NULL REFERENCES tracks(id) ON DELETE CASCADE,
    embedder_id INTEGER NOT NULL REFERENCES embedders(id),
    vector BLOB NOT NULL,
    PRIMARY KEY (track_id, embedder_id)
) STRICT;
CREATE INDEX track_vectors_embedder_id ON track_vectors(embedder_id);

CREATE TABLE faces (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    media_id INTEGER NOT NULL REFERENCES media(id) ON DELETE CASCADE,
    frame_id INTEGER REFERENCES frames(id) ON DELETE CASCADE,
    track_id INTEGER REFERENCES tracks(id) ON DELETE SET NULL,
    time_s REAL,
    x REAL NOT NULL,
    y REAL NOT NULL,
    w REAL NOT NULL,
    h REAL NOT NULL,
    landmarks TEXT CHECK (landmarks IS NULL OR json_valid(landmarks)),
    detector TEXT NOT NULL,
    detector_version TEXT NOT NULL,
    confidence REAL NOT NULL,
    quality REAL,
    crop TEXT,
    crop_scale REAL,
    crop_x REAL,
    crop_y REAL,
    person_id INTEGER REFERENCES people(id),
    state TEXT NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'superseded', 'hidden', 'forgotten'))
) STRICT;
CREATE INDEX faces_media_id ON faces(media_id, state, person_id);
CREATE INDEX faces_frame_id ON faces(frame_id);
CREATE INDEX faces_track_id ON faces(track_id);
CREATE INDEX faces_person_id ON faces(person_id, state, quality, media_id);
CREATE INDEX faces_quality ON faces(quality);
CREATE INDEX faces_inactive ON faces(state) WHERE state <> 'active';
CREATE INDEX faces_crop ON faces(crop);

CREATE TABLE embeddings (
    face_id INTEGER NOT NULL REFERENCES faces(id) ON DELETE CASCADE,
    embedder_id INTEGER NOT NULL REFERENCES embedders(id),
    vector BLOB NOT NULL,
    PRIMARY KEY (face_id, embedder_id)
) STRICT;
CREATE INDEX embeddings_embedder_id ON embeddings(embedder_id);

CREATE TABLE people (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT,
    origin TEXT NOT NULL CHECK (origin IN ('reference', 'group', 'user')),
    folder TEXT UNIQUE,
    hidden INTEGER NOT NULL DEFAULT 0 CHECK (hidden IN (0, 1)),
    cover_face_id INTEGER REFERENCES faces(id) ON DELETE SET NULL,
    created_at TEXT NOT NULL,
    merged_into INTEGER REFERENCES people(id)
) STRICT;
CREATE INDEX people_name ON people(name);
CREATE INDEX people_cover_face_id ON people(cover_face_id);
CREATE INDEX people_merged_into ON people(merged_into);

CREATE TABLE exemplars (
    id INTEGER PRIMARY KEY,
    person_id INTEGER NOT NULL REFERENCES people(id),
    face_id INTEGER REFERENCES faces(id) ON DELETE SET NULL,
    file_id INTEGER REFERENCES files(id) ON DELETE SET NULL,
    source TEXT NOT NULL CHECK (source IN ('folder', 'user')),
    state TEXT NOT NULL CHECK (state IN ('used', 'no_face', 'several', 'poor', 'conflict', 'withdrawn')),
    reason TEXT
) STRICT;
CREATE INDEX exemplars_person_id ON exemplars(person_id, state);
CREATE INDEX exemplars_face_id ON exemplars(face_id);
CREATE UNIQUE INDEX exemplars_file_id ON exemplars(file_id) WHERE file_id IS NOT NULL;

CREATE TABLE assignments (
    id INTEGER PRIMARY KEY,
    face_id INTEGER NOT NULL REFERENCES faces(id) ON DELETE CASCADE,
    person_id INTEGER NOT NULL REFERENCES people(id),
    model TEXT NOT NULL DEFAULT 'all',
    state TEXT NOT NULL CHECK (state IN ('assigned', 'suggested', 'withdrawn')),
    method TEXT NOT NULL CHECK (method IN ('reference', 'group', 'user', 'metadata')),
    similarity REAL,
    margin REAL,
    confidence REAL,
    evidence_face_id INTEGER REFERENCES faces(id) ON DELETE SET NULL,
    decided_at TEXT NOT NULL,
    decided_by TEXT NOT NULL,
    ended_at TEXT
) STRICT;
CREATE UNIQUE INDEX assignments_one_assigned ON assignments(face_id, model)
    WHERE state = 'assigned' AND ended_at IS NULL;
CREATE UNIQUE INDEX assignments_one_suggested ON assignments(face_id, model)
    WHERE state = 'suggested' AND ended_at IS NULL;
CREATE INDEX assignments_face_id ON assignments(face_id);
CREATE INDEX assignments_person_id ON assignments(person_id, state);
CREATE INDEX assignments_evidence_face_id ON assignments(evidence_face_id);
CREATE INDEX assignments_ended_at ON assignments(ended_at);

CREATE TABLE changes (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at TEXT NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    forward TEXT NOT NULL CHECK (json_valid(forward)),
    inverse TEXT NOT NULL CHECK (json_valid(inverse)),
    undone_at TEXT
) STRICT;
CREATE INDEX changes_at ON changes(at);

CREATE TABLE change_subjects (
    change_id INTEGER NOT NULL REFERENCES changes(id) ON DELETE CASCADE,
    kind TEXT NOT NULL,
    subject_id INTEGER NOT NULL,
    PRIMARY KEY (change_id, kind, subject_id)
) STRICT;
CREATE INDEX change_subjects_subject ON change_subjects(kind, subject_id);

CREATE TABLE rejections (
    id INTEGER PRIMARY KEY,
    face_id INTEGER NOT NULL REFERENCES faces(id) ON DELETE CASCADE,
    person_id INTEGER REFERENCES people(id),
    change_id INTEGER REFERENCES changes(id) ON DELETE SET NULL
) STRICT;
CREATE UNIQUE INDEX rejections_once ON rejections(face_id, ifnull(person_id, 0));
CREATE INDEX rejections_person_id ON rejections(person_id);
CREATE INDEX rejections_change_id ON rejections(change_id);

CREATE TABLE steps (
    id INTEGER PRIMARY KEY,
    media_id INTEGER NOT NULL REFERENCES media(id) ON DELETE CASCADE,
    part INTEGER NOT NULL DEFAULT 0,
    step TEXT NOT NULL,
    model TEXT NOT NULL DEFAULT '',
    fingerprint TEXT NOT NULL,
    parameters TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(parameters)),
    state TEXT NOT NULL CHECK (state IN ('done', 'failed')),
    started_at TEXT NOT NULL,
    seconds REAL,
    device TEXT,
    error TEXT,
    UNIQUE (media_id, part, step, model)
) STRICT;
CREATE INDEX steps_fingerprint ON steps(step, fingerprint);
CREATE INDEX steps_state ON steps(state);

CREATE TABLE jobs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    media_id INTEGER REFERENCES media(id) ON DELETE CASCADE,
    priority INTEGER NOT NULL DEFAULT 0,
    payload TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(payload)),
    result TEXT CHECK (result IS NULL OR json_valid(result)),
    state TEXT NOT NULL DEFAULT 'waiting'
        CHECK (state IN ('waiting', 'running', 'done', 'failed', 'quarantined', 'cancelled')),
    owner TEXT,
    attempts INTEGER NOT NULL DEFAULT 0,
    not_before TEXT,
    progress REAL,
    error TEXT,
    created_at TEXT NOT NULL,
    finished_at TEXT
) STRICT;
CREATE UNIQUE INDEX jobs_one_waiting ON jobs(kind, key) WHERE state = 'waiting';
CREATE INDEX jobs_next ON jobs(kind, priority DESC, id) WHERE state = 'waiting';
CREATE INDEX jobs_state ON jobs(state, kind);
CREATE INDEX jobs_media_id ON jobs(media_id);
CREATE INDEX jobs_finished_at ON jobs(finished_at);

CREATE TABLE calibrations (
    id INTEGER PRIMARY KEY,
    embedder_id INTEGER NOT NULL REFERENCES embedders(id),
    source TEXT NOT NULL,
    curve TEXT NOT NULL CHECK (json_valid(curve)),
    thresholds TEXT NOT NULL CHECK (json_valid(thresholds)),
    made_at TEXT NOT NULL
) STRICT;
CREATE INDEX calibrations_embedder_id ON calibrations(embedder_id);

CREATE TABLE projections (
    face_id INTEGER NOT NULL REFERENCES faces(id) ON DELETE CASCADE,
    method TEXT NOT NULL,
    x REAL NOT NULL,
    y REAL NOT NULL,
    PRIMARY KEY (face_id, method)
) STRICT;

CREATE TABLE downloads (
    id INTEGER PRIMARY KEY,
    address TEXT NOT NULL,
    title TEXT,
    uploader TEXT,
    media_id INTEGER REFERENCES media(id) ON DELETE SET NULL,
    state TEXT NOT NULL CHECK (state IN ('waiting', 'running', 'done', 'failed')),
    error TEXT
, path TEXT, item TEXT) STRICT;
CREATE INDEX downloads_media_id ON downloads(media_id);
CREATE INDEX downloads_state ON downloads(state);

CREATE TABLE daemon (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    pid INTEGER,
    started_at TEXT,
    models TEXT CHECK (models IS NULL OR json_valid(models)),
    hardware TEXT CHECK (hardware IS NULL OR json_valid(hardware)),
    workers TEXT CHECK (workers IS NULL OR json_valid(workers)),
    notes TEXT CHECK (notes IS NULL OR json_valid(notes))
) STRICT;

CREATE TABLE log (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at TEXT NOT NULL,
    level TEXT NOT NULL CHECK (level IN ('debug', 'info', 'warning', 'error')),
    media_id INTEGER REFERENCES media(id) ON DELETE CASCADE,
    event TEXT NOT NULL,
    details TEXT CHECK (details IS NULL OR json_valid(details))
) STRICT;
CREATE INDEX log_media_id ON log(media_id);
CREATE INDEX log_level ON log(level);
CREATE TRIGGER faces_keep_decisions BEFORE DELETE ON faces
WHEN EXISTS (SELECT 1 FROM assignments WHERE face_id = old.id AND method = 'user' AND ended_at IS NULL)
  OR EXISTS (SELECT 1 FROM rejections WHERE face_id = old.id)
  OR EXISTS (SELECT 1 FROM exemplars WHERE face_id = old.id AND source = 'user' AND state = 'used')
BEGIN
    SELECT RAISE(ABORT, 'a person decided on this face: undo that decision first');
END;
CREATE TRIGGER faces_count_insert AFTER INSERT ON faces WHEN new.state = 'active'
BEGIN
    UPDATE media SET faces_count = faces_count + 1 WHERE id = new.media_id;
END;
CREATE TRIGGER faces_count_delete AFTER DELETE ON faces WHEN old.state = 'active'
BEGIN
    UPDATE media SET faces_count = faces_count - 1 WHERE id = old.media_id;
END;
CREATE TRIGGER faces_count_update AFTER UPDATE OF state ON faces WHEN (old.state = 'active') <> (new.state = 'active')
BEGIN
    UPDATE media SET faces_count = faces_count + iif(new.state = 'active', 1, -1) WHERE id = new.media_id;
END;

CREATE TABLE "quality" (
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
, norm REAL, stability REAL, eye_aspect_ratio REAL) STRICT;
CREATE TRIGGER faces_follow_person AFTER UPDATE OF person_id ON faces
WHEN new.track_id IS NOT NULL AND new.person_id IS NOT old.person_id
BEGIN
    UPDATE tracks SET person_id = new.person_id WHERE best_face_id = new.id AND person_id IS NOT new.person_id;
    UPDATE faces SET person_id = new.person_id
    WHERE track_id IN (SELECT id FROM tracks WHERE best_face_id = new.id) AND id <> new.id
      AND state IN ('active', 'hidden') AND person_id IS NOT new.person_id;
END;
CREATE TRIGGER faces_follow_state AFTER UPDATE OF state ON faces
WHEN new.track_id IS NOT NULL AND new.state <> old.state AND new.state IN ('active', 'hidden')
BEGIN
    UPDATE faces SET state = new.state
    WHERE track_id IN (SELECT id FROM tracks WHERE best_face_id = new.id) AND id <> new.id
      AND state IN ('active', 'hidden') AND state <> new.state;
END;
CREATE TRIGGER tracks_follow_leader AFTER UPDATE OF best_face_id ON tracks
WHEN new.best_face_id IS NOT NULL AND new.best_face_id IS NOT old.best_face_id
BEGIN
    UPDATE tracks SET person_id = (SELECT person_id FROM faces WHERE id = new.best_face_id) WHERE id = new.id;
    UPDATE faces SET (person_id, state) = (SELECT person_id, state FROM faces WHERE id = new.best_face_id)
    WHERE track_id = new.id AND id <> new.best_face_id AND state IN ('active', 'hidden');
END;
CREATE INDEX downloads_address ON downloads(address);
CREATE INDEX downloads_path ON downloads(path);
CREATE INDEX tracks_lasting ON tracks(media_id, end_s - start_s);
CREATE TRIGGER tracks_lose_leader AFTER UPDATE OF best_face_id ON tracks
WHEN new.best_face_id IS NULL AND old.best_face_id IS NOT NULL
BEGIN
    UPDATE tracks SET person_id = NULL WHERE id = new.id AND person_id IS NOT NULL;
    UPDATE faces SET person_id = NULL WHERE track_id = new.id AND person_id IS NOT NULL;
END;
CREATE INDEX assignments_asked ON assignments(person_id, id)
WHERE state = 'suggested' AND ended_at IS NULL AND model = 'all';
CREATE INDEX media_kind ON media(kind, taken_at_local);
CREATE INDEX media_state ON media(state, kind);
CREATE INDEX files_unreadable ON files(state) WHERE state = 'unreadable';
CREATE INDEX media_places ON media(state, latitude, longitude) WHERE latitude IS NOT NULL;
CREATE INDEX assignments_confirmed ON assignments(person_id, face_id)
WHERE method = 'user' AND state = 'assigned' AND ended_at IS NULL AND model = 'all';
