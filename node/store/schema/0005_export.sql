-- The files of exports, in sealed parts of bounded size. run counts who took a
-- job up to work on it, so that one who lost it writes nothing more.
CREATE TABLE chunk (
    job  TEXT    NOT NULL,
    file INTEGER NOT NULL,
    n    INTEGER NOT NULL,
    body BLOB    NOT NULL,
    PRIMARY KEY (job, file, n)
);
ALTER TABLE job ADD COLUMN run INTEGER NOT NULL DEFAULT 0;

-- What was exported into files beside the store is not found any more.
DELETE FROM job;
DELETE FROM datakey WHERE subject LIKE '~export/%';
