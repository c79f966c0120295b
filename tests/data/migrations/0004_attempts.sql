INSERT INTO attempts (id, device_id, release_id, version, state, offered_at, ended_at, settled_at,
                      bytes, size, millis, counts) VALUES
    (1, 1, NULL, 'v1.0.0', 'confirmed', 1700000400, 1700000410, 1700000460, 400000, 400000, 9500, 0),
    (2, 1, 2, 'v1.0.1', 'overtaken', 1700000500, 1700000510, 1700000560, 900000, 900000, 9500, 0),
    (3, 1, 1, 'v1.0.2', 'not_taken', 1700000600, 1700000610, 1700000660, 400000, 400000, 9500, 1),
    (4, 1, 1, 'v1.0.2', 'aborted', 1700000700, 1700000701, NULL, 1000, 400000, 800, 1),
    (5, 1, 1, 'v1.0.2', 'delivered', 1700000800, 1700000810, NULL, 400000, 400000, 9500, 1),
    (6, 1, 1, 'v1.0.2', 'offered', 1700000900, NULL, NULL, 0, 400000, NULL, 1);
