UPDATE presence SET rhythm = x'100E100E100E', overdue_after = 10800 WHERE device_id = 1;
INSERT INTO device_hours (device_id, day, counts) VALUES
    (1, 19675, x'010101010101010101010101010101010101010101010101'),
    (1, 19674, x'00000000000000000000000000000000000000000000FF02');
INSERT INTO attempts (id, device_id, release_id, version, state, offered_at, ended_at, settled_at,
                      bytes, size, millis, from_version, from_md5, usual, restarting_at) VALUES
    (8, 1, 1, 'v1.0.2', 'lost', 1700001100, 1700001110, NULL, 400000, 400000, 9500,
     'v1.0.1', '44444444444444444444444444444444', 3600, 1700001300);
