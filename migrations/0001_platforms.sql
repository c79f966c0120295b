-- Times are Unix seconds, UTC. `key` is the name in lower case: names are compared without case.
CREATE TABLE platforms (
    id          INTEGER PRIMARY KEY,
    name        TEXT    NOT NULL,
    key         TEXT    NOT NULL UNIQUE,
    description TEXT    NOT NULL DEFAULT '',
    admission   TEXT    NOT NULL DEFAULT 'approved' CHECK (admission IN ('approved', 'any')),
    created_at  INTEGER NOT NULL
) STRICT;
