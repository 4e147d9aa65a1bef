package store

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"sync/atomic"
	"time"

	"cairn/fhir/search"
	"cairn/fhir/search/index"
	"cairn/node/fault"
)

// Meta keys: the definitions by which all records can be found, the work of
// bringing records to others, and the last such work that was done. They are
// apart because one changes often and another is long.
const (
	metaPrints    = "index.prints"
	metaReindex   = "index.work"
	metaReindexed = "index.done"
)

// Reindex is how far the records have been taken apart anew. It is kept in the
// store, so that what one process leaves undone another goes on with.
type Reindex struct {
	Begun   int64      `json:"begun"`           // Unix milliseconds
	Step    uint64     `json:"step"`            // counts how often this was kept
	Target  string     `json:"target"`          // index.Prints.Sum of the definitions that it is for
	Types   []string   `json:"types,omitempty"` // of records; nil: all
	Moved   bool       `json:"moved"`           // every row is put that should be there, and the tables are gone through for others
	After   int64      `json:"after"`           // the records up to this place are done
	Records bool       `json:"records"`         // all records are
	Strays  StrayPlace `json:"strays"`
	Total   int64      `json:"total"`   // records when it was begun
	Done    int64      `json:"done"`    // of them
	Changed int64      `json:"changed"` // that were found by something else than they say
	Failed  int64      `json:"failed"`  // that cannot be read
	Removed int64      `json:"removed"` // rows that followed from no record
}

// All reports whether it is on all records, and thorough.
func (r *Reindex) All() bool { return r.Types == nil && r.Moved }

// IndexPrints returns the definitions by which all records can be found, nil if
// nobody has noted them.
func (v *View) IndexPrints() (p index.Prints, err error) {
	err = v.metaJSON(metaPrints, &p)
	return p, err
}

// SetIndexPrints notes by which definitions all records can be found.
func (tx *Tx) SetIndexPrints(p index.Prints) error { return tx.setMetaJSON(metaPrints, p) }

// Reindexing returns the work under way, nil if there is none.
func (v *View) Reindexing() (r *Reindex, err error) {
	err = v.metaJSON(metaReindex, &r)
	return r, err
}

// SetReindexing keeps the work under way.
func (tx *Tx) SetReindexing(r *Reindex) error { return tx.setMetaJSON(metaReindex, r) }

// Reindexed returns the last work that was done, nil if none was.
func (v *View) Reindexed() (r *Reindex, err error) {
	err = v.metaJSON(metaReindexed, &r)
	return r, err
}

// EndReindexing notes that work is done and that all records can be found by the
// definitions p.
func (tx *Tx) EndReindexing(r *Reindex, p index.Prints) error {
	if err := tx.setMetaJSON(metaReindexed, r); err != nil {
		return err
	}
	if err := tx.SetIndexPrints(p); err != nil {
		return err
	}
	return tx.SetReindexing(nil)
}

func (v *View) metaJSON(key string, to any) error {
	raw, err := v.Meta(key)
	if err != nil || raw == nil {
		return err
	}
	if err := json.Unmarshal(raw, to); err != nil {
		return damaged("the row of " + key + " in the table `meta`")
	}
	return nil
}

func (tx *Tx) setMetaJSON(key string, value any) error {
	raw, err := json.Marshal(value)
	if err != nil {
		return broken(err)
	}
	return tx.SetMeta(key, raw)
}

// CountRecords returns how many records there are of some types, nil being all,
// that are not deleted.
func (v *View) CountRecords(types []string) (n int64, err error) {
	if types == nil {
		return v.c.number("SELECT count(*) FROM record WHERE deleted = 0")
	}
	for _, typ := range types {
		one, err := v.c.number("SELECT count(*) FROM record WHERE type = ? AND deleted = 0", typ)
		if err != nil {
			return 0, err
		}
		n += one
	}
	return n, nil
}

// Place returns the place of a hit for Each to go on after.
func (h *Hit) Place() int64 { return h.rid }

// FoundBy reports whether a record is found by what was made ready, and by
// nothing else, as far as its own row says.
func (h *Hit) FoundBy(r *Ready) bool { return bytes.Equal(h.found, r.found) }

// Refind brings what a record is found by to what was made ready, unless it was
// changed or deleted since h was read: then it was written by definitions of the
// present. With all, every row is put that leads to it, also those that should
// be there already.
func (tx *Tx) Refind(h *Hit, r *Ready, all bool) error {
	now, err := tx.Current(h.Type, h.ID)
	if fault.Is(err, fault.NotFound) || err == nil && (now.Deleted || now.seq != h.seq) {
		return nil
	}
	if err != nil {
		return err
	}
	var before traces
	x, err := now.Load()
	switch {
	case err == nil:
		before = tracesOf(now.Type, x)
	case !all:
		return err
	}
	if !now.FoundBy(r) {
		if err := tx.put("UPDATE record SET found = ? WHERE rid = ?", r.found, now.rid); err != nil {
			return err
		}
	}
	if err := tx.behind(now.seq); err != nil {
		return err
	}
	if err := tx.post(now.rid, before, r.traces); err != nil || !all {
		return err
	}
	tx.c.lenient()
	return tx.postNew(now.rid, r.traces.keys, r.traces.words, r.traces.spans)
}

// lag is which search parameters the records cannot be found by yet: those that
// were defined, or defined otherwise, since all were taken apart. An answer
// would be short, and nobody could tell.
type lag struct {
	fresh atomic.Pointer[index.Difference] // nil: none
	seen  atomic.Int64                     // when it was looked up, Unix milliseconds
}

// lagAgain is how long a process goes on to say that a parameter cannot be
// searched by, after another process has finished.
const lagAgain = time.Second

// renew looks up what lags.
func (l *lag) renew(v *View) error {
	l.seen.Store(time.Now().UnixMilli())
	old, err := v.IndexPrints()
	if err != nil {
		return err
	}
	var fresh *index.Difference
	if old != nil {
		if d := index.CurrentPrints().Since(old); len(d.Fresh) > 0 {
			fresh = &d
		}
	}
	l.fresh.Store(fresh)
	return nil
}

// Answering looks up by which search parameters records can be found, after that
// has changed. Other processes notice by themselves within a second.
func (s *Store) Answering(ctx context.Context) error { return s.View(ctx, s.bounds.lag.renew) }

// Answers refuses queries that ask by a search parameter that records cannot be
// found by yet, with fault.Busy and the code store.reindexing.
func (v *View) Answers(queries []search.Query) error {
	l := v.bounds.lag
	if l == nil || l.fresh.Load() == nil {
		return nil
	}
	if time.Since(time.UnixMilli(l.seen.Load())) > lagAgain {
		if err := l.renew(v); err != nil {
			return err
		}
	}
	d := l.fresh.Load()
	if d == nil {
		return nil
	}
	name := ""
	lags := func(typ, param string) bool {
		name = typ + "?" + param
		return d.Fresh[typ][param] || d.Fresh["Resource"][param]
	}
	for i := range queries {
		if queries[i].Uses(lags) {
			return fault.New(fault.Busy, "store.reindexing", fmt.Sprintf("Records cannot be found by %s yet: they are being taken apart for it.", name)).
				WithHint("Search by something else meanwhile; `cairn reindex` says how far it is.")
		}
	}
	return nil
}
