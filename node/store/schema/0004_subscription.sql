-- Who wants to be told of changes, and how far each has been told. body and
-- standing are sealed. epoch counts what the owner changed, version every change.
-- Of a deleted one only the id and the owner stay.
CREATE TABLE subscription (
    id       TEXT    PRIMARY KEY,
    owner    TEXT    NOT NULL,
    version  INTEGER NOT NULL,
    epoch    INTEGER NOT NULL,
    status   TEXT    NOT NULL,
    updated  INTEGER NOT NULL,
    body     BLOB    NOT NULL,
    standing BLOB    NOT NULL,
    next     INTEGER NOT NULL,
    until    INTEGER NOT NULL,
    number   INTEGER NOT NULL,
    failures INTEGER NOT NULL,
    due      INTEGER NOT NULL,
    sent     INTEGER NOT NULL,
    error    TEXT    NOT NULL
);
CREATE INDEX subscription_owner ON subscription (owner);

-- The numbers that events were given, so that a repeat bears the same.
CREATE TABLE notice (
    subscription TEXT    NOT NULL,
    number       INTEGER NOT NULL,
    entry        INTEGER NOT NULL,
    item         INTEGER NOT NULL,
    PRIMARY KEY (subscription, number)
) WITHOUT ROWID;
