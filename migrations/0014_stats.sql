-- What plots are drawn from. A day is a number of days since 1970-01-01, on the calendar of the
-- server's time zone. A version is as it was reported; '' where none was.
CREATE TABLE field_days (
    platform_id INTEGER NOT NULL REFERENCES platforms (id) ON DELETE CASCADE,
    day         INTEGER NOT NULL,
    version     TEXT    NOT NULL,
    devices     INTEGER NOT NULL,
    PRIMARY KEY (platform_id, day, version)
) STRICT;

CREATE INDEX field_days_day ON field_days (day);

-- What was sent; it stays when its platform goes. Platform 0 stands for a release that is gone.
CREATE TABLE transfer_days (
    day         INTEGER NOT NULL,
    platform_id INTEGER NOT NULL,
    bytes       INTEGER NOT NULL,
    downloads   INTEGER NOT NULL,
    PRIMARY KEY (day, platform_id)
) STRICT;

-- Each device's latest attempt of a release, and those that are held, without reading the rows.
CREATE INDEX attempts_latest ON attempts (release_id, part, device_id, id, state);
CREATE INDEX tallies_held ON tallies (release_id) WHERE hold IS NOT NULL;
