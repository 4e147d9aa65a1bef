-- Staff of the hospital that may sign in here. body is sealed. provider names a
-- person of the hospital's OpenID provider, by a hash; it is empty for others.
CREATE TABLE account (
    id       TEXT    PRIMARY KEY,
    provider TEXT    NOT NULL,
    body     BLOB    NOT NULL,
    changed  INTEGER NOT NULL
) WITHOUT ROWID;
CREATE UNIQUE INDEX account_provider ON account (provider) WHERE provider <> '';

-- Whose an invitation is, as a hash under a key that is not here, so that all of
-- one person can be found.
ALTER TABLE invitation ADD COLUMN owner TEXT NOT NULL DEFAULT '';
CREATE INDEX invitation_owner ON invitation (owner);
