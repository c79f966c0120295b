-- One try to update a device. `counts` is 0 once the device changed or a person lifted the loop stop.
CREATE TABLE attempts (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    device_id  INTEGER NOT NULL REFERENCES devices (id) ON DELETE CASCADE,
    release_id INTEGER REFERENCES releases (id) ON DELETE SET NULL,
    version    TEXT    NOT NULL,
    state      TEXT    NOT NULL,
    offered_at INTEGER NOT NULL,
    ended_at   INTEGER,
    settled_at INTEGER,
    bytes      INTEGER NOT NULL DEFAULT 0,
    size       INTEGER NOT NULL,
    millis     INTEGER,
    counts     INTEGER NOT NULL DEFAULT 1
) STRICT;

CREATE INDEX attempts_device ON attempts (device_id, id);
CREATE INDEX attempts_release ON attempts (release_id);
