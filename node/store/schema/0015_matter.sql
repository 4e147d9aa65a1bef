-- Broken glass and legal orders. body is sealed; person is who broke the glass or
-- entered the order, state how far it is, due until when somebody has to decide,
-- shows from when on the patient is told.
CREATE TABLE matter (
    id      TEXT    PRIMARY KEY,
    kind    TEXT    NOT NULL,
    subject TEXT    NOT NULL,
    person  TEXT    NOT NULL,
    state   TEXT    NOT NULL,
    month   TEXT    NOT NULL, -- in which it was begun: 2026-11
    body    BLOB    NOT NULL,
    begun   INTEGER NOT NULL,
    due     INTEGER NOT NULL,
    shows   INTEGER NOT NULL,
    changed INTEGER NOT NULL
);
CREATE INDEX matter_subject ON matter (subject, begun);
CREATE INDEX matter_person ON matter (person, begun);
CREATE INDEX matter_begun ON matter (kind, begun);
CREATE INDEX matter_state ON matter (kind, state, due);

-- What a patient is told of: an entry of her log, from a time on.
CREATE TABLE alert (
    id      TEXT    PRIMARY KEY,
    subject TEXT    NOT NULL,
    matter  TEXT    NOT NULL, -- '' for none
    event   BLOB    NOT NULL,
    made    INTEGER NOT NULL,
    shows   INTEGER NOT NULL,
    seen    INTEGER NOT NULL  -- 0: not yet
);
CREATE INDEX alert_subject ON alert (subject, shows);
CREATE INDEX alert_matter ON alert (matter);
