-- What this hospital and another signed to each other about one request: this
-- hospital's half and, where twin is 1, the other's. id is the hash of the signed
-- request, side who asked (1 this hospital, 2 the other), entry the index of this
-- hospital's own log entry (-1 for none), due when the acknowledgement is to be
-- sent next (0: not). body is sealed.
CREATE TABLE half (
    id      BLOB    PRIMARY KEY,
    side    INTEGER NOT NULL,
    subject TEXT    NOT NULL,
    other   TEXT    NOT NULL,
    time    INTEGER NOT NULL,
    entry   INTEGER NOT NULL,
    twin    INTEGER NOT NULL,
    due     INTEGER NOT NULL,
    tries   INTEGER NOT NULL,
    body    BLOB    NOT NULL
);
CREATE INDEX half_subject ON half (subject, time);
CREATE INDEX half_twin ON half (twin, time);
CREATE INDEX half_due ON half (due);
