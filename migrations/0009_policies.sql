-- What people decide ahead of time: the channel that a device follows, a pin (this release and no
-- other), updates off, groups (labels), quiet hours (`22:00-06:00`, by the server's time zone), and
-- a platform's rule. `recalled`: devices that run this release get another one, even a lower one.
ALTER TABLE devices ADD COLUMN channel TEXT NOT NULL DEFAULT 'stable';
ALTER TABLE devices ADD COLUMN pinned INTEGER;
ALTER TABLE devices ADD COLUMN updates_off INTEGER NOT NULL DEFAULT 0;

ALTER TABLE platforms ADD COLUMN rule TEXT NOT NULL DEFAULT 'newer';
ALTER TABLE platforms ADD COLUMN pinned INTEGER;
ALTER TABLE platforms ADD COLUMN quiet TEXT;

ALTER TABLE releases ADD COLUMN recalled INTEGER NOT NULL DEFAULT 0;

CREATE TABLE groups (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    name       TEXT    NOT NULL,
    key        TEXT    NOT NULL UNIQUE,
    quiet      TEXT,
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE device_groups (
    device_id INTEGER NOT NULL REFERENCES devices (id) ON DELETE CASCADE,
    group_id  INTEGER NOT NULL REFERENCES groups (id) ON DELETE CASCADE,
    PRIMARY KEY (device_id, group_id)
) STRICT;

CREATE INDEX device_groups_group ON device_groups (group_id);

-- A rollout gives a release to few devices first. A person looked at failures up to `resumed_at`;
-- `at_once` devices may have it without being confirmed; `gates` is 0 once the release was published
-- anew without it. Times are Unix seconds, spans seconds.
CREATE TABLE rollouts (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    release_id  INTEGER NOT NULL REFERENCES releases (id) ON DELETE CASCADE,
    group_id    INTEGER REFERENCES groups (id) ON DELETE SET NULL,
    state       TEXT    NOT NULL CHECK (state IN ('scheduled', 'running', 'paused', 'halted', 'finished', 'ended')),
    reason      TEXT    NOT NULL DEFAULT '',
    ask         INTEGER NOT NULL DEFAULT 0,
    at_once     INTEGER NOT NULL,
    resumed_at  INTEGER,
    gates       INTEGER NOT NULL DEFAULT 1,
    starts_at   INTEGER,
    created_at  INTEGER NOT NULL,
    created_by  TEXT    NOT NULL,
    ended_at    INTEGER
) STRICT;

CREATE INDEX rollouts_release ON rollouts (release_id);

CREATE TABLE rollout_stages (
    rollout_id   INTEGER NOT NULL REFERENCES rollouts (id) ON DELETE CASCADE,
    n            INTEGER NOT NULL,
    size         TEXT    NOT NULL,
    soak         INTEGER NOT NULL,
    deadline     INTEGER NOT NULL,
    max_failures INTEGER,
    state        TEXT    NOT NULL CHECK (state IN ('waiting', 'open', 'soaking', 'asking', 'passed')),
    opened_at    INTEGER,
    soaking_at   INTEGER,
    passed_at    INTEGER,
    PRIMARY KEY (rollout_id, n)
) STRICT;

CREATE TABLE rollout_canaries (
    rollout_id INTEGER NOT NULL REFERENCES rollouts (id) ON DELETE CASCADE,
    device_id  INTEGER NOT NULL REFERENCES devices (id) ON DELETE CASCADE,
    PRIMARY KEY (rollout_id, device_id)
) STRICT;

ALTER TABLE attempts ADD COLUMN rollout_id INTEGER;
CREATE INDEX attempts_rollout ON attempts (rollout_id);
