// Package bulk is the desk for Bulk Data exports (HL7 FHIR Bulk Data Access
// 2.0, $export): who may start one, its work in the background, its files.
//
// An export is many reads, and each is one: for every patient the gate decides
// by what she said, for every page of her records an entry stands in her log
// before a byte is decrypted, and what she hides is left out. Records about
// nobody go through the gate as well. Only this hospital's own software and
// staff may export, and a patient herself; another hospital asks for one named
// patient with $everything, since a list of patients is itself a disclosure.
//
// What was exported is kept in the store for a day, sealed under a data key of
// that export alone, so that any process of the hospital hands it out. A thief of
// the store sees how many files there are, and their sizes; a forger who alters,
// swaps or cuts them is noticed when they are read. To cancel an export destroys
// its key first. An export that the end of the process breaks off goes on when
// the node is started again, or another process leads.
package bulk

import (
	"context"
	"log/slog"
	"math"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/klauspost/compress/zstd"

	"cairn/node/evidence"
	"cairn/node/fault"
	"cairn/node/gate"
	"cairn/node/identity"
	"cairn/node/keys"
	"cairn/node/store"
	"cairn/node/vault"
	"cairn/proof"
)

// Level is what an export is of.
type Level string

// The levels of Bulk Data 2.0 ($export).
const (
	System   Level = "system"
	Patients Level = "patient"
	Group    Level = "group"
)

// Request is what an export was asked to hold.
type Request struct {
	Level    Level               `json:"level"`
	Group    string              `json:"group,omitempty"`
	Patients []string            `json:"patients,omitempty"` // local ids; empty: all
	Types    []string            `json:"types,omitempty"`    // empty: all
	Since    int64               `json:"since,omitempty"`    // Unix milliseconds; records updated from then on
	Filters  map[string][]string `json:"filters,omitempty"`  // by type: searches, any of which selects
	URL      string              `json:"url"`                // as it was asked
}

// Desk does the work. Its methods are safe for concurrent use.
type Desk struct {
	gate    *gate.Gate
	vault   *vault.Vault
	journal *evidence.Journal
	store   *store.Store
	chest   *keys.Chest
	door    Door
	log     *slog.Logger
	enc     *zstd.Encoder
	dec     *zstd.Decoder

	wake chan struct{}
	mu   sync.Mutex
	stop map[string]context.CancelFunc // of jobs that are worked on
	done map[string]int                // by job: patients, since it was last noted
}

// Door keeps on whose behalf an export is worked on; node/identity has it. Who
// has lost the right meanwhile gets nothing more.
type Door interface {
	Keep(a identity.Actor, thing string) ([]byte, error)
	Standing(sealed []byte, thing string) (identity.Actor, error)
	KeepSession(a identity.Actor, thing string) ([]byte, error)
	Session(sealed []byte, thing string) (identity.Actor, error)
}

// maxJobs bounds the exports of one owner that are kept at a time.
const maxJobs = 8

// New makes the desk.
func New(g *gate.Gate, v *vault.Vault, j *evidence.Journal, st *store.Store, chest *keys.Chest, door Door, log *slog.Logger) (*Desk, error) {
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithLowerEncoderMem(true))
	if err != nil {
		return nil, err
	}
	dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(frameLimit))
	if err != nil {
		return nil, err
	}
	return &Desk{
		gate: g, vault: v, journal: j, store: st, chest: chest, door: door, log: log, enc: enc, dec: dec,
		wake: make(chan struct{}, 1), stop: make(map[string]context.CancelFunc), done: make(map[string]int),
	}, nil
}

// Start notes an export and returns its id. It is durable: it is worked on
// until it is done, also after a restart.
func (d *Desk) Start(ctx context.Context, actor identity.Actor, r Request) (string, error) {
	if err := d.may(actor, &r); err != nil {
		return "", err
	}
	rows, err := d.rows(ctx)
	if err != nil {
		return "", err
	}
	if err := d.room(ctx, rows, actor); err != nil {
		return "", err
	}
	if err := d.whose(ctx, actor, &r); err != nil {
		return "", err
	}
	j := &job{ID: uuid.NewString(), State: Running, Created: time.Now().UnixMilli(), Owner: ownerOf(actor), Request: r}
	if err := d.keep(j, actor); err != nil {
		return "", err
	}
	if _, err := d.chest.Key(ctx, keyName(j.ID), true); err != nil {
		return "", err
	}
	if err := d.add(ctx, j); err != nil {
		return "", err
	}
	d.Due()
	if err := d.store.Knock(ctx); err != nil { // then it is begun within a minute
		d.complain("telling of an export", err)
	}
	return j.ID, nil
}

// room refuses an export of who has as many as are kept, with the time until the
// first of them ends.
func (d *Desk) room(ctx context.Context, rows []*store.Job, actor identity.Actor) error {
	mine, first := 0, int64(math.MaxInt64)
	for _, row := range rows {
		if j, err := d.open(ctx, row); err == nil && j.Owner == ownerOf(actor) {
			mine, first = mine+1, min(first, row.Expires)
		}
	}
	if mine < maxJobs {
		return nil
	}
	wait := time.Until(time.UnixMilli(first)).Seconds()
	return fault.New(fault.Throttled, "too-many-exports", "you have as many exports as are kept at a time").
		WithHint("DELETE one that you do not need any more").After(max(1, int(wait)))
}

// keep keeps on whose behalf a job is worked on.
func (d *Desk) keep(j *job, actor identity.Actor) (err error) {
	if actor.Kind() == identity.Patient {
		j.Actor, err = d.door.KeepSession(actor, keyName(j.ID))
		return err
	}
	j.Actor, err = d.door.Keep(actor, keyName(j.ID))
	return err
}

// actor returns on whose behalf a job is worked on, as of this moment.
func (d *Desk) actor(j *job) (identity.Actor, error) {
	if j.Owner.Kind == identity.Patient {
		return d.door.Session(j.Actor, keyName(j.ID))
	}
	return d.door.Standing(j.Actor, keyName(j.ID))
}

// may decides who may export at all. What is in the export, the gate decides
// for each patient.
func (d *Desk) may(actor identity.Actor, r *Request) error {
	if actor.Delegated() {
		return fault.New(fault.Refused, "policy.app", "an app that acts for a person cannot leave an export behind").
			WithHint("ask for Patient/ID/$everything")
	}
	switch actor.Kind() {
	case identity.Staff, identity.System:
		if actor.May(identity.RightRecords) {
			return nil
		}
	case identity.Patient:
		if r.Level == Patients && (len(r.Patients) == 0 || len(r.Patients) == 1 && r.Patients[0] == actor.Patient()) {
			r.Patients = []string{actor.Patient()}
			return nil
		}
		return fault.New(fault.Refused, "policy.own-records", "a patient exports her own records only").
			WithHint("ask for Patient/$export")
	case identity.Peer:
		return fault.New(fault.Refused, "policy.name-the-patient", "another hospital must name the patient whose records it asks for").
			WithHint("ask for Patient/ID/$everything")
	}
	return fault.New(fault.Refused, "policy.client-right", "only software of this hospital with the right `records`, and patients, may export")
}

func (d *Desk) rows(ctx context.Context) (rows []*store.Job, err error) {
	err = d.store.View(ctx, func(v *store.View) error {
		rows, err = v.Jobs()
		return err
	})
	return rows, err
}

// Status is how far an export is.
type Status struct {
	State   State
	Created time.Time
	Expires time.Time
	Done    int // patients
	Files   []File
	Request Request
	Fault   *fault.Error // why it failed
}

// File is one file of an export that is done.
type File struct {
	Number int
	Type   string
	Count  int
}

// Status returns how far an export of this actor is.
func (d *Desk) Status(ctx context.Context, actor identity.Actor, id string) (Status, error) {
	j, err := d.find(ctx, actor, id)
	if err != nil {
		return Status{}, err
	}
	s := Status{
		State: j.State, Created: time.UnixMilli(j.Created), Expires: time.UnixMilli(j.Created).Add(lifetime),
		Done: j.Place.Done, Request: j.Request,
	}
	d.mu.Lock()
	s.Done = max(s.Done, d.done[id])
	d.mu.Unlock()
	if j.Fault != nil {
		s.Fault = fault.New(fault.Broken, j.Fault.Code, j.Fault.Text).WithHint(j.Fault.Hint)
	}
	for i, f := range j.Files {
		if f.Count > 0 {
			s.Files = append(s.Files, File{i, f.Type, f.Count})
		}
	}
	return s, nil
}

// Cancel ends an export of this actor and destroys what it made.
func (d *Desk) Cancel(ctx context.Context, actor identity.Actor, id string) error {
	if _, err := d.find(ctx, actor, id); err != nil {
		return err
	}
	d.mu.Lock()
	if stop := d.stop[id]; stop != nil {
		stop()
	}
	d.mu.Unlock()
	return d.remove(ctx, id)
}

// Open prepares one file of an export that is done for reading, and notes in
// the log that it leaves.
func (d *Desk) Open(ctx context.Context, actor identity.Actor, id string, number int) (*Reader, error) {
	j, err := d.find(ctx, actor, id)
	if err != nil {
		return nil, err
	}
	if j.State != Done || number < 0 || number >= len(j.Files) || j.Files[number].Count == 0 {
		return nil, fault.New(fault.NotFound, "not-found", "this export has no such file").WithHint("the manifest lists the files, once the export is done")
	}
	aead, err := d.chest.Key(ctx, keyName(id), false)
	if err != nil {
		return nil, err
	}
	draft, err := d.journal.Draft(proof.Event{
		Kind: proof.KindExport, Time: time.Now().UnixMilli(), Actor: gate.Describe(actor), Purpose: actor.Purpose(),
		Action: "export", Allowed: true, Rule: "policy.own-export", Detail: "a file of the export " + id,
	})
	if err != nil {
		return nil, err
	}
	if err := d.store.Update(ctx, draft.Append); err != nil {
		return nil, err
	}
	return &Reader{desk: d, aead: aead, job: id, file: int64(number), frames: j.Files[number].Frames, Receipt: draft.Receipt()}, nil
}

// progress notes in memory how far a job is.
func (d *Desk) progress(id string, done int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.done[id] = done
}

// Due has the process that works on exports look for such as wait.
func (d *Desk) Due() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}
