-- What devices show besides their MAC address: one secret of the platform, or one of each device.
-- Only keyed digests are kept. Of one owner there are at most two: the one with the higher number
-- is the newest, the other is the one that it replaces.
ALTER TABLE platforms ADD COLUMN proof TEXT NOT NULL DEFAULT 'none'
    CHECK (proof IN ('none', 'shared', 'per_device'));
ALTER TABLE platforms ADD COLUMN proof_demanded INTEGER NOT NULL DEFAULT 0;

CREATE TABLE device_secrets (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    platform_id INTEGER REFERENCES platforms (id) ON DELETE CASCADE,
    device_id   INTEGER REFERENCES devices (id) ON DELETE CASCADE,
    digest      TEXT    NOT NULL,
    typed       INTEGER NOT NULL,
    made_at     INTEGER NOT NULL,
    CHECK ((platform_id IS NULL) <> (device_id IS NULL))
) STRICT;

CREATE INDEX device_secrets_platform ON device_secrets (platform_id);
CREATE INDEX device_secrets_device ON device_secrets (device_id);

-- Which secret a device was last seen with, and what it showed last. No reference: both are
-- written behind, when the secret may have ended already.
ALTER TABLE devices ADD COLUMN seen_secret INTEGER;
ALTER TABLE devices ADD COLUMN shown TEXT;
