INSERT INTO platforms (id, name, key, description, admission, created_at) VALUES
    (1, 'Chase', 'chase', 'The police car', 'approved', 1700000000),
    (2, 'a+b', 'a+b', '', 'any', 1700000001);
