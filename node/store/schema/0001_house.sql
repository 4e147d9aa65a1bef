-- One row per resource: its current version. rid is the store's own number of
-- the resource and the order in which searches page.
CREATE TABLE record (
    rid     INTEGER PRIMARY KEY,
    type    TEXT    NOT NULL,
    id      TEXT    NOT NULL,
    version INTEGER NOT NULL,
    subject TEXT    NOT NULL,
    deleted INTEGER NOT NULL,
    updated INTEGER NOT NULL,
    facets  BLOB    NOT NULL,
    UNIQUE (type, id)
);
CREATE INDEX record_type ON record (type) WHERE deleted = 0;
CREATE INDEX record_subject ON record (subject, type) WHERE deleted = 0 AND subject <> '';

-- Every version ever stored, as sealed bytes.
CREATE TABLE version (
    rid     INTEGER NOT NULL REFERENCES record (rid),
    version INTEGER NOT NULL,
    subject TEXT    NOT NULL,
    updated INTEGER NOT NULL,
    deleted INTEGER NOT NULL,
    entry   INTEGER NOT NULL,
    facets  BLOB    NOT NULL,
    body    BLOB    NOT NULL,
    UNIQUE (rid, version)
);

-- What searches look at besides the record itself.
CREATE TABLE token (
    rid    INTEGER NOT NULL REFERENCES record (rid),
    param  TEXT    NOT NULL,
    code   TEXT    NOT NULL,
    system TEXT    NOT NULL,
    PRIMARY KEY (rid, param, code, system)
) WITHOUT ROWID;
CREATE INDEX token_code ON token (code, param);

CREATE TABLE date (
    rid   INTEGER NOT NULL REFERENCES record (rid),
    param TEXT    NOT NULL,
    lo    INTEGER NOT NULL,
    hi    INTEGER NOT NULL,
    PRIMARY KEY (rid, param, lo, hi)
) WITHOUT ROWID;

CREATE TABLE ref (
    rid    INTEGER NOT NULL REFERENCES record (rid),
    param  TEXT    NOT NULL,
    target TEXT    NOT NULL,
    PRIMARY KEY (rid, param, target)
) WITHOUT ROWID;
CREATE INDEX ref_target ON ref (target, param);

-- Folded beginnings of names and the like.
CREATE TABLE text (
    rid   INTEGER NOT NULL REFERENCES record (rid),
    param TEXT    NOT NULL,
    value TEXT    NOT NULL,
    PRIMARY KEY (rid, param, value)
) WITHOUT ROWID;
CREATE INDEX text_value ON text (param, value);

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
