INSERT INTO rollout_members (rollout_id, device_id, state, since) VALUES
    (2, 90, 'left', 1700000700),
    (2, 91, 'failed', 1700000800);
