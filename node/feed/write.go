package feed

import (
	"context"
	"net/url"
	"slices"
	"strings"
	"time"

	"cairn/fhir/er7"
	"cairn/fhir/er7/element"
	"cairn/fhir/er7/mapping"
	"cairn/fhir/search"
	"cairn/node/fault"
	"cairn/node/identity"
	"cairn/node/record"
	"cairn/node/store"
)

// tries bounds how often a message looks again after somebody else was faster.
const tries = 32

// write maps the message and writes what it says.
func (t *taking) write(ctx context.Context, m *er7.Message) error {
	party, errs := mapping.Whom(m, t.sender.Sender)
	if len(errs) > 0 {
		return refusal(errs)
	}
	actor, err := t.desk.door.Feed(t.sender.Feed)
	if err != nil {
		return err
	}
	defer t.desk.turn(party.Patient[0])()
	for range tries {
		if err = t.attempt(ctx, actor, m, party); !record.Raced(err) {
			return err
		}
	}
	return fault.New(fault.Busy, "contention", "others keep changing the records of this patient")
}

// turn waits until no other message of this process about whom the identifier
// names is being written, so that they do not disturb each other, and returns
// what ends the turn. What another process does is found when it is written.
func (d *Desk) turn(who mapping.Identifier) func() {
	sum := d.mac("turn", who.System, who.Value)
	lock := &d.turns[sum[0]]
	lock.Lock()
	return lock.Unlock
}

// attempt writes what the message says to the records as they are.
func (t *taking) attempt(ctx context.Context, actor identity.Actor, m *er7.Message, party mapping.Party) error {
	c, err := t.resolve(ctx, party)
	if err != nil {
		return err
	}
	entries, errs := mapping.Map(m, c)
	if len(errs) > 0 {
		return refusal(errs)
	}
	puts, written, err := t.compose(ctx, actor, entries)
	if err != nil {
		return err
	}
	if len(written) > 0 {
		traces, _, err := t.compose(ctx, actor, mapping.Trace(m, c, written))
		if err != nil {
			return err
		}
		puts = append(puts, traces...)
	}
	if t.replay != nil {
		if t.entry, err = t.desk.event(t.replay.by, "feed-replay", c.Patient, t.replay.id); err != nil {
			return err
		}
	}
	_, err = t.desk.records.Apply(ctx, actor, puts, t.settle)
	return err
}

// resolve finds the patients of a message.
func (t *taking) resolve(ctx context.Context, party mapping.Party) (c mapping.Case, err error) {
	c = mapping.Case{Sender: t.sender.Sender, Received: time.Now(), Hash: t.hash(), ID: t.desk.id}
	pid := er7.Position{Segment: "PID", Sequence: 1, Field: 3}
	err = t.desk.store.View(ctx, func(v *store.View) error {
		if c.Patient, err = patient(v, party.Patient, pid); err != nil {
			return err
		}
		if c.Patient == "" {
			if c.Patient, err = t.newPatient(v, party.Patient[0], pid); err != nil {
				return err
			}
		} else {
			t.subject = c.Patient
		}
		if len(party.Prior) == 0 {
			return nil
		}
		mrg := er7.Position{Segment: "MRG", Sequence: 1, Field: 1}
		c.Prior, err = patient(v, party.Prior, mrg)
		if err == nil && c.Prior == "" {
			err = refuse(mrg, er7.UnknownKey, "the patient whose records are to go on under another is not known here")
		}
		return err
	})
	return c, err
}

// newPatient returns the id of a patient who is not known yet, if the message
// may bring one.
func (t *taking) newPatient(v *store.View, first mapping.Identifier, at er7.Position) (string, error) {
	if !slices.Contains(t.sender.NewPatients, t.header.Type) {
		return "", refuse(at, er7.UnknownKey, "the patient is not known here, and messages of this type do not bring new ones")
	}
	id := t.desk.id("Patient", first.System, first.Value)
	have, err := v.Current("Patient", id)
	switch {
	case fault.Is(err, fault.NotFound), err == nil && have.Deleted:
		return id, nil
	case err != nil:
		return "", err
	}
	// A message made this patient, and somebody took the identifier away.
	return "", refuse(at, er7.UnknownKey, "this identifier was a patient's once and is no longer")
}

// patient finds who has one of the identifiers, "" if nobody has. Whoever was
// merged into another is that one.
func patient(v *store.View, ids []mapping.Identifier, at er7.Position) (string, error) {
	var asked []string
	for _, id := range ids {
		asked = append(asked, escape(id.System)+"|"+escape(id.Value))
	}
	q, err := search.ParseQuery("Patient", url.Values{"identifier": {strings.Join(asked, ",")}}, search.Options{})
	if err != nil {
		return "", refuse(at, er7.DataType, "the patient's identifier cannot be looked up")
	}
	page, err := v.Search(q, nil)
	if err != nil {
		return "", err
	}
	found := ""
	for _, hit := range page.Hits {
		id, err := survivor(v, hit)
		if err != nil {
			return "", err
		}
		if found != "" && id != found {
			return "", refuse(at, er7.DuplicateKey, "the identifiers belong to several patients")
		}
		found = id
	}
	return found, nil
}

// escape writes a value as searches want it (FHIR R4 3.1.1.4.0.1).
func escape(s string) string {
	return strings.NewReplacer(`\`, `\\`, `,`, `\,`, `|`, `\|`, `$`, `\$`).Replace(s)
}

// survivor follows the link of a patient who was merged into another.
func survivor(v *store.View, hit store.Hit) (string, error) {
	index, err := hit.Load()
	if err != nil {
		return "", err
	}
	if !slices.ContainsFunc(index.Tokens, func(t search.Token) bool { return t.Param == "active" && t.Code == "false" }) {
		return hit.ID, nil
	}
	for _, r := range index.References {
		id, local := strings.CutPrefix(r.Target, "Patient/")
		if r.Param != "link" || !local || id == hit.ID {
			continue
		}
		other, err := v.Current("Patient", id)
		if err == nil && !other.Deleted {
			return id, nil
		}
		if err != nil && !fault.Is(err, fault.NotFound) {
			return "", err
		}
	}
	return hit.ID, nil
}

// compose makes of each entry the next version of its record, as the record is
// at this moment. written are the entries that change something.
func (t *taking) compose(ctx context.Context, actor identity.Actor, entries []mapping.Entry) (puts []record.Put, written []mapping.Entry, err error) {
	heads, err := t.heads(ctx, entries)
	if err != nil {
		return nil, nil, err
	}
	for i := range entries {
		put, err := t.next(ctx, actor, &entries[i], heads[i])
		if err != nil {
			return nil, nil, err
		}
		if put.Body != nil {
			puts, written = append(puts, put), append(written, entries[i])
		}
	}
	return puts, written, nil
}

// heads looks up which of the records are there.
func (t *taking) heads(ctx context.Context, entries []mapping.Entry) ([]store.Hit, error) {
	heads := make([]store.Hit, len(entries))
	err := t.desk.store.View(ctx, func(v *store.View) error {
		for i, e := range entries {
			head, err := v.Current(e.Type, e.ID)
			if err != nil && !fault.Is(err, fault.NotFound) {
				return err
			}
			if err == nil {
				heads[i] = head
			}
		}
		return nil
	})
	return heads, err
}

// next makes the next version of one record; one without a body if nothing is
// to be written.
func (t *taking) next(ctx context.Context, actor identity.Actor, e *mapping.Entry, head store.Hit) (put record.Put, err error) {
	put.Current = head.Version
	there := head.Version > 0 && !head.Deleted
	switch {
	case there && e.Mode == element.Keep, !there && e.Mode == element.Patch:
		return put, nil
	case !there || e.Mode == element.Replace:
		put.Body, err = e.Body()
		return put, err
	}
	have, err := t.desk.records.Read(ctx, actor, e.Type, e.ID)
	if err != nil {
		return put, err
	}
	put.Current = have.Version
	put.Body, err = e.Over(have.Raw)
	return put, err
}
