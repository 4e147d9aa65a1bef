package record

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"cairn/fhir/resource"
	"cairn/node/fault"
	"cairn/node/identity"
	"cairn/node/store"
)

// Expect is what a write requires of the record that it changes. The zero value
// requires nothing.
type Expect struct {
	Versions []uint64 // one of them must be current (If-Match); none: any. 0 stands for a tag that no version has
	Present  bool     // there must be such a record (If-Match: *)
	Absent   bool     // there must be no such record (If-None-Match: *)
}

// ReadExpect reads what If-Match and If-None-Match require of a write (RFC 9110
// 13.1.1): entity tags with commas between them or "*", and "*". Either may be "".
func ReadExpect(ifMatch, ifNoneMatch string) (e Expect, err error) {
	if e.Present = strings.TrimSpace(ifMatch) == "*"; ifMatch != "" && !e.Present {
		for _, tag := range strings.Split(ifMatch, ",") {
			version, ok := ReadTag(tag)
			if !ok && !isTag(tag) {
				return e, fault.New(fault.Invalid, "value", `If-Match must be the ETag of a version, such as W/"3"`)
			}
			e.Versions = append(e.Versions, version)
		}
	}
	if ifNoneMatch != "" && strings.TrimSpace(ifNoneMatch) != "*" {
		return e, fault.New(fault.Invalid, "value", "a write can require that there is no such record, with If-None-Match: *, and nothing else of that kind")
	}
	e.Absent = ifNoneMatch != ""
	return e, nil
}

// ReadTag reads the version out of an entity tag. A strong one is taken for the
// weak one that some clients make of it.
func ReadTag(text string) (uint64, bool) {
	inner, ok := strings.CutPrefix(strings.TrimPrefix(strings.TrimSpace(text), "W/"), `"`)
	inner, closed := strings.CutSuffix(inner, `"`)
	version, err := strconv.ParseUint(inner, 10, 63)
	return version, ok && closed && err == nil && version > 0
}

// isTag tells whether a text is an entity tag at all (RFC 9110 8.8.3).
func isTag(text string) bool {
	inner := strings.TrimPrefix(strings.TrimSpace(text), "W/")
	return len(inner) > 1 && inner[0] == '"' && strings.IndexByte(inner[1:], '"') == len(inner)-2
}

// check compares with the version that is current, 0 if there was none ever.
func (e Expect) check(version uint64, there bool) error {
	switch {
	case e.Absent && there:
		return fault.New(fault.Precondition, "exists", "there is such a record already").WithHint("leave out If-None-Match, or choose another id")
	case e.Present && !there:
		return fault.New(fault.Precondition, "conflict", "there is no such record").WithHint("leave out If-Match to create it")
	case len(e.Versions) > 0 && (version == 0 || !slices.Contains(e.Versions, version)):
		return fault.New(fault.Precondition, "conflict", "the record was changed since it was read").
			WithHint("read it again and repeat the change")
	}
	return nil
}

// CodeServerIDs is the code of the fault of an update that would create, where
// Rules.ServerIDs does not let it.
const CodeServerIDs = "server-ids"

func noClientIDs() error {
	return fault.New(fault.Unsupported, CodeServerIDs, "there is no such record, and this hospital chooses the ids of its records itself").
		WithHint("POST creates a record under an id that the answer tells")
}

// Update stores the next version of a record, or its first under the client's
// id (FHIR R4 3.1.0.4, update as create).
func (d *Desk) Update(ctx context.Context, actor identity.Actor, typ, id string, body []byte, expect Expect) (Version, error) {
	doc, err := d.readUpdate(ctx, actor, typ, body)
	if err != nil {
		return Version{}, err
	}
	if doc.ID() != id {
		return Version{}, fault.New(fault.Invalid, "invalid", "the id in the resource must be the id in the URL").
			WithHint("put the id of the URL into the resource").At(typ + ".id")
	}
	var w *draft
	err = d.repeat(ctx, func() (_ *batch, err error) {
		w, err = d.next(ctx, actor, doc, id, expect, nil)
		return single(w), err
	})
	if err != nil {
		return Version{}, err
	}
	return w.version, nil
}

func (d *Desk) readUpdate(ctx context.Context, actor identity.Actor, typ string, body []byte) (*resource.Doc, error) {
	if err := d.mayWrite(ctx, actor, "update", typ); err != nil {
		return nil, err
	}
	return parse(typ, body)
}

// UpdateWhere stores the next version of the record that a condition finds, or
// the first of a new one if it finds none (FHIR R4 3.1.0.4.3). If it finds
// several it fails with Precondition, and if the resource has another id than
// what was found, with Invalid.
func (d *Desk) UpdateWhere(ctx context.Context, actor identity.Actor, typ string, body []byte, c Condition, expect Expect) (Version, error) {
	doc, err := d.readUpdate(ctx, actor, typ, body)
	if err != nil {
		return Version{}, err
	}
	fresh := freshID()
	var w *draft
	err = d.repeat(ctx, func() (*batch, error) {
		m, err := d.meet(ctx, actor, c)
		if err != nil {
			return nil, err
		}
		w, err = d.nextOf(ctx, actor, doc, m, fresh, expect, nil)
		return single(w, m.still), err
	})
	if err != nil {
		return Version{}, err
	}
	return w.version, nil
}

// nextOf prepares the next version of what a condition found. fresh is the id
// of a new record.
func (d *Desk) nextOf(ctx context.Context, actor identity.Actor, doc *resource.Doc, m met, fresh string, expect Expect, with *among) (*draft, error) {
	id, err := m.target(doc, fresh)
	if err != nil {
		return nil, err
	}
	switch {
	case len(m.hits) == 1:
		return d.next(ctx, actor, doc, id, expect, with)
	case expect.Present || len(expect.Versions) > 0:
		return nil, expect.check(0, false)
	case id == fresh:
		return d.prepare(ctx, actor, doc, id, 1, with)
	}
	w, err := d.next(ctx, actor, doc, id, Expect{Absent: true}, with)
	if fault.Is(err, fault.Precondition) {
		err = fault.New(fault.Conflict, "conflict", "the condition finds nothing, but there is a record with the id that the resource has").
			WithHint("leave the id out, or update the record by its id").At(doc.Type() + ".id")
	}
	return w, err
}

// target returns the id of the record that a conditional update means.
func (m met) target(doc *resource.Doc, fresh string) (string, error) {
	switch {
	case len(m.hits) == 0 && doc.ID() == "":
		return fresh, nil
	case len(m.hits) == 0:
		return doc.ID(), nil
	case doc.ID() != "" && doc.ID() != m.hits[0].ID:
		return "", fault.New(fault.Invalid, "invalid", "the id in the resource is not that of the record that the condition finds").
			WithHint("leave the id out of the resource").At(doc.Type() + ".id")
	}
	return m.hits[0].ID, nil
}

func (d *Desk) head(ctx context.Context, typ, id string) (head store.Head, err error) {
	err = d.store.View(ctx, func(v *store.View) error {
		head, err = v.Head(typ, id)
		return err
	})
	return head, err
}
