-- A draft may lack platform and version. Digests are lower-case hexadecimal; `sha256` names the file.
CREATE TABLE releases (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    platform_id  INTEGER REFERENCES platforms (id) ON DELETE CASCADE,
    version      TEXT,
    version_key  TEXT,
    channel      TEXT    NOT NULL DEFAULT 'stable',
    state        TEXT    NOT NULL CHECK (state IN ('draft', 'published', 'withdrawn')),
    notes        TEXT    NOT NULL DEFAULT '',
    created_at   INTEGER NOT NULL,
    published_at INTEGER,
    expires_at   INTEGER,
    offers       INTEGER NOT NULL DEFAULT 0,
    downloads    INTEGER NOT NULL DEFAULT 0,
    bytes        INTEGER NOT NULL DEFAULT 0,
    CHECK (state = 'draft' OR (platform_id IS NOT NULL AND version IS NOT NULL AND version_key IS NOT NULL))
) STRICT;

CREATE UNIQUE INDEX releases_version ON releases (platform_id, version_key) WHERE state <> 'draft';
CREATE INDEX releases_state ON releases (state);

CREATE TABLE images (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    release_id      INTEGER NOT NULL REFERENCES releases (id) ON DELETE CASCADE,
    sha256          TEXT    NOT NULL,
    md5             TEXT    NOT NULL,
    size            INTEGER NOT NULL,
    chip            TEXT    NOT NULL,
    chip_certain    INTEGER NOT NULL,
    appended_sha256 TEXT,
    file_name       TEXT    NOT NULL,
    UNIQUE (release_id, chip)
) STRICT;

CREATE INDEX images_sha256 ON images (sha256);
