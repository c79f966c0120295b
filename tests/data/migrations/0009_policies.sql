UPDATE devices SET channel = 'beta', pinned = 2, updates_off = 1 WHERE id = 1;
UPDATE platforms SET rule = 'different', pinned = 1, quiet = '22:00-06:00' WHERE id = 1;
UPDATE releases SET recalled = 1, channel = 'beta' WHERE id = 2;
INSERT INTO groups (id, name, key, quiet, created_at) VALUES
    (1, 'Ground Floor', 'ground floor', NULL, 1700000000),
    (2, 'Relays', 'relays', '17:00-23:00', 1700000001);
INSERT INTO device_groups (device_id, group_id) VALUES (1, 1), (1, 2);
INSERT INTO rollouts (id, release_id, group_id, state, reason, ask, at_once, resumed_at, gates,
                      starts_at, created_at, created_by, ended_at) VALUES
    (1, 1, NULL, 'ended', 'v1.0.3 takes its place.', 0, 10, NULL, 0, NULL, 1700000200, 'anna', 1700000900),
    (2, 1, 2, 'halted', 'It failed.', 1, 10, 1700000350, 1, 1700000300, 1700000300, 'token ci', NULL);
INSERT INTO rollout_stages (rollout_id, n, size, soak, deadline, max_failures, state, opened_at,
                            soaking_at, passed_at) VALUES
    (1, 0, 'everyone', 0, 604800, NULL, 'waiting', NULL, NULL, NULL),
    (2, 0, 'canaries', 1800, 604800, 1, 'passed', 1700000300, 1700000400, 1700002200),
    (2, 1, '10%', 1800, 604800, NULL, 'open', 1700002200, NULL, NULL),
    (2, 2, 'everyone', 0, 604800, NULL, 'waiting', NULL, NULL, NULL);
INSERT INTO rollout_canaries (rollout_id, device_id) VALUES (2, 1);
UPDATE attempts SET rollout_id = 2 WHERE id = 7;
