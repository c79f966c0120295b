INSERT INTO tallies (device_id, release_id, part, delivered, not_taken, aborted, aborted_since, retry_at, hold) VALUES
    (1, 2, 'application', 3, 3, 1, 1700000000, NULL, 'not_taken'),
    (1, 1, 'file_system', 1, 0, 0, 0, 1700000900, NULL);
INSERT INTO attempts (id, device_id, release_id, version, state, offered_at, ended_at, settled_at,
                      bytes, size, millis, from_version, from_md5) VALUES
    (7, 1, 1, 'v1.0.2', 'rolled_back', 1700001000, 1700001010, 1700001060, 400000, 400000, 9500,
     'v1.0.1', '44444444444444444444444444444444');
