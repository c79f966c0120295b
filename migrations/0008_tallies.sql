-- The loop breaker: what a device did with an image of a release since a person last said to try
-- again. An attempt remembers what the device ran before it.
CREATE TABLE tallies (
    device_id     INTEGER NOT NULL REFERENCES devices (id) ON DELETE CASCADE,
    release_id    INTEGER NOT NULL REFERENCES releases (id) ON DELETE CASCADE,
    part          TEXT    NOT NULL,
    delivered     INTEGER NOT NULL,
    not_taken     INTEGER NOT NULL,
    aborted       INTEGER NOT NULL,
    aborted_since INTEGER NOT NULL,
    retry_at      INTEGER,
    hold          TEXT,
    PRIMARY KEY (device_id, release_id, part)
) STRICT;

CREATE INDEX tallies_release ON tallies (release_id);

INSERT INTO tallies (device_id, release_id, part, delivered, not_taken, aborted, aborted_since)
SELECT device_id, release_id, part, count(*), sum(CASE WHEN state = 'not_taken' THEN 1 ELSE 0 END), 0, 0
  FROM attempts
 WHERE counts = 1 AND release_id IS NOT NULL
   AND (state IN ('delivered', 'not_taken') OR (state = 'aborted' AND bytes >= size))
 GROUP BY device_id, release_id, part;

ALTER TABLE attempts DROP COLUMN counts;
ALTER TABLE attempts ADD COLUMN from_version TEXT;
ALTER TABLE attempts ADD COLUMN from_md5 TEXT;
