-- Whether devices that nobody knows may ask, and the latest window in which they are approved at
-- once. A platform without a row, or without a rule, does as the server; the server's own are
-- among the settings.
CREATE TABLE pairing (
    platform_id INTEGER PRIMARY KEY REFERENCES platforms (id) ON DELETE CASCADE,
    rule        TEXT CHECK (rule IN ('ask', 'closed')),
    opened_at   INTEGER,
    open_until  INTEGER
) STRICT;

-- When a person made it wait again: the window that was open then does not approve it once more.
ALTER TABLE devices ADD COLUMN put_back_at INTEGER;
-- Where it asked from before, and how often that changed.
ALTER TABLE devices ADD COLUMN address_before TEXT;
ALTER TABLE devices ADD COLUMN address_changes INTEGER NOT NULL DEFAULT 0;
