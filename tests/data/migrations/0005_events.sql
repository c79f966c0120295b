INSERT INTO events (at, kind, text, mac, platform, release_id, actor) VALUES
    (1700000300, 'first_contact', 'Asked for the first time, for chase.', '18fe34000001', 'Chase',
     NULL, '192.168.1.20'),
    (1700000200, 'published', 'Chase v1.0.2 was published.', NULL, 'Chase', 1, '192.168.1.5'),
    (1700000600, 'stopped', 'It downloaded this release 2 times.', '18fe34000001', 'Chase', 1, '');
INSERT INTO settings (key, value) VALUES ('retention_days', '30'), ('time_zone', 'Europe/Berlin');
