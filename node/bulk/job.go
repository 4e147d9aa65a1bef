package bulk

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"time"

	"cairn/node/fault"
	"cairn/node/identity"
	"cairn/node/store"
)

// State is where a job stands.
type State uint8

// The states of a job.
const (
	Running State = iota + 1
	Done
	Failed
)

// job is one export. Its row in the store is sealed under the job's own data
// key, as its files are: to destroy that key is to destroy them.
type job struct {
	ID      string   `json:"-"`
	State   State    `json:"-"`
	Run     int64    `json:"-"`       // of who works on it
	Created int64    `json:"created"` // Unix milliseconds
	Owner   owner    `json:"owner"`
	Actor   []byte   `json:"actor"` // as the door keeps it
	Request Request  `json:"request"`
	Place   place    `json:"place"`
	Files   []file   `json:"files"`
	Fault   *failure `json:"fault,omitempty"`
}

// owner is who started a job, and may follow it: with the same scopes, since what
// is in the files was chosen by them.
type owner struct {
	Kind         identity.Kind `json:"kind"`
	Organisation string        `json:"organisation"`
	Client       string        `json:"client"`
	Person       string        `json:"person"`
	Patient      string        `json:"patient"`
	Purpose      string        `json:"purpose"`
	Scopes       string        `json:"scopes"`
}

func ownerOf(a identity.Actor) owner {
	o := owner{a.Kind(), a.Organisation(), a.Client(), a.Person(), a.Patient(), a.Purpose(), ""}
	if s := a.Scopes(); s != nil {
		o.Scopes = s.Normal()
	}
	return o
}

// place is how far a job is: the patients up to a place in the store, or in the
// list of those that were asked for, are done.
type place struct {
	After int64 `json:"after"`
	Done  int   `json:"done"` // patients
}

type file struct {
	Type   string `json:"type"`
	Count  int    `json:"count"` // of resources
	Bytes  int64  `json:"bytes"` // of its lines
	Frames uint32 `json:"frames"`
}

type failure struct {
	Code string `json:"code"`
	Text string `json:"text"`
	Hint string `json:"hint"`
}

// keyName is the name of a job's data key.
func keyName(id string) string { return "~export/" + id }

// lifetime is how long what was exported is kept, from the start of the job.
const lifetime = 24 * time.Hour

// add keeps a job that was asked for.
func (d *Desk) add(ctx context.Context, j *job) error {
	row, err := d.row(ctx, j)
	if err != nil {
		return err
	}
	return d.store.Update(ctx, func(tx *store.Tx) error { return tx.AddJob(row) })
}

// save keeps what has become of a job, with what was made of it since. A job
// that was cancelled stays so, and one that another process took up is left to
// it: the error is Gone.
func (d *Desk) save(ctx context.Context, j *job, made []store.Chunk) error {
	row, err := d.row(ctx, j)
	if err != nil {
		return err
	}
	return d.store.Update(ctx, func(tx *store.Tx) error {
		if err := tx.SaveJob(row); err != nil {
			return err
		}
		return putAll(tx, row, made)
	})
}

func putAll(tx *store.Tx, row *store.Job, made []store.Chunk) error {
	for _, c := range made {
		if err := tx.PutChunk(row, c); err != nil {
			return err
		}
	}
	return nil
}

// row is how a job stands in the store.
func (d *Desk) row(ctx context.Context, j *job) (*store.Job, error) {
	plain, err := json.Marshal(j)
	if err != nil {
		return nil, err
	}
	aead, err := d.chest.Key(ctx, keyName(j.ID), false)
	if err != nil {
		return nil, err
	}
	sealed := make([]byte, aead.NonceSize(), aead.NonceSize()+len(plain)+aead.Overhead())
	rand.Read(sealed) // never fails: crypto/rand, Go 1.24
	sealed = aead.Seal(sealed, sealed, plain, []byte(j.ID))
	return &store.Job{ID: j.ID, State: uint8(j.State), Expires: j.Created + lifetime.Milliseconds(), Run: j.Run, Body: sealed}, nil
}

// open reads a job's row.
func (d *Desk) open(ctx context.Context, row *store.Job) (*job, error) {
	plain, err := d.chest.Open(ctx, keyName(row.ID), row.Body, []byte(row.ID))
	if err != nil {
		return nil, err
	}
	j := &job{ID: row.ID, State: State(row.State), Run: row.Run}
	if err := json.Unmarshal(plain, j); err != nil {
		return nil, fault.Wrap(fault.Broken, "export-job", "what is noted of this export is damaged", err)
	}
	return j, nil
}

// find returns a job of this actor. That of another is not found.
func (d *Desk) find(ctx context.Context, actor identity.Actor, id string) (*job, error) {
	var row *store.Job
	err := d.store.View(ctx, func(v *store.View) (err error) {
		row, err = v.Job(id)
		return err
	})
	if fault.Is(err, fault.NotFound) {
		d.chest.Forget(keyName(id)) // another process may have cancelled it
		return nil, noJob()
	}
	if err != nil {
		return nil, err
	}
	j, err := d.open(ctx, row)
	if fault.Is(err, fault.Gone) {
		return nil, noJob()
	}
	if err != nil {
		return nil, err
	}
	if j.Owner != ownerOf(actor) || time.Now().UnixMilli() >= row.Expires {
		return nil, noJob()
	}
	return j, nil
}

func noJob() error {
	return fault.New(fault.NotFound, "not-found", "there is no such export, or it has expired or was cancelled").
		WithHint("start it again")
}

// remove destroys a job: its key and row at once, then its files, a bounded part
// at a time. What is left of them when the process ends is removed by sweep.
func (d *Desk) remove(ctx context.Context, id string) error {
	err := d.store.Update(ctx, func(tx *store.Tx) error {
		if _, err := tx.DeleteKey(keyName(id)); err != nil {
			return err
		}
		return tx.DeleteJob(id)
	})
	if err != nil {
		return err
	}
	d.chest.Forget(keyName(id))
	return d.removeFiles(ctx, id)
}

// chunksAtOnce bounds how much one update deletes.
const chunksAtOnce = 64

func (d *Desk) removeFiles(ctx context.Context, id string) (err error) {
	for more := true; more && err == nil; {
		err = d.store.Update(ctx, func(tx *store.Tx) (err error) {
			more, err = tx.DeleteChunks(id, chunksAtOnce)
			return err
		})
	}
	return err
}

// Destroy ends and removes all exports of the hospital, whatever they hold, and
// returns how many there were: files cannot be searched for one patient, and are
// kept for a day at most.
func (d *Desk) Destroy(ctx context.Context) (n int, err error) {
	rows, err := d.rows(ctx)
	if err != nil {
		return 0, err
	}
	for _, row := range rows {
		d.mu.Lock()
		if stop := d.stop[row.ID]; stop != nil {
			stop()
		}
		d.mu.Unlock()
		if err := d.remove(ctx, row.ID); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}
