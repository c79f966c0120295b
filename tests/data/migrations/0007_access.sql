INSERT INTO users (name, key, role, password, created_at, changed_at, signed_in, totp_key, totp_step) VALUES
    ('Anna', 'anna', 'administrator', '$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA', 1700000000, 1700000000, 1700000100,
     'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ', 56666670),
    ('bert', 'bert', 'viewer', '$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA', 1700000000, 1700000000, NULL, NULL, NULL);
INSERT INTO recovery_codes (user_id, hash) VALUES (1, '00'), (1, '01');
INSERT INTO sessions (hash, user_id, created_at, last_used, address, browser) VALUES
    ('02', 1, 1700000100, 1700000200, '192.168.1.5', 'Firefox on Linux');
INSERT INTO acquaintances (user_id, mark, at) VALUES (1, '192.168.1.5', 1700000100);
INSERT INTO tokens (name, hash, hint, scopes, created_at, created_by, expires_at, last_used, address) VALUES
    ('CI', '03', 'esp_abcd', 'read upload:chase', 1700000000, 'Anna', NULL, 1700000300, '192.168.1.9');
