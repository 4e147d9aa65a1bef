package record

import (
	"context"
	"slices"
	"strings"

	"cairn/fhir/resource"
	"cairn/node/identity"
)

// step is one entry of a transaction that changes something, read.
type step struct {
	Entry
	doc       *resource.Doc // of POST and PUT; not linked yet
	change    Change        // of PATCH
	condition *Condition    // of ifNoneExist, or of the URL of PUT, PATCH and DELETE
	expect    Expect
	fresh     string // id of the record if it is new
}

// Transaction does all of a transaction bundle that changes something, or
// nothing of it (FHIR R4 3.1.0.11.2): first DELETE, then POST, then PUT and
// PATCH. The answers stand in the order of the entries; of those that only read
// they are empty, and the face asks them afterwards.
//
// References to other entries become those of the records that they are here;
// references by a search become those of the one record that it finds.
// Whatever was looked up for it still holds when it is written, in one
// transaction of the store.
func (d *Desk) Transaction(ctx context.Context, actor identity.Actor, b Bundle) ([]Version, error) {
	if slices.ContainsFunc(b.Entries, func(e Entry) bool { return !e.Reads() }) {
		if err := d.mayWrite(ctx, actor, "transaction", ""); err != nil {
			return nil, err
		}
	}
	once, err := d.once(ctx, actor, b)
	if err != nil {
		return nil, err
	}
	t := transaction{desk: d, actor: actor, once: once, steps: make([]step, len(b.Entries)), searches: make(map[string]linked)}
	err = each(len(b.Entries), func(i int) error {
		s, err := readStep(b.Entries[i])
		t.steps[i] = s
		return err
	})
	if err == nil {
		err = t.references()
	}
	if err != nil {
		return nil, err
	}
	t.own = newOwn(t.steps, t.searches)
	if err := d.repeat(ctx, func() (*batch, error) { return t.prepare(ctx) }); err != nil {
		return nil, err
	}
	return t.answer(ctx)
}

func readStep(e Entry) (s step, err error) {
	s = step{Entry: e, fresh: freshID()}
	if e.Err != nil || e.Reads() {
		return s, e.Err
	}
	if !resource.IsType(e.Type) || strings.Contains(e.URL, "$") {
		return s, bad(e.At+".request.url", "the url of an entry that changes something begins with a type, and names no operation", "send operations on their own, or in a batch")
	}
	if e.ID != "" && (!resource.ValidID(e.ID) || e.Method == "POST") {
		return s, bad(e.At+".request.url", "the url does not fit the method", "POST takes Type; PUT, PATCH and DELETE take Type/id or Type?search")
	}
	if err := s.conditions(); err != nil {
		return s, err
	}
	switch e.Method {
	case "POST", "PUT":
		return s, s.readResource()
	case "PATCH":
		return s, s.readChange()
	}
	return s, nil
}

// conditions reads what the entry requires.
func (s *step) conditions() error {
	where := s.At + ".request."
	text, element := s.Query, "url"
	if s.Method == "POST" {
		text, element = s.IfNoneExist, "ifNoneExist"
	} else if s.ID == "" && text == "" {
		return bad(where+"url", "the url does not say which record is meant", "send Type/id or Type?search")
	} else if s.ID != "" {
		text = ""
	}
	if text != "" {
		c, err := NewCondition(s.Type, text)
		if err != nil {
			return at(err, where+element)
		}
		s.condition = &c
	}
	var err error
	if s.expect, err = ReadExpect(s.IfMatch, s.IfNoneMatch); err != nil {
		return at(err, where+"ifMatch")
	}
	return nil
}

func (s *step) readResource() error {
	doc, err := resource.Parse(s.Body, resource.Limits{Entry: true})
	if err != nil {
		return at(Invalid(err), s.At+".resource")
	}
	s.doc = doc
	if doc.Type() != s.Type {
		return bad(s.At+".request.url", "the url does not name the type of the resource", "")
	}
	if s.Method == "PUT" && s.ID != "" && s.ID != doc.ID() {
		return bad(s.At+".request.url", "PUT needs Type/id with the id of the resource", "")
	}
	return nil
}

func (s *step) readChange() (err error) {
	media := s.Media
	if media == "" {
		media = FHIRPathPatch
	}
	s.change, err = NewChange(media, s.Body)
	if err != nil {
		return at(err, s.At+".resource")
	}
	return nil
}

// transaction is one that is being done. What an attempt finds out is made anew
// by the next one.
type transaction struct {
	once     []hold
	desk     *Desk
	actor    identity.Actor
	steps    []step
	searches map[string]linked // by the references that are searches
	own      *own              // what the steps bring themselves

	met     []met             // of each step with a condition, and of each PATCH
	ids     []string          // of the record that each step is about; "": none
	targets map[string]string // what references mean
	batch   *batch
}

// linked is a reference that is a search, and where it stands first.
type linked struct {
	Condition
	where string
}

// references collects the references that are searches, and refuses those that
// name an entry that is not there.
func (t *transaction) references() error {
	names := make(map[string]bool, len(t.steps))
	for _, s := range t.steps {
		if s.FullURL == "" || s.doc == nil {
			continue
		}
		if names[s.FullURL] {
			return bad(s.At+".fullUrl", "the same fullUrl stands in the transaction twice", "")
		}
		names[s.FullURL] = true
	}
	for _, s := range t.steps {
		if s.doc == nil {
			continue
		}
		for where, reference := range s.doc.References() {
			if err := t.reference(reference, s.At+".resource."+inside(where), names); err != nil {
				return err
			}
		}
	}
	return nil
}

// inside is an expression without the type that it begins with.
func inside(expression string) string {
	_, rest, _ := strings.Cut(expression, ".")
	return rest
}

func (t *transaction) reference(reference, where string, names map[string]bool) error {
	if strings.HasPrefix(reference, "urn:") && !names[reference] {
		return bad(where, "this reference names no entry of the transaction", "add the entry, or refer to a stored record as Type/id")
	}
	typ, query, search := strings.Cut(reference, "?")
	if !search || !resource.IsType(typ) {
		return nil
	}
	if _, known := t.searches[reference]; known {
		return nil
	}
	c, err := NewCondition(typ, query)
	if err != nil {
		return at(err, where)
	}
	t.searches[reference] = linked{c, where}
	return nil
}

// prepare looks up what is meant and drafts what is to be written.
func (t *transaction) prepare(ctx context.Context) (*batch, error) {
	t.met, t.ids, t.targets = make([]met, len(t.steps)), make([]string, len(t.steps)), make(map[string]string, len(t.steps))
	t.batch = &batch{drafts: make([]*draft, len(t.steps)), where: make([]string, len(t.steps)), order: t.order(), holds: t.once}
	if err := t.meet(ctx); err != nil {
		return nil, err
	}
	if err := t.identify(); err != nil {
		return nil, err
	}
	if err := t.search(ctx); err != nil {
		return nil, err
	}
	with := &among{patients: make(map[string]bool), link: func(r string) (string, bool) { to, ok := t.targets[r]; return to, ok }}
	var next []name
	for i, s := range t.steps {
		if s.Type == "Patient" && s.doc != nil && t.ids[i] != "" {
			with.patients[t.ids[i]] = true
		}
		if s.Method == "PUT" || s.Method == "PATCH" {
			next = append(next, name{s.Type, t.ids[i]})
		}
	}
	t.batch.patients = with.patients
	if err := with.look(ctx, t.desk.store, next); err != nil {
		return nil, err
	}
	return t.batch, each(len(t.steps), func(i int) (err error) {
		t.batch.where[i] = t.steps[i].At
		t.batch.drafts[i], err = t.draft(ctx, i, with)
		if err != nil {
			return at(err, t.steps[i].At)
		}
		return nil
	})
}

// order is that in which the steps are written (FHIR R4 3.1.0.11.2).
func (t *transaction) order() []int {
	rank := map[string]int{"DELETE": 0, "POST": 1, "PUT": 2, "PATCH": 2, "GET": 3, "HEAD": 3}
	out := make([]int, len(t.steps))
	for i := range out {
		out[i] = i
	}
	slices.SortStableFunc(out, func(a, b int) int { return rank[t.steps[a].Method] - rank[t.steps[b].Method] })
	return out
}

// meet looks up the conditions, and reads what is to be patched.
func (t *transaction) meet(ctx context.Context) error {
	err := each(len(t.steps), func(i int) (err error) {
		s := &t.steps[i]
		switch {
		case s.condition != nil:
			t.met[i], err = t.desk.meet(ctx, t.actor, *s.condition)
		case s.Method == "PATCH":
			t.met[i], err = t.desk.current(ctx, t.actor, s.Type, s.ID)
		}
		if err != nil {
			return at(err, s.At)
		}
		return nil
	})
	for i := range t.met {
		t.batch.holds = append(t.batch.holds, t.met[i].holds()...)
	}
	return err
}

// identify settles which record each step is about. No two may be about the
// same one.
func (t *transaction) identify() error {
	once := make(map[string]bool, len(t.steps))
	unless := make(map[string]bool)
	for i := range t.steps {
		s := &t.steps[i]
		id, err := t.identity(i)
		if err != nil {
			return at(err, s.At)
		}
		t.ids[i] = id
		if id == "" || s.Reads() {
			continue
		}
		local := s.Type + "/" + id
		if s.Method == "POST" && s.condition != nil {
			if unless[s.condition.asked] && len(t.met[i].hits) == 0 {
				return bad(s.At+".request.ifNoneExist", "two entries create on the same condition", "leave one of them out and refer to the other")
			}
			unless[s.condition.asked] = true
		}
		if err := t.before(i); err != nil {
			return err
		}
		if once[local] && !t.unchanged(i) {
			return bad(s.At, "the same record stands in the transaction twice", "")
		}
		once[local] = true
		t.names(s, local)
	}
	return nil
}

// unchanged tells whether a step is a create that found its record.
func (t *transaction) unchanged(i int) bool {
	return t.steps[i].Method == "POST" && len(t.met[i].hits) > 0
}

func (t *transaction) identity(i int) (string, error) {
	s, m := &t.steps[i], t.met[i]
	switch {
	case s.Reads():
		return "", nil
	case s.Method == "PUT" && s.condition != nil:
		return m.target(s.doc, s.fresh)
	case len(m.hits) > 0:
		return m.hits[0].ID, nil
	case s.Method == "POST":
		return s.fresh, nil
	}
	return s.ID, nil
}

// names keeps by what references mean the step's record: its fullUrl, the
// reference relative to the entry's own base (FHIR R4 2.36.4.1), and the
// condition on which it is created.
func (t *transaction) names(s *step, local string) {
	if s.doc == nil {
		return
	}
	if s.Method == "POST" && s.condition != nil {
		t.targets[s.condition.asked] = local
	}
	if s.FullURL == "" {
		return
	}
	t.targets[s.FullURL] = local
	if relative := typed(s.FullURL, s.Type); relative != "" && s.Method == "POST" {
		t.targets[relative] = local
	}
}

// search resolves the references that are searches. One that is the condition
// of a create means what that creates.
func (t *transaction) search(ctx context.Context) error {
	var open []string
	for reference, c := range t.searches {
		if local, ok := t.targets[c.asked]; ok {
			t.targets[reference] = local
		} else {
			open = append(open, reference)
		}
	}
	found, meant := make([]met, len(open)), make([]string, len(open))
	err := each(len(open), func(i int) (err error) {
		l := t.searches[open[i]]
		found[i], err = t.desk.meet(ctx, t.actor, l.Condition)
		if err == nil {
			meant[i], err = t.one(l.Condition, found[i])
		}
		if err != nil {
			return at(err, l.where)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for i, m := range found {
		t.targets[open[i]] = meant[i]
		t.batch.holds = append(t.batch.holds, m.still)
	}
	return nil
}

// draft prepares one step. A nil draft writes nothing.
func (t *transaction) draft(ctx context.Context, i int, with *among) (*draft, error) {
	s, m, d := &t.steps[i], t.met[i], t.desk
	switch {
	case s.Reads() || t.unchanged(i):
		return nil, nil
	case s.Method == "POST":
		return d.prepare(ctx, t.actor, s.doc, t.ids[i], 1, with)
	case s.Method == "PUT" && s.condition != nil:
		return d.nextOf(ctx, t.actor, s.doc, m, s.fresh, s.expect, with)
	case s.Method == "PUT":
		return d.next(ctx, t.actor, s.doc, s.ID, s.expect, with)
	case s.Method == "PATCH":
		return d.nextPatched(ctx, t.actor, m, s.change, s.expect, with)
	case t.ids[i] == "":
		return nil, nil // a condition that nothing meets: there is nothing to delete
	}
	return d.nextDeleted(ctx, t.actor, s.Type, t.ids[i], s.expect)
}

// answer says what became of each step.
func (t *transaction) answer(ctx context.Context) ([]Version, error) {
	out := make([]Version, len(t.steps))
	for i, s := range t.steps {
		switch w := t.batch.drafts[i]; {
		case w != nil:
			out[i] = w.version
		case t.unchanged(i):
			v, err := t.desk.show(ctx, t.met[i])
			if err != nil {
				return nil, err
			}
			out[i] = v
		case s.Method == "DELETE":
			out[i] = Version{Type: s.Type, ID: t.ids[i], Deleted: true}
		}
	}
	return out, nil
}

// typed returns "Type/id" of a RESTful fullUrl, "" for any other.
func typed(full, typ string) string {
	at := strings.LastIndex(full, "/"+typ+"/")
	if at < 0 || !strings.HasPrefix(full, "http") || !resource.ValidID(full[at+len(typ)+2:]) {
		return ""
	}
	return full[at+1:]
}
