-- Messages of a feed that were refused, until a person has dealt with them.
CREATE TABLE refused (
    id      TEXT    PRIMARY KEY,
    key     BLOB    NOT NULL UNIQUE, -- the same message again is the same row
    sender  TEXT    NOT NULL,
    subject TEXT    NOT NULL, -- local patient id, empty if it is not known
    kind    TEXT    NOT NULL,
    first   INTEGER NOT NULL,
    last    INTEGER NOT NULL,
    times   INTEGER NOT NULL,
    faults  BLOB    NOT NULL,
    size    INTEGER NOT NULL,
    body    BLOB    NOT NULL
);
CREATE INDEX refused_first ON refused (first, id);
