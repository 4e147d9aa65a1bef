package record

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"cairn/fhir/resource"
	"cairn/node/fault"
	"cairn/node/identity"
	"cairn/node/store"
)

// Imported is what became of the lines of an import.
type Imported struct {
	Stored  int       `json:"stored"`
	Refused []Refusal `json:"refused,omitempty"`
	// Repeated: the same lines were imported before under the same key, nothing
	// was done now, and the counts are those of then.
	Repeated bool `json:"-"`
}

// Refusal says why one line was not stored. It holds nothing of the line.
type Refusal struct {
	Line       int    `json:"line"` // counted from 1
	Code       string `json:"code"`
	Text       string `json:"text"`
	Hint       string `json:"hint,omitempty"`
	Expression string `json:"expression,omitempty"`
}

// maxLines bounds the lines of one import.
const maxLines = 10_000

// importing is how many bytes of imports are prepared and written at once, each
// taking several times that in memory; further ones wait. A larger import is
// alone. It is enough for one to be written while the processors prepare others.
const importing = 3 << 20

// Import stores NDJSON, a resource a line, each on its own as an update would:
// the next version under its id, or its first; one without an id gets a new
// one. A line that is refused leaves the others alone. All that is stored is
// durable together, with key, when it returns: a repeat with the same key, by
// the same client and with the same lines, stores nothing and answers the same.
// Without a key it is never a repeat.
func (d *Desk) Import(ctx context.Context, actor identity.Actor, key string, body []byte) (Imported, error) {
	if err := d.mayWrite(ctx, actor, "import", ""); err != nil {
		return Imported{}, err
	}
	id := sha256.Sum256(fmt.Appendf(nil, "import\x00%s\x00%s\x00%x", actor.Client(), key, sha256.Sum256(body)))
	if key != "" {
		if before, done, err := d.before(ctx, id); done || err != nil {
			return before, err
		}
	}
	weight := int64(min(len(body), importing))
	if err := d.imports.Acquire(ctx, weight); err != nil {
		return Imported{}, fault.As(err)
	}
	defer d.imports.Release(weight)
	in, err := readLines(body)
	if err != nil {
		return Imported{}, err
	}
	for range tries {
		again, err := d.importLines(ctx, actor, in, key, id)
		if errors.Is(err, errRepeated) {
			before, _, err := d.before(ctx, id)
			return before, err
		}
		if err != nil || !again {
			return in.answer(), err
		}
	}
	return Imported{}, contention()
}

// errRepeated: the same import was carried out while this one was prepared.
var errRepeated = errors.New("the same import was carried out meanwhile")

// before returns the answer of an earlier import, if there was one.
func (d *Desk) before(ctx context.Context, id [32]byte) (out Imported, done bool, err error) {
	var answer []byte
	err = d.store.View(ctx, func(v *store.View) (err error) {
		answer, err = v.WasDone(id)
		return err
	})
	if err != nil || answer == nil {
		return out, false, err
	}
	if err := json.Unmarshal(answer, &out); err != nil {
		return out, false, fault.Wrap(fault.Broken, "import", "what was noted of an earlier import is not readable", err)
	}
	out.Repeated = true
	return out, true, nil
}

// lines are those of one import.
type lines struct {
	docs     []*resource.Doc // nil where there is nothing to store
	faults   []*fault.Error
	patients map[string]bool // whom these lines bring
	ids      []string
}

func readLines(body []byte) (*lines, error) {
	raw := bytes.Split(bytes.TrimRight(body, "\r\n \t"), []byte("\n"))
	if len(raw) > maxLines {
		return nil, fault.New(fault.TooLarge, "too-costly", fmt.Sprintf("an import has at most %d lines", maxLines)).
			WithHint("send the lines in several requests")
	}
	in := &lines{
		docs: make([]*resource.Doc, len(raw)), faults: make([]*fault.Error, len(raw)), ids: make([]string, len(raw)),
		patients: make(map[string]bool),
	}
	err := each(len(raw), func(i int) error {
		line := bytes.TrimSpace(raw[i])
		if len(line) == 0 {
			return nil
		}
		doc, err := parse("", line)
		if err != nil {
			in.faults[i] = fault.As(err)
			return nil
		}
		in.docs[i], in.ids[i] = doc, doc.ID()
		if in.ids[i] == "" {
			in.ids[i] = freshID()
		}
		return nil
	})
	in.once()
	return in, err
}

// once refuses the second line of one record: which of the two is the later
// version cannot be told. It notes whom the lines bring.
func (in *lines) once() {
	seen := make(map[string]bool, len(in.docs))
	for i, doc := range in.docs {
		if doc == nil {
			continue
		}
		name := doc.Type() + "/" + in.ids[i]
		if seen[name] {
			in.faults[i] = fault.New(fault.Invalid, "duplicate", "the same record stands in this import twice").
				WithHint("send its versions one after the other")
			continue
		}
		seen[name] = true
		if doc.Type() == "Patient" {
			in.patients[in.ids[i]] = true
		}
	}
}

// each calls f for 0 to n-1 on all processors and returns the first error.
func each(n int, f func(i int) error) error {
	var next atomic.Int64
	var group errgroup.Group
	for range min(n, runtime.GOMAXPROCS(0)) {
		group.Go(func() error {
			for {
				i := int(next.Add(1)) - 1
				if i >= n {
					return nil
				}
				if err := fault.Guard(func() error { return f(i) }); err != nil {
					return err
				}
			}
		})
	}
	return group.Wait()
}

// importLines prepares and stores what is not refused. again: somebody else,
// or an earlier line, changed a record meanwhile; nothing was stored.
func (d *Desk) importLines(ctx context.Context, actor identity.Actor, in *lines, key string, id [32]byte) (again bool, err error) {
	drafts, with := make([]*draft, len(in.docs)), &among{patients: in.patients}
	if err := with.look(ctx, d.store, in.names()); err != nil {
		return false, err
	}
	err = each(len(in.docs), func(i int) error {
		if in.docs[i] == nil || in.faults[i] != nil {
			return nil
		}
		w, err := d.next(ctx, actor, in.docs[i], in.ids[i], Expect{}, with)
		if f := fault.As(err); err != nil && (f.Kind == fault.Invalid || f.Kind == fault.TooLarge || f.Kind == fault.Conflict) {
			in.faults[i], err = f, nil
		}
		if drafts[i] = w; w != nil {
			w.version.Raw = nil // it is sealed, and nobody is answered with it
		}
		return err
	})
	if err != nil {
		return false, err
	}
	accepted := in.accepted()
	err = d.store.Update(ctx, func(tx *store.Tx) error {
		if before, err := tx.WasDone(id); err != nil || before != nil {
			return cmp.Or(err, errRepeated)
		}
		here := maps.Clone(accepted)
		for i, w := range drafts {
			if w == nil || in.faults[i] != nil {
				continue
			}
			if err := known(tx, w, here); fault.Is(err, fault.Invalid) {
				in.faults[i] = fault.As(err)
				continue
			} else if err != nil {
				return err
			}
			here[w.subject] = true
			if err := d.write(tx, w); err != nil {
				return err
			}
		}
		if key == "" {
			return nil
		}
		answer, err := json.Marshal(in.answer())
		if err != nil {
			return err
		}
		return tx.Done(id, time.Now().UnixMilli(), answer)
	})
	if fault.Is(err, fault.Conflict) || fault.Is(err, fault.Precondition) {
		return true, nil
	}
	return false, err
}

// names returns which records the lines are about.
func (in *lines) names() (out []name) {
	for i, doc := range in.docs {
		if doc != nil && in.faults[i] == nil {
			out = append(out, name{doc.Type(), in.ids[i]})
		}
	}
	return out
}

// accepted returns the patients whose own lines are not refused.
func (in *lines) accepted() map[string]bool {
	out := make(map[string]bool)
	for i, doc := range in.docs {
		if doc != nil && doc.Type() == "Patient" && in.faults[i] == nil {
			out[in.ids[i]] = true
		}
	}
	return out
}

func (in *lines) answer() (out Imported) {
	for i, f := range in.faults {
		if f != nil {
			out.Refused = append(out.Refused, Refusal{Line: i + 1, Code: f.Code, Text: f.Text, Hint: f.Hint, Expression: f.Expression})
		} else if in.docs[i] != nil {
			out.Stored++
		}
	}
	return out
}
