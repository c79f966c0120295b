-- How a device stands in a rollout where its attempts do not tell: it was removed with them, or it
-- failed after it had come back. The row outlives the device, so that a rollout counts the same.
CREATE TABLE rollout_members (
    rollout_id INTEGER NOT NULL REFERENCES rollouts (id) ON DELETE CASCADE,
    device_id  INTEGER NOT NULL,
    state      TEXT    NOT NULL
        CHECK (state IN ('exposed', 'broken', 'confirmed', 'failed', 'strayed', 'left')),
    since      INTEGER NOT NULL,
    PRIMARY KEY (rollout_id, device_id)
) STRICT;

CREATE INDEX attempts_device_rollout ON attempts (device_id) WHERE rollout_id IS NOT NULL;
