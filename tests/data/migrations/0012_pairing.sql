INSERT INTO pairing (platform_id, rule, opened_at, open_until) VALUES
    (1, 'closed', 1700000000, 1700000900);
INSERT INTO settings (key, value) VALUES ('pairing', 'closed');
UPDATE devices SET put_back_at = 1700000100, address_before = '192.168.1.21', address_changes = 2
 WHERE id = 2;
