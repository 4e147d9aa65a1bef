package store

import "cairn/node/fault"

// Job is a long piece of work that outlives the request that started it, such
// as an export. Body is the caller's, sealed.
type Job struct {
	ID      string
	State   uint8
	Expires int64 // Unix milliseconds
	Run     int64 // who works on it: the number of the last TakeJob
	Body    []byte
}

// AddJob keeps a job that nobody works on yet.
func (tx *Tx) AddJob(j *Job) error {
	return tx.put("INSERT INTO job (id, state, expires, run, body) VALUES (?, ?, ?, ?, ?)", j.ID, int64(j.State), j.Expires, j.Run, j.Body)
}

// TakeJob takes a job up, from whoever worked on it before, and returns the
// number of this run. It fails with NotFound if there is no such job.
func (tx *Tx) TakeJob(id string) (run int64, err error) {
	j, err := tx.Job(id)
	if err != nil {
		return 0, err
	}
	return j.Run + 1, tx.put("UPDATE job SET run = ? WHERE id = ?", j.Run+1, id)
}

// SaveJob keeps what has become of a job. It fails with Gone, also when the
// update is committed, if the job is not there any more or was taken by another
// run.
func (tx *Tx) SaveJob(j *Job) error {
	return tx.must(lostJob(), "UPDATE job SET state = ?, expires = ?, body = ? WHERE id = ? AND run = ?", int64(j.State), j.Expires, j.Body, j.ID, j.Run)
}

func lostJob() error {
	return fault.New(fault.Gone, "store.job-lost", "This work was cancelled, or another process goes on with it.")
}

// DeleteJob removes a job but not its chunks. One that is not there is no error.
func (tx *Tx) DeleteJob(id string) error {
	err := tx.put("DELETE FROM job WHERE id = ?", id)
	return err
}

const jobColumns = "SELECT id, state, expires, run, body FROM job "

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
		all = append(all, &Job{ID: r.text(0), State: uint8(r.int(1)), Expires: r.int(2), Run: r.int(3), Body: r.blob(4)})
		return nil
	}, args...)
	return all, err
}
