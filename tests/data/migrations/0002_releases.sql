INSERT INTO releases (id, platform_id, version, version_key, state, notes, created_at, published_at,
                      expires_at, offers, downloads, bytes) VALUES
    (1, 1, 'v1.0.2', '1.0.2.0', 'published', 'Spring', 1700000100, 1700000200, NULL, 5, 3, 123456),
    (2, 1, 'v1.0.1', '1.0.1.0', 'withdrawn', '', 1700000000, 1700000010, NULL, 0, 0, 0),
    (3, NULL, NULL, NULL, 'draft', '', 1700000300, NULL, 1700086700, 0, 0, 0);
INSERT INTO images (release_id, sha256, md5, size, chip, chip_certain, appended_sha256, file_name) VALUES
    (1, '1111111111111111111111111111111111111111111111111111111111111111',
     '11111111111111111111111111111111', 400000, 'esp8266', 1, NULL, 'chase.bin'),
    (2, '2222222222222222222222222222222222222222222222222222222222222222',
     '22222222222222222222222222222222', 900000, 'esp32c3', 1,
     'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', 'chase.ino.bin'),
    (3, '3333333333333333333333333333333333333333333333333333333333333333',
     '33333333333333333333333333333333', 4208, 'esp8266', 0, NULL, 'grün & "alt".bin');
