-- What processes that share one database tell each other. holder is the one
-- that wrote last: another must not rely on what it remembers of the tables.
CREATE TABLE turn (
    one    INTEGER PRIMARY KEY,
    holder INTEGER NOT NULL
);
INSERT INTO turn (one, holder) VALUES (1, 0);
