-- How many accesses were allowed by a consent that is good for a number of them.
CREATE TABLE slip_use (
    commitment BLOB    PRIMARY KEY,
    used       INTEGER NOT NULL
) WITHOUT ROWID;
