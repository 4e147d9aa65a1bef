package bulk

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"cairn/consent"
	"cairn/fhir/search"
	"cairn/node/fault"
	"cairn/node/gate"
	"cairn/node/identity"
	"cairn/node/store"
	"cairn/node/vault"
)

// Sizes of an export's work.
const (
	pagePatients = 100      // patients between two notes of how far the job is
	pageBytes    = 16 << 20 // their sealed bodies, unless a few have more
	pageRecords  = 500      // records that one log entry covers, and that are in memory at a time
	fileBytes    = 8 << 20  // of lines in a file before the next one of its type is begun, so that it is read whole
	madeBytes    = 1 << 20  // of sealed frames that wait for the store
)

// Run works on exports until ctx ends: those that were broken off first, then
// those that are started. It removes what has expired.
func (d *Desk) Run(ctx context.Context) {
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for {
		d.round(ctx)
		select {
		case <-ctx.Done():
			return
		case <-d.wake:
		case <-tick.C:
		}
	}
}

// round does all that waits.
func (d *Desk) round(ctx context.Context) {
	rows, err := d.rows(ctx)
	if err != nil {
		d.complain("reading exports", err)
		return
	}
	d.sweep(ctx)
	for _, row := range rows {
		switch {
		case ctx.Err() != nil:
			return
		case time.Now().UnixMilli() >= row.Expires:
			if err := d.remove(ctx, row.ID); err != nil {
				d.complain("removing an export", err)
			}
		case State(row.State) == Running:
			d.work(ctx, row)
		}
	}
}

// complain logs what went wrong. An export's id says nothing about anyone.
func (d *Desk) complain(doing string, err error) {
	if !errors.Is(err, context.Canceled) {
		d.log.Error(doing, "err", err)
	}
}

// sweep removes files that belong to no job: of one that was cancelled while
// the process ended.
func (d *Desk) sweep(ctx context.Context) {
	var left []string
	err := d.store.View(ctx, func(v *store.View) (err error) {
		left, err = v.ChunksLeft()
		return err
	})
	for i := 0; i < len(left) && err == nil; i++ {
		err = d.removeFiles(ctx, left[i])
	}
	if err != nil {
		d.complain("removing files of an export", err)
	}
}

// work does one job to its end, or until ctx ends.
func (d *Desk) work(ctx context.Context, row *store.Job) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	d.mu.Lock()
	d.stop[row.ID] = stop
	d.mu.Unlock()
	defer func() {
		d.mu.Lock()
		delete(d.stop, row.ID)
		delete(d.done, row.ID)
		d.mu.Unlock()
	}()
	err := d.finish(ctx, row)
	if fault.Is(err, fault.Gone) {
		d.chest.Forget(keyName(row.ID)) // cancelled, here or elsewhere
	} else if err != nil && ctx.Err() == nil {
		d.complain("exporting", err)
	}
}

// finish takes a job up and does it. One that is broken off by the end of ctx, or
// because the store is busy, is gone on with later.
func (d *Desk) finish(ctx context.Context, row *store.Job) error {
	err := d.store.Update(ctx, func(tx *store.Tx) (err error) {
		row.Run, err = tx.TakeJob(row.ID)
		return err
	})
	if fault.Is(err, fault.NotFound) {
		return nil // cancelled meanwhile
	}
	if err != nil {
		return err
	}
	j, err := d.open(ctx, row)
	if err != nil {
		return err
	}
	made, err := d.export(ctx, j)
	if ctx.Err() != nil || fault.Is(err, fault.Gone) || fault.Is(err, fault.Busy) {
		return err
	}
	if j.State = Done; err != nil {
		f := fault.As(err)
		j.State, j.Fault = Failed, &failure{f.Code, f.Text, f.Hint}
	}
	return errors.Join(err, d.save(ctx, j, made))
}

// run is one job being worked on.
type run struct {
	desk    *Desk
	job     *job
	actor   identity.Actor
	filters map[string][]search.Query
	open    map[string]int // by type: the file that is written
	writers map[int]*writer
	made    []store.Chunk // frames that are not in the store yet
	waiting int           // bytes of them
	done    int           // patients
}

// export does a job and returns the frames that are to be kept with its end.
func (d *Desk) export(ctx context.Context, j *job) (made []store.Chunk, err error) {
	r := &run{desk: d, job: j, open: make(map[string]int), writers: make(map[int]*writer), done: j.Place.Done}
	if r.actor, err = d.actor(j); err != nil {
		return nil, err
	}
	if err := d.may(r.actor, &j.Request); err != nil {
		return nil, err
	}
	if r.filters, err = parseFilters(j.Request.Filters); err != nil {
		return nil, err
	}
	for i, f := range j.Files {
		if f.Bytes < fileBytes {
			r.open[f.Type] = i
		}
	}
	if err := r.patients(ctx); err != nil {
		return nil, err
	}
	if j.Request.Level == System {
		if err := r.subject(ctx, ""); err != nil {
			return nil, err
		}
	}
	r.closeAll()
	return r.made, nil
}

// parseFilters reads _typeFilter: the searches of each type.
func parseFilters(in map[string][]string) (map[string][]search.Query, error) {
	out := make(map[string][]search.Query)
	for typ, list := range in {
		for _, text := range list {
			q, err := ParseFilter(typ, text)
			if err != nil {
				return nil, err
			}
			out[typ] = append(out[typ], q)
		}
	}
	return out, nil
}

// patients exports one patient after the other, a page of patients at a time.
// What is noted between pages is where to go on; a page that was broken off is
// done again, and its frames are put in the place of those of before.
func (r *run) patients(ctx context.Context) error {
	for {
		ids, next, err := r.list(ctx)
		if err != nil {
			return err
		}
		for _, id := range ids {
			if err := r.subject(ctx, id); err != nil {
				return err
			}
			r.done++
			r.desk.progress(r.job.ID, r.done)
		}
		p := &r.job.Place
		if p.After, p.Done = next, r.done; next == 0 {
			return nil
		}
		r.closeAll()
		if err := r.desk.save(ctx, r.job, r.made); err != nil {
			return err
		}
		r.made, r.waiting = nil, 0
	}
}

// subject exports the records of one patient, or with "" those about nobody. A
// patient of whom nothing may be shown is passed over; that is in her log.
func (r *run) subject(ctx context.Context, id string) error {
	for after := int64(0); ; {
		ask := gate.Ask{Interaction: "export", Action: consent.Access, Subject: id, Query: r.job.Request.URL}
		var rows []*store.Version
		next := after
		pass, err := r.desk.gate.Open(ctx, r.actor, ask, func(ctx context.Context, allow gate.Allow) (found []gate.Record, err error) {
			rows, found, next, err = r.page(ctx, id, after, allow)
			return found, err
		})
		if fault.Is(err, fault.Refused) && id != "" {
			return nil
		}
		if err != nil {
			return err
		}
		for i, ref := range pass.Refs() {
			opened, err := r.desk.vault.Open(ctx, pass, ref, rows[i])
			if fault.Is(err, fault.Gone) {
				continue // erased meanwhile
			}
			if err != nil {
				return err
			}
			if err := r.add(ctx, ref.Type, opened.Raw); err != nil {
				return err
			}
		}
		if after = next; after == 0 {
			return nil
		}
	}
}

// page finds one page of records, without opening any. next is 0 at the end.
func (r *run) page(ctx context.Context, id string, after int64, allow gate.Allow) (rows []*store.Version, found []gate.Record, next int64, err error) {
	q := &r.job.Request
	err = r.desk.store.View(ctx, func(v *store.View) error {
		for _, filters := range r.filters {
			if err := v.Answers(filters); err != nil {
				return err
			}
		}
		var hits []store.Hit
		hits, next, err = v.Each(q.Types, id, after, pageRecords, nil)
		n, heavy := v.Fit(hits, pageBytes)
		if err := cmp.Or(err, heavy); err != nil {
			return err
		}
		if n < len(hits) { // so many of them go into memory at a time
			if hits, next, err = v.Each(q.Types, id, after, n, nil); err != nil {
				return err
			}
		}
		for _, h := range hits {
			if id == "" && h.Subject != "" { // what is about nobody comes first
				next = 0
				break
			}
			if h.Updated < q.Since || !allow(v, gate.Found(&h)) {
				continue
			}
			if in, err := r.selected(&h); err != nil {
				return err
			} else if !in {
				continue
			}
			row, err := v.Newest(h)
			if err != nil {
				return err
			}
			commitment, err := vault.Commitment(row.Body)
			if err != nil {
				return err
			}
			rows = append(rows, row)
			found = append(found, gate.Record{Ref: gate.Ref{Type: row.Type, ID: row.ID, Version: row.Version}, Subject: row.Subject, Facets: row.Facets, Commitment: commitment})
		}
		return nil
	})
	return rows, found, next, err
}

// selected reports whether _typeFilter lets a record in.
func (r *run) selected(h *store.Hit) (bool, error) {
	list, ok := r.filters[h.Type]
	if !ok {
		return true, nil
	}
	x, err := h.Load()
	return err == nil && slices.ContainsFunc(list, func(q search.Query) bool { return q.Match(x) }), err
}

// list is the next page of patients. next is 0 with the last.
func (r *run) list(ctx context.Context) (ids []string, next int64, err error) {
	q := &r.job.Request
	if q.Level == Group && q.Patients == nil {
		if q.Patients, err = r.desk.members(ctx, r.actor, q.Group); err != nil {
			return nil, 0, err
		}
	}
	if q.Patients != nil {
		from := min(int(r.job.Place.After), len(q.Patients))
		to := min(from+pagePatients, len(q.Patients))
		if next = int64(to); to == len(q.Patients) {
			next = 0
		}
		return q.Patients[from:to], next, nil
	}
	err = r.desk.store.View(ctx, func(v *store.View) error {
		hits, after, err := v.Each([]string{"Patient"}, "", r.job.Place.After, pagePatients, nil)
		for _, h := range hits {
			ids = append(ids, h.ID)
		}
		next = after
		return err
	})
	return ids, next, err
}

// add appends one resource to the file of its type.
func (r *run) add(ctx context.Context, typ string, raw []byte) error {
	n, ok := r.open[typ]
	if ok && r.job.Files[n].Bytes >= fileBytes {
		r.close(n)
		delete(r.writers, n)
		ok = false
	}
	if !ok {
		n = len(r.job.Files)
		r.job.Files = append(r.job.Files, file{Type: typ})
		r.open[typ] = n
	}
	w := r.writers[n]
	if w == nil {
		aead, err := r.desk.chest.Key(ctx, keyName(r.job.ID), false)
		if err != nil {
			return err
		}
		w = &writer{aead: aead, enc: r.desk.enc, job: r.job.ID, file: int64(n), frames: r.job.Files[n].Frames}
		r.writers[n] = w
	}
	f := &r.job.Files[n]
	f.Count, f.Bytes = f.Count+1, f.Bytes+int64(len(raw))+1
	if !w.add(raw) {
		return nil
	}
	r.close(n)
	return r.put(ctx)
}

// close ends the frame of a file that is open, if any.
func (r *run) close(n int) {
	w := r.writers[n]
	if w == nil {
		return
	}
	for _, c := range w.close() {
		r.made, r.waiting = append(r.made, c), r.waiting+len(c.Body)
	}
	r.job.Files[n].Frames = w.frames
}

func (r *run) closeAll() {
	for _, n := range slices.Sorted(maps.Keys(r.writers)) {
		r.close(n)
	}
}

// put hands the frames to the store when enough of them wait.
func (r *run) put(ctx context.Context) error {
	if r.waiting < madeBytes {
		return nil
	}
	row := &store.Job{ID: r.job.ID, Run: r.job.Run}
	err := r.desk.store.Update(ctx, func(tx *store.Tx) error { return putAll(tx, row, r.made) })
	if err == nil {
		r.made, r.waiting = nil, 0
	}
	return err
}
