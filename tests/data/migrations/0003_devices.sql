INSERT INTO devices (id, mac, name, approval, platform_id, approved_at, approved_via, first_seen,
                     family, mode, asked_for, version, sketch_md5, sketch_sha256, free_space,
                     sketch_size, chip_size, sdk, address, host, status, outcome, outcome_text) VALUES
    (1, '18fe34000001', 'Attic', 'approved', 1, 1700000400, 'typed', 1700000300, 'esp8266', 'sketch',
     'chase', 'v1.0.1', '44444444444444444444444444444444', NULL, 671744, 373940, 4194304,
     '2.2.2-dev(38a443e)', '192.168.1.20', '192.168.1.10:8000', 304, 'up_to_date',
     'It is up to date.'),
    (2, '240ac4000010', '', 'pending', NULL, NULL, NULL, 1700000500, 'esp32', 'sketch', 'skye',
     NULL, NULL, 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', 0, 0, NULL,
     'v4.4.7', 'fe80::1', NULL, 400, 'not_approved', 'It is not approved yet.'),
    (3, '18fe34000003', 'Gone', 'blocked', 1, NULL, NULL, 1700000600, NULL, NULL, NULL, NULL, NULL,
     NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
    (4, '18fe34000004', '', 'ignored', NULL, NULL, NULL, 1700000600, NULL, NULL, NULL, NULL, NULL,
     NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO presence (device_id, last_seen, checkins) VALUES (1, 1700003600, 42), (2, 1700000500, 1);
INSERT INTO checkins (platform_id, hour, count) VALUES (1, 1699999200, 30), (0, 1700002800, 13);
