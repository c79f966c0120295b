-- People, their sessions, and the tokens of programs. Of sessions, tokens and recovery codes only
-- SHA-256 digests are kept; passwords are Argon2id. `key` is the name in lower case.
CREATE TABLE users (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    name        TEXT    NOT NULL,
    key         TEXT    NOT NULL UNIQUE,
    role        TEXT    NOT NULL CHECK (role IN ('administrator', 'editor', 'viewer')),
    password    TEXT    NOT NULL,
    created_at  INTEGER NOT NULL,
    changed_at  INTEGER NOT NULL,
    signed_in   INTEGER,
    totp_key    TEXT,
    totp_step   INTEGER
) STRICT;

CREATE TABLE recovery_codes (
    user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    hash    TEXT    NOT NULL,
    PRIMARY KEY (user_id, hash)
) STRICT;

CREATE TABLE sessions (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    hash       TEXT    NOT NULL UNIQUE,
    user_id    INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at INTEGER NOT NULL,
    last_used  INTEGER NOT NULL,
    address    TEXT    NOT NULL,
    browser    TEXT    NOT NULL
) STRICT;

CREATE INDEX sessions_user ON sessions (user_id);

-- Browsers and addresses from which a user has signed in before: strangers cannot lock these out.
CREATE TABLE acquaintances (
    user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    mark    TEXT    NOT NULL,
    at      INTEGER NOT NULL,
    PRIMARY KEY (user_id, mark)
) STRICT;

CREATE TABLE tokens (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    name       TEXT    NOT NULL,
    hash       TEXT    NOT NULL UNIQUE,
    hint       TEXT    NOT NULL,
    scopes     TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    created_by TEXT    NOT NULL,
    expires_at INTEGER,
    last_used  INTEGER,
    address    TEXT
) STRICT;
