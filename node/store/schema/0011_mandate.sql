-- Who may act for whom. body is sealed and says what; ended is 0 for one that
-- nobody has ended.
CREATE TABLE mandate (
    id      TEXT    PRIMARY KEY,
    subject TEXT    NOT NULL,
    holder  TEXT    NOT NULL,
    body    BLOB    NOT NULL,
    ended   INTEGER NOT NULL
);
CREATE INDEX mandate_subject ON mandate (subject);
CREATE INDEX mandate_holder ON mandate (holder);
