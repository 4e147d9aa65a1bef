package store

import "slices"

// Chunk is a part of a file that a job makes: the files of a job, and the parts
// of each, are counted from 0. Body is the caller's, sealed.
type Chunk struct {
	File, N int64
	Body    []byte
}

// PutChunk keeps a part of what a job makes, in place of the one of a run that
// was broken off. It fails as SaveJob does, so that no part is left of a job
// that is gone.
func (tx *Tx) PutChunk(j *Job, c Chunk) error {
	return tx.must(lostJob(), "INSERT INTO chunk (job, file, n, body) SELECT id, ?, ?, ? FROM job WHERE id = ? AND run = ? "+
		"ON CONFLICT (job, file, n) DO UPDATE SET body = excluded.body", c.File, c.N, c.Body, j.ID, j.Run)
}

// Chunk returns a part of what a job has made.
func (v *View) Chunk(job string, file, n int64) ([]byte, error) {
	var body []byte
	found, err := v.c.one("SELECT body FROM chunk WHERE job = ? AND file = ? AND n = ?",
		func(r row) error { body = r.blob(0); return nil }, job, file, n)
	if err == nil && !found {
		err = missing("store.no-chunk", "There is no such part of a file.")
	}
	return body, err
}

// DeleteChunks removes up to limit parts of what a job has made and reports
// whether there may be more.
func (tx *Tx) DeleteChunks(job string, limit int) (more bool, err error) {
	n, err := tx.exec("DELETE FROM chunk WHERE job = ? AND (file, n) IN (SELECT file, n FROM chunk WHERE job = ? LIMIT ?)", job, job, int64(limit))
	return n == int64(limit), err
}

// ChunksLeft returns the ids of jobs of which there are parts of files but no
// job any more.
func (v *View) ChunksLeft() (left []string, err error) {
	jobs, err := v.Jobs()
	if err != nil {
		return nil, err
	}
	for at := ""; ; {
		found, err := v.c.one("SELECT job FROM chunk WHERE job > ? ORDER BY job LIMIT 1", func(r row) error { at = r.text(0); return nil }, at)
		if err != nil || !found {
			return left, err
		}
		if !slices.ContainsFunc(jobs, func(j *Job) bool { return j.ID == at }) {
			left = append(left, at)
		}
	}
}
