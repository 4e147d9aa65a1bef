package store

// Job is a long piece of work that outlives the request that started it, such
// as an export. Body is the caller's, sealed.
type Job struct {
	ID      string
	State   uint8
	Expires int64 // Unix milliseconds
	Body    []byte
}

// PutJob keeps a job in place of the one with the same id.
func (tx *Tx) PutJob(j *Job) error {
	err := tx.put("INSERT INTO job (id, state, expires, body) VALUES (?, ?, ?, ?) "+
		"ON CONFLICT (id) DO UPDATE SET state = excluded.state, expires = excluded.expires, body = excluded.body",
		j.ID, int64(j.State), j.Expires, j.Body)
	return err
}

// DeleteJob removes a job. One that is not there is no error.
func (tx *Tx) DeleteJob(id string) error {
	err := tx.put("DELETE FROM job WHERE id = ?", id)
	return err
}

const jobColumns = "SELECT id, state, expires, body FROM job "

// Job returns a job.
func (v *View) Job(id string) (*Job, error) {
	all, err := v.jobs("WHERE id = ?", id)
	if err == nil && len(all) == 0 {
		return nil, missing("store.no-job", "There is no such job.")
	}
	if err != nil {
		return nil, err
	}
	return all[0], nil
}

// Jobs returns all jobs.
func (v *View) Jobs() ([]*Job, error) { return v.jobs("ORDER BY id") }

func (v *View) jobs(where string, args ...any) (all []*Job, err error) {
	err = v.c.each(jobColumns+where, func(r row) error {
		all = append(all, &Job{ID: r.text(0), State: uint8(r.int(1)), Expires: r.int(2), Body: r.blob(3)})
		return nil
	}, args...)
	return all, err
}
