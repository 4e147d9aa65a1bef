-- What somebody of the hospital says of herself: that she treats a patient. body
-- is sealed.
CREATE TABLE claim (
    id      TEXT    PRIMARY KEY,
    subject TEXT    NOT NULL,
    person  TEXT    NOT NULL,
    body    BLOB    NOT NULL,
    made    INTEGER NOT NULL,
    ends    INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX claim_subject ON claim (subject, person);
CREATE INDEX claim_person ON claim (person);
CREATE INDEX claim_made ON claim (made);

-- How often what says who treats a patient has changed.
CREATE TABLE tie (
    subject    TEXT    PRIMARY KEY,
    generation INTEGER NOT NULL
) WITHOUT ROWID;
