-- A patient's wallet, sealed to her own devices, her printed kit and her
-- recovery circle: this hospital cannot open it. A handle is a secret that
-- fetches it without a sign-in; its hash stands here.
CREATE TABLE safe (
    subject TEXT    PRIMARY KEY,
    version INTEGER NOT NULL,
    body    BLOB    NOT NULL,
    updated INTEGER NOT NULL
);
CREATE TABLE safe_handle (
    hash    BLOB PRIMARY KEY,
    subject TEXT NOT NULL
);
CREATE INDEX safe_handle_subject ON safe_handle (subject);

-- The time lock on a patient's sign-in. body is sealed and says all; state is
-- there to find the rows that wait.
CREATE TABLE recovery (
    id      BLOB    PRIMARY KEY,
    subject TEXT    NOT NULL,
    state   INTEGER NOT NULL,
    body    BLOB    NOT NULL
);
CREATE INDEX recovery_subject ON recovery (subject);

-- Somebody who has lost every device asks her recovery circle: the key of the
-- device that she recovers with, and the shares that came for it, sealed to it.
CREATE TABLE plea (
    hash   BLOB    PRIMARY KEY,
    device BLOB    NOT NULL,
    ends   INTEGER NOT NULL
);
CREATE TABLE plea_share (
    hash  BLOB NOT NULL,
    share BLOB NOT NULL,
    PRIMARY KEY (hash, share)
) WITHOUT ROWID;
