-- Times are Unix seconds, UTC. Numbers are never given twice (AUTOINCREMENT): memory, links and
-- late writes may still name what was deleted. `key` is the name in lower case: names are compared without case.
CREATE TABLE platforms (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    name        TEXT    NOT NULL,
    key         TEXT    NOT NULL UNIQUE,
    description TEXT    NOT NULL DEFAULT '',
    admission   TEXT    NOT NULL DEFAULT 'approved' CHECK (admission IN ('approved', 'any')),
    created_at  INTEGER NOT NULL
) STRICT;
