-- Patients who are erased or have been. id names the act; body is sealed, and of
-- one that is done it says nothing about anyone. entries are the indexes of the
-- log's entries that have only their leaves left, encoded. After an erasure seq
-- of version has gaps.
CREATE TABLE erasure (
    id       BLOB    PRIMARY KEY,
    state    INTEGER NOT NULL,
    body     BLOB    NOT NULL,
    records  INTEGER NOT NULL,
    versions INTEGER NOT NULL,
    entries  BLOB    NOT NULL
);
