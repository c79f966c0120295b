INSERT INTO images (release_id, part, sha256, md5, size, chip, chip_certain, flash_size, flash_mode,
                    signed, unpacks, file_name, indexed, pack, packed_sha256, packed_md5,
                    packed_size) VALUES
    (1, 'file_system', '5555555555555555555555555555555555555555555555555555555555555555',
     '55555555555555555555555555555555', 1048576, 'esp8266', 0, NULL, NULL, 0, 0, 'files.bin', 1,
     'none', NULL, NULL, NULL),
    (2, 'application', '6666666666666666666666666666666666666666666666666666666666666666',
     '66666666666666666666666666666666', 400000, 'esp8266', 1, 4194304, 2, 1, 1, 'chase8266.bin', 1,
     'made', '7777777777777777777777777777777777777777777777777777777777777777',
     '77777777777777777777777777777777', 280000);
INSERT INTO digests (image_id, digest, flash_mode) VALUES
    (1, '88888888888888888888888888888888', 3),
    (2, 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', NULL);
UPDATE devices SET chip = 'esp32c3', chip_from = 'told', verifies = 1, gzip = 'taken',
       running_since = 1700000500 WHERE id = 2;
UPDATE attempts SET image_id = 1, packed = 1 WHERE id = 5;
UPDATE platforms SET gzip = 'off', floor = 'v1.0.0' WHERE id = 1;
