-- What a person said of a device (name, approval, platform) and what it said itself.
CREATE TABLE devices (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    mac           TEXT    NOT NULL UNIQUE,
    name          TEXT    NOT NULL DEFAULT '',
    approval      TEXT    NOT NULL CHECK (approval IN ('pending', 'approved', 'ignored', 'blocked')),
    platform_id   INTEGER REFERENCES platforms (id) ON DELETE SET NULL,
    approved_at   INTEGER,
    approved_via  TEXT,
    first_seen    INTEGER NOT NULL,
    family        TEXT,
    mode          TEXT,
    asked_for     TEXT,
    version       TEXT,
    sketch_md5    TEXT,
    sketch_sha256 TEXT,
    free_space    INTEGER,
    sketch_size   INTEGER,
    chip_size     INTEGER,
    sdk           TEXT,
    address       TEXT,
    host          TEXT,
    status        INTEGER,
    outcome       TEXT,
    outcome_text  TEXT
) STRICT;

CREATE INDEX devices_platform ON devices (platform_id);
CREATE INDEX devices_approval ON devices (approval);

-- Apart from `devices`, because it changes at every check-in: small rows are cheap to rewrite.
CREATE TABLE presence (
    device_id INTEGER PRIMARY KEY REFERENCES devices (id) ON DELETE CASCADE,
    last_seen INTEGER NOT NULL,
    checkins  INTEGER NOT NULL
) STRICT;


-- Check-ins per hour; platform 0 stands for devices without one.
CREATE TABLE checkins (
    platform_id INTEGER NOT NULL,
    hour        INTEGER NOT NULL,
    count       INTEGER NOT NULL,
    PRIMARY KEY (platform_id, hour)
) STRICT;
