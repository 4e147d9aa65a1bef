package store

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"cairn/node/fault"
)

// Past asks for versions that were stored: of one record, of all records of a
// Type, or with neither of all records.
type Past struct {
	Type, ID string
	Subject  string // versions about this patient only; "": about anybody and nobody
	Since    int64  // not before this time, Unix milliseconds
	Until    int64  // before this time; 0: no end
	Count    int    // versions a page
	Cursor   string
}

// PastPage is one page of a history, the version first that was stored last.
type PastPage struct {
	Versions []*Version
	Total    int    // of a single record, how many there are on all pages; else -1
	Next     string // cursor of the next page, "" at the end
}

// pastSlack is how much later than its own time a version may have been stored.
const pastSlack = int64(time.Hour / time.Millisecond)

// History returns versions in the order in which they were stored, the newest
// first. What is stored meanwhile does not change the pages that follow.
//
// allow sees the record's current state and the version; nil allows all. What it
// hides leaves no trace: not as a short page, and not in the cursor.
func (v *View) History(p Past, allow func(head Hit, version *Version) bool) (PastPage, error) {
	size := min(p.Count, maxPage)
	if size <= 0 {
		size = defaultPage
	}
	asked := p
	asked.Count, asked.Cursor = 0, ""
	question, err := json.Marshal(asked)
	if err != nil {
		return PastPage{}, fmt.Errorf("naming a history: %w", err)
	}
	at := place{rid: maxSeq + 1, total: -1}
	if p.Cursor != "" {
		if at, err = v.cursors.open(question, p.Cursor); err != nil {
			return PastPage{}, err
		}
	}
	w := &past{view: v, Past: p, before: at.rid, size: size + 1, count: p.ID != "" && p.Cursor == "", allow: allow, looks: v.bounds.looks}
	if err := w.run(); err != nil {
		return PastPage{}, err
	}
	page := PastPage{Versions: w.found, Total: at.total}
	if w.count {
		page.Total = w.total
	}
	if w.full() {
		last := len(w.found) - 1
		page.Versions = w.found[:last]
		page.Next = v.cursors.seal(question, place{rid: int64(page.Versions[last-1].Seq), total: page.Total}) //nolint:gosec // below maxSeq
	}
	return page, nil
}

// past is a walk through versions, back in time.
type past struct {
	Past
	view   *View
	before int64 // seq
	size   int   // versions wanted, one more than the page has
	bytes  int   // of the bodies of those that were found
	batch  int   // versions read at once
	count  bool  // whether all are counted
	total  int
	looks  int
	seqs   []int64 // of one patient's versions, the newest first; nil until they are read
	allow  func(Hit, *Version) bool
	found  []*Version
}

// PageBytes is how much the sealed bodies on a page may weigh together: a page
// ends before it has as many as are asked for, but not before it has one.
const PageBytes = 2 << 20

// full tells whether the page and the one version that follows it were found.
func (w *past) full() bool {
	return len(w.found) >= w.size || len(w.found) > 1 && w.bytes > PageBytes
}

func (w *past) run() error {
	for w.batch = leastBatch; ; {
		if err := w.view.ctx.Err(); err != nil {
			return fault.As(err)
		}
		batch, err := w.next()
		if err != nil {
			return err
		}
		weight := 1
		for _, one := range batch {
			weight += len(one.Body)
			if w.full() && !w.count || one.Updated < w.Since-pastSlack {
				return nil
			}
			if err := w.look(one); err != nil {
				return err
			}
			w.before = int64(one.Seq) //nolint:gosec // below maxSeq
		}
		if len(batch) < w.batch {
			return nil
		}
		w.batch = max(leastBatch, min(versionBatch, PageBytes*len(batch)/weight))
	}
}

// leastBatch is how many versions are read at once as long as they may be large.
const leastBatch = 8

func (w *past) next() ([]*Version, error) {
	const end = " ORDER BY v.seq DESC LIMIT ?"
	switch {
	case w.ID != "":
		return w.view.versions(versionRows+"WHERE r.type = ? AND r.id = ? AND v.seq < ?"+end, w.Type, w.ID, w.before, int64(w.batch))
	case w.Subject != "":
		return w.about()
	case w.Type != "":
		return w.view.versions(versionRows+"WHERE v.type = ? AND v.seq < ?"+end, w.Type, w.before, int64(w.batch))
	}
	return w.view.versions(versionRows+"WHERE v.seq < ?"+end, w.before, int64(w.batch))
}

// about is next for one patient: her versions lie together.
func (w *past) about() (batch []*Version, err error) {
	if w.seqs == nil {
		lo, hi := bucket(w.Subject)
		err := w.view.c.each("SELECT seq FROM version WHERE rid > ? AND rid <= ?", func(r row) error {
			w.seqs = append(w.seqs, r.int(0))
			return nil
		}, lo, hi)
		if err != nil {
			return nil, err
		}
		slices.SortFunc(w.seqs, func(a, b int64) int { return cmp.Compare(b, a) })
	}
	for len(w.seqs) > 0 && len(batch) < w.batch {
		if seq := w.seqs[0]; seq < w.before {
			one, err := w.view.version(versionRows+"WHERE v.seq = ?", seq)
			if err != nil {
				return nil, err
			}
			batch = append(batch, one)
		}
		w.seqs = w.seqs[1:]
	}
	return batch, nil
}

// look adds a version if it is asked for and may be seen.
func (w *past) look(one *Version) error {
	if w.looks--; w.looks < 0 {
		return tooCostly()
	}
	if w.Type != "" && one.Type != w.Type || w.Subject != "" && one.Subject != w.Subject || one.Updated < w.Since || w.Until != 0 && one.Updated >= w.Until {
		return nil
	}
	if w.allow != nil {
		head, err := w.view.Current(one.Type, one.ID)
		if err != nil {
			return err
		}
		if !w.allow(head, one) {
			return nil
		}
	}
	w.total++
	if !w.full() {
		w.found, w.bytes = append(w.found, one), w.bytes+len(one.Body)
	}
	return nil
}
