INSERT INTO audit (at, actor_kind, actor, address, action, text, mac, platform, release_id, other) VALUES
    (1700002000, 'person', 'anna', '192.168.1.7', 'approved', 'anna approved Attic for Chase.',
     '18fe34000001', 'Chase', NULL, NULL),
    (1700002100, 'token', 'ci-garage', '2001:db8::7', 'published',
     'token ci-garage published Chase v1.0.2.', NULL, 'Chase', 1, NULL),
    (1700002200, 'machine', '', NULL, 'stopped', 'espalier held v1.0.2 back from Attic.',
     '18fe34000001', 'Chase', 1, NULL),
    (1700002300, 'command_line', '', NULL, 'user_created', 'the command line added bert as viewer.',
     NULL, NULL, NULL, 'bert'),
    (1700002400, 'somebody', '', '192.168.1.9', 'sign_in_failed',
     'somebody failed to sign in as bert: wrong password.', NULL, NULL, NULL, 'bert');
