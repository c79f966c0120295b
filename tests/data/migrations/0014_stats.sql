INSERT INTO field_days (platform_id, day, version, devices) VALUES
    (1, 19675, 'v1.0.1', 3),
    (1, 19675, '', 1);
INSERT INTO transfer_days (day, platform_id, bytes, downloads) VALUES
    (19675, 1, 800000, 2),
    (19675, 0, 1000, 0);
