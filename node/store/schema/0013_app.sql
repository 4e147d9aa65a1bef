-- Apps that are registered here. body is sealed.
CREATE TABLE app (
    id      TEXT    PRIMARY KEY,
    body    BLOB    NOT NULL,
    changed INTEGER NOT NULL
);

-- What a person has allowed an app, so that she is not asked again. body is
-- sealed.
CREATE TABLE approval (
    owner TEXT    NOT NULL,
    app   TEXT    NOT NULL,
    body  BLOB    NOT NULL,
    given INTEGER NOT NULL,
    PRIMARY KEY (owner, app)
) WITHOUT ROWID;

-- Sign-ins of apps on behalf of a person: what all tokens of one stand on. One is
-- over when its row is gone, at ends, and with the session that it names.
CREATE TABLE family (
    id      TEXT    PRIMARY KEY,
    owner   TEXT    NOT NULL,
    app     TEXT    NOT NULL,
    session TEXT    NOT NULL, -- '' for none
    begun   INTEGER NOT NULL,
    used    INTEGER NOT NULL,
    ends    INTEGER NOT NULL
);
CREATE INDEX family_owner ON family (owner, app);
CREATE INDEX family_app ON family (app);
CREATE INDEX family_ends ON family (ends);

-- Codes, refresh tokens and launches, which are good once, by their hash. body is
-- sealed. A spent one stays until ends, so that it is known again.
CREATE TABLE ticket (
    hash   BLOB    NOT NULL,
    kind   TEXT    NOT NULL,
    family TEXT    NOT NULL, -- '' for none
    spent  INTEGER NOT NULL,
    ends   INTEGER NOT NULL,
    body   BLOB    NOT NULL,
    PRIMARY KEY (hash, kind)
);
CREATE INDEX ticket_family ON ticket (family);
CREATE INDEX ticket_ends ON ticket (ends);
