-- The audit log: who changed what, when, and from where, in one sentence. Names and numbers are
-- kept as they were, without references, so that it stays readable after a deletion.
CREATE TABLE audit (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    at         INTEGER NOT NULL,
    actor_kind TEXT    NOT NULL,
    actor      TEXT    NOT NULL DEFAULT '',
    address    TEXT,
    action     TEXT    NOT NULL,
    text       TEXT    NOT NULL,
    mac        TEXT,
    platform   TEXT,
    release_id INTEGER,
    other      TEXT
) STRICT;

CREATE INDEX audit_at ON audit (at);
CREATE INDEX audit_actor ON audit (actor_kind, actor, id);
CREATE INDEX audit_mac ON audit (mac, id);

-- What people changed so far stands in the event log.
INSERT INTO audit (at, actor_kind, actor, address, action, text, mac, platform, release_id)
SELECT at, kind_of,
       CASE kind_of WHEN 'person' THEN actor WHEN 'token' THEN substr(actor, 7) ELSE '' END,
       CASE kind_of WHEN 'somebody' THEN actor END,
       kind,
       CASE kind_of WHEN 'machine' THEN 'espalier' WHEN 'somebody' THEN 'somebody' ELSE actor END
           || ': ' || text,
       mac, platform, release_id
  FROM (SELECT id, at, kind, text, mac, platform, release_id, actor,
               CASE WHEN actor = 'server' THEN 'machine'
                    WHEN actor = 'the command line' THEN 'command_line'
                    WHEN actor LIKE 'token %' THEN 'token'
                    WHEN actor LIKE '%:%' OR actor LIKE '%.%.%.%' THEN 'somebody'
                    ELSE 'person' END AS kind_of
          FROM events
         WHERE actor <> ''
           AND kind IN ('held', 'lifted', 'approved', 'ignored', 'blocked', 'device_edited',
                        'device_removed', 'platform_created', 'platform_edited',
                        'platform_deleted', 'uploaded', 'published', 'withdrawn',
                        'release_edited', 'release_deleted', 'signed_in', 'sign_in_failed',
                        'signed_out', 'user_created', 'user_edited', 'user_removed',
                        'password_changed', 'two_factor', 'token_created', 'token_revoked',
                        'settings')) AS changes
 ORDER BY id;

-- What is no device's business has moved.
DELETE FROM events
 WHERE actor <> ''
   AND kind IN ('signed_in', 'sign_in_failed', 'signed_out', 'user_created', 'user_edited',
                'user_removed', 'password_changed', 'two_factor', 'token_created',
                'token_revoked', 'settings');
