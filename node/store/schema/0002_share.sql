-- What processes that share one database tell each other. holder is the one
-- that wrote last: another must not rely on what it remembers of the tables.
-- epoch counts changes of the consents that decisions are made by.
CREATE TABLE turn (
    one    INTEGER PRIMARY KEY,
    holder INTEGER NOT NULL,
    epoch  INTEGER NOT NULL
);
INSERT INTO turn (one, holder, epoch) VALUES (1, 0, 0);

-- Hashes of what is good once, until it would have ended anyway.
CREATE TABLE used (
    hash  BLOB    PRIMARY KEY,
    until INTEGER NOT NULL
) WITHOUT ROWID;
