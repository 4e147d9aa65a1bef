-- One row per resource: its current version. rid is the store's own number of
-- the resource: its upper bits are a hash of whom it is about, its lower ones
-- the seq of its first version, so that what is about one patient lies together,
-- in the order in which it was first stored. Searches page in the order of rid.
CREATE TABLE record (
    rid     INTEGER PRIMARY KEY,
    type    TEXT    NOT NULL,
    id      TEXT    NOT NULL,
    version INTEGER NOT NULL,
    seq     INTEGER NOT NULL, -- of the current version
    subject TEXT    NOT NULL,
    deleted INTEGER NOT NULL,
    updated INTEGER NOT NULL,
    facets  BLOB    NOT NULL,
    found   BLOB    NOT NULL, -- the encoded search.Index; empty if deleted
    UNIQUE (type, id)
);
CREATE INDEX record_updated ON record (type, updated) WHERE deleted = 0;

-- Every version ever stored, as sealed bytes, in the order in which they were
-- stored: seq is dense from 1.
CREATE TABLE version (
    seq     INTEGER PRIMARY KEY,
    rid     INTEGER NOT NULL REFERENCES record (rid),
    type    TEXT    NOT NULL,
    version INTEGER NOT NULL,
    subject TEXT    NOT NULL,
    updated INTEGER NOT NULL,
    deleted INTEGER NOT NULL,
    entry   INTEGER NOT NULL,
    facets  BLOB    NOT NULL,
    body    BLOB    NOT NULL
);
CREATE UNIQUE INDEX version_record ON version (rid, version);
CREATE INDEX version_type ON version (type, seq);

-- Where searches begin. All three only narrow: what a record is found by stands
-- in its own row, and the rows here follow from that.

-- key is a hash of type, parameter and value; every record that is not deleted
-- has a row under the key of its type alone.
CREATE TABLE posting (
    key INTEGER NOT NULL,
    rid INTEGER NOT NULL,
    PRIMARY KEY (key, rid)
) WITHOUT ROWID;

-- Folded strings, by their beginnings; key is a hash of type and parameter.
CREATE TABLE word (
    key   INTEGER NOT NULL,
    value BLOB    NOT NULL,
    rid   INTEGER NOT NULL,
    PRIMARY KEY (key, value, rid)
) WITHOUT ROWID;

-- Ranges [lo, hi) of times and numbers. width is the class of hi - lo, so that
-- those that overlap a range lie near it.
CREATE TABLE span (
    key   INTEGER NOT NULL,
    width INTEGER NOT NULL,
    lo    INTEGER NOT NULL,
    hi    INTEGER NOT NULL,
    rid   INTEGER NOT NULL,
    PRIMARY KEY (key, width, lo, hi, rid)
) WITHOUT ROWID;

-- The hospital's log: idx is dense from 0 in commit order.
CREATE TABLE entry (
    idx     INTEGER PRIMARY KEY,
    id      BLOB    NOT NULL UNIQUE,
    kind    TEXT    NOT NULL,
    time    INTEGER NOT NULL,
    subject TEXT    NOT NULL,
    leaf    BLOB    NOT NULL,
    body    BLOB    NOT NULL
);
CREATE INDEX entry_subject ON entry (subject) WHERE subject <> '';

-- Full tiles of the log's Merkle tree: 256 hashes each.
CREATE TABLE tile (
    level INTEGER NOT NULL,
    n     INTEGER NOT NULL,
    data  BLOB    NOT NULL,
    PRIMARY KEY (level, n)
);

-- Wrapped data keys: without its row a subject's bodies cannot be opened.
CREATE TABLE datakey (
    subject TEXT PRIMARY KEY,
    wrapped BLOB NOT NULL
) WITHOUT ROWID;

CREATE TABLE slip (
    commitment BLOB    PRIMARY KEY,
    subject    TEXT    NOT NULL,
    grantee    TEXT    NOT NULL,
    stop       BLOB    NOT NULL,
    kit        BLOB    NOT NULL,
    body       BLOB    NOT NULL,
    state      INTEGER NOT NULL,
    accepted   INTEGER NOT NULL
);
CREATE INDEX slip_subject ON slip (subject);

CREATE TABLE passkey (
    credential BLOB    PRIMARY KEY,
    subject    TEXT    NOT NULL,
    public     BLOB    NOT NULL,
    name       TEXT    NOT NULL,
    added      INTEGER NOT NULL,
    used       INTEGER NOT NULL
);
CREATE INDEX passkey_subject ON passkey (subject);

CREATE TABLE invitation (
    hash    BLOB    PRIMARY KEY,
    subject TEXT    NOT NULL,
    expires INTEGER NOT NULL,
    used    INTEGER NOT NULL
) WITHOUT ROWID;

-- Where else a patient has records, and under which slip we may ask.
CREATE TABLE locator (
    subject    TEXT    NOT NULL,
    member     TEXT    NOT NULL,
    patient    TEXT    NOT NULL,
    commitment BLOB    NOT NULL,
    added      INTEGER NOT NULL,
    PRIMARY KEY (subject, member)
) WITHOUT ROWID;

-- Marks that wait for the next seal, oldest first.
CREATE TABLE mark (
    seq  INTEGER PRIMARY KEY,
    mark BLOB NOT NULL UNIQUE
);

CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value BLOB NOT NULL
) WITHOUT ROWID;

-- Requests that were carried out once and must not be again, with what was
-- answered.
CREATE TABLE done (
    key    BLOB    PRIMARY KEY,
    time   INTEGER NOT NULL,
    answer BLOB    NOT NULL
);
CREATE INDEX done_time ON done (time);

-- Long work that outlives its request.
CREATE TABLE job (
    id      TEXT    PRIMARY KEY,
    state   INTEGER NOT NULL,
    expires INTEGER NOT NULL,
    body    BLOB    NOT NULL
) WITHOUT ROWID;
