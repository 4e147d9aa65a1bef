package record

import (
	"slices"

	"cairn/fhir/search"
	"cairn/node/fault"
	"cairn/node/store"
)

// own finds, among the resources that a transaction itself brings, those that
// meet a condition: a later entry sees what an earlier one makes, and references
// see all of it (FHIR R4 3.1.0.11.2).
type own struct {
	index map[int]search.Index // of the steps that bring a resource of a type that a condition names
	typed map[string][]int     // those steps by type
	keys  map[int64][]int      // and by the keys of their postings
}

// newOwn indexes the steps of the types that conditions name. A resource that
// cannot be indexed meets nothing; that is told when it is written.
func newOwn(steps []step, searches map[string]linked) *own {
	types := make(map[string]bool)
	for i := range steps {
		if c := steps[i].condition; c != nil {
			types[c.query.Type] = true
		}
	}
	for _, l := range searches {
		types[l.query.Type] = true
	}
	o := &own{index: make(map[int]search.Index), typed: make(map[string][]int), keys: make(map[int64][]int)}
	for i := range steps {
		doc := steps[i].doc
		if doc == nil || !types[doc.Type()] {
			continue
		}
		x, err := search.Extract(doc)
		if err != nil {
			continue
		}
		o.index[i], o.typed[doc.Type()] = x, append(o.typed[doc.Type()], i)
		for _, key := range slices.Compact(x.Postings().Keys) {
			o.keys[key] = append(o.keys[key], i)
		}
	}
	return o
}

// meeting returns the steps whose resource, under the id that id gives, meets a
// condition. "" is no id: the step brings nothing.
func (o *own) meeting(c Condition, id func(i int) string) (out []int) {
	for _, i := range o.candidates(c) {
		x := o.index[i]
		if x.Facets.ID = id(i); x.Facets.ID != "" && c.query.Match(&x) {
			out = append(out, i)
		}
	}
	return out
}

// candidates are the steps among which those that meet a condition are.
func (o *own) candidates(c Condition) []int {
	for _, need := range c.query.Needs() {
		if len(need.Keys) == 0 || len(need.Subjects) > 0 {
			continue
		}
		var out []int
		for _, key := range need.Keys {
			out = append(out, o.keys[key]...)
		}
		slices.Sort(out)
		return slices.Compact(out)
	}
	return o.typed[c.query.Type]
}

// before refuses a create or update by a condition that an entry before it
// meets with what it brings: done one after the other, both would be about the
// same record, or the condition would find several.
func (t *transaction) before(i int) error {
	s := &t.steps[i]
	if s.condition == nil || s.Method != "POST" && s.Method != "PUT" {
		return nil
	}
	found := t.own.meeting(*s.condition, func(j int) string {
		if j >= i && t.steps[j].Method == s.Method || s.Method == "POST" && t.steps[j].Method == "PUT" {
			return ""
		}
		return t.brings(j)
	})
	found = slices.DeleteFunc(found, func(j int) bool {
		return slices.ContainsFunc(t.met[i].hits, func(h store.Hit) bool { return h.ID == t.brings(j) })
	})
	switch {
	case len(found) == 0 || s.Method == "POST" && len(t.met[i].hits) > 0:
		return nil
	case len(found)+len(t.met[i].hits) > 1:
		return at(severalMatch(), s.At)
	}
	return bad(s.At, "an entry before this one makes what its condition finds", "leave one of them out and refer to the other")
}

// brings is the id of the record that a step brings, "" if it brings none. Every
// step has its id by then, or it is that of a create.
func (t *transaction) brings(i int) string {
	if t.steps[i].doc == nil || t.unchanged(i) {
		return ""
	}
	id, err := t.identity(i)
	if err != nil {
		return "" // refused at its own place
	}
	return id
}

// one is the one record that a reference by a search means once the transaction
// is done: one that is stored and stays, or one that the transaction brings.
func (t *transaction) one(c Condition, m met) (string, error) {
	var ids []string
	for _, h := range m.hits {
		if !t.deletes(h) {
			ids = append(ids, h.ID)
		}
	}
	for _, i := range t.own.meeting(c, t.brings) {
		if id := t.brings(i); !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	switch len(ids) {
	case 0:
		return "", fault.New(fault.Precondition, "not-found", "a reference is a search that finds nothing").
			WithHint("send the record that it means, or refer to it as Type/id")
	case 1:
		return c.query.Type + "/" + ids[0], nil
	}
	return "", severalMatch()
}

// deletes tells whether the transaction deletes a record.
func (t *transaction) deletes(h store.Hit) bool {
	for i := range t.steps {
		if s := &t.steps[i]; s.Method == "DELETE" && s.Type == h.Type && t.ids[i] == h.ID {
			return true
		}
	}
	return false
}
