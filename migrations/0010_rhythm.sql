-- When devices ask. A rhythm is its latest gaps, two bytes each; `overdue_after` is what follows
-- from them, in seconds, for lists.
ALTER TABLE presence ADD COLUMN rhythm BLOB;
ALTER TABLE presence ADD COLUMN overdue_after INTEGER;

-- Check-ins of a device in each of the 24 hours of a day (UTC, days since 1970), a byte each.
CREATE TABLE device_hours (
    device_id INTEGER NOT NULL REFERENCES devices (id) ON DELETE CASCADE,
    day       INTEGER NOT NULL,
    counts    BLOB    NOT NULL,
    PRIMARY KEY (device_id, day)
) STRICT;

CREATE INDEX device_hours_day ON device_hours (day);

-- Every how many seconds the device asked before, and when it was seen to restart too often since.
ALTER TABLE attempts ADD COLUMN usual INTEGER;
ALTER TABLE attempts ADD COLUMN restarting_at INTEGER;
