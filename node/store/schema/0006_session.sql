-- Sessions of people who signed in, by the hash of their secret. body is sealed.
-- One is over when its row is gone, at ends, and idle after seen.
CREATE TABLE session (
    hash  BLOB    PRIMARY KEY,
    id    TEXT    NOT NULL UNIQUE,
    owner TEXT    NOT NULL,
    body  BLOB    NOT NULL,
    begun INTEGER NOT NULL,
    seen  INTEGER NOT NULL,
    idle  INTEGER NOT NULL,
    ends  INTEGER NOT NULL
);
CREATE INDEX session_owner ON session (owner);
CREATE INDEX session_ends ON session (ends);
