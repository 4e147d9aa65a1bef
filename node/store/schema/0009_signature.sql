-- What the patient signed a slip with, sealed. It goes with the slip.
CREATE TABLE signature (
    commitment BLOB PRIMARY KEY REFERENCES slip (commitment),
    body       BLOB NOT NULL
) WITHOUT ROWID;
