-- A release may have an image per chip and part. An image knows what serving needs to know of it;
-- `indexed` is 0 until the program has read that out of the file. `pack` tells where its compressed
-- form stands. A digest is one that a device may report for the image (`flash_mode`: and then runs
-- it in this mode).
CREATE TABLE images_new (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    release_id      INTEGER NOT NULL REFERENCES releases (id) ON DELETE CASCADE,
    part            TEXT    NOT NULL DEFAULT 'application' CHECK (part IN ('application', 'file_system')),
    sha256          TEXT    NOT NULL,
    md5             TEXT    NOT NULL,
    size            INTEGER NOT NULL,
    chip            TEXT    NOT NULL,
    chip_certain    INTEGER NOT NULL,
    flash_size      INTEGER,
    flash_mode      INTEGER,
    signed          INTEGER NOT NULL DEFAULT 0,
    unpacks         INTEGER NOT NULL DEFAULT 0,
    appended_sha256 TEXT,
    file_name       TEXT    NOT NULL,
    indexed         INTEGER NOT NULL DEFAULT 0,
    pack            TEXT    NOT NULL DEFAULT 'none' CHECK (pack IN ('none', 'wanted', 'made', 'uploaded')),
    packed_sha256   TEXT,
    packed_md5      TEXT,
    packed_size     INTEGER,
    packed_signed   INTEGER NOT NULL DEFAULT 0,
    UNIQUE (release_id, part, chip)
) STRICT;

INSERT INTO images_new (id, release_id, sha256, md5, size, chip, chip_certain, appended_sha256, file_name)
SELECT id, release_id, sha256, md5, size, chip, chip_certain, appended_sha256, file_name FROM images;

DROP TABLE images;
ALTER TABLE images_new RENAME TO images;
CREATE INDEX images_sha256 ON images (sha256);
CREATE INDEX images_packed ON images (packed_sha256);

CREATE TABLE digests (
    image_id   INTEGER NOT NULL REFERENCES images (id) ON DELETE CASCADE,
    digest     TEXT    NOT NULL,
    flash_mode INTEGER,
    PRIMARY KEY (image_id, digest)
) STRICT;

-- What was learnt of a device, or what a person said of it (`chip_from`: running, told, person).
ALTER TABLE devices ADD COLUMN chip TEXT;
ALTER TABLE devices ADD COLUMN chip_from TEXT;
ALTER TABLE devices ADD COLUMN ran_signed INTEGER NOT NULL DEFAULT 0;
ALTER TABLE devices ADD COLUMN verifies INTEGER NOT NULL DEFAULT 0;
ALTER TABLE devices ADD COLUMN gzip TEXT;
ALTER TABLE devices ADD COLUMN running_since INTEGER;

ALTER TABLE attempts ADD COLUMN image_id INTEGER;
ALTER TABLE attempts ADD COLUMN part TEXT NOT NULL DEFAULT 'application';
ALTER TABLE attempts ADD COLUMN packed INTEGER NOT NULL DEFAULT 0;

ALTER TABLE platforms ADD COLUMN gzip TEXT NOT NULL DEFAULT 'auto';
ALTER TABLE platforms ADD COLUMN floor TEXT;
