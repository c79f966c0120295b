-- The event log. Names are kept as text, so that it stays readable after a deletion.
CREATE TABLE events (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    at         INTEGER NOT NULL,
    kind       TEXT    NOT NULL,
    text       TEXT    NOT NULL,
    mac        TEXT,
    platform   TEXT,
    release_id INTEGER,
    actor      TEXT    NOT NULL DEFAULT ''
) STRICT;

CREATE INDEX events_at ON events (at);
CREATE INDEX events_mac ON events (mac, id);
CREATE INDEX events_platform ON events (platform, id);
CREATE INDEX events_kind ON events (kind, id);

CREATE TABLE settings (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;
