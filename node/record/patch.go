package record

import (
	"cmp"
	"context"
	"errors"

	"cairn/fhir/patch"
	"cairn/fhir/resource"
	"cairn/node/fault"
	"cairn/node/identity"
	"cairn/node/store"
)

// The media types of patches (FHIR R4 3.1.0.5). A FHIRPath Patch is a
// Parameters resource.
const (
	JSONPatch     = "application/json-patch+json"
	FHIRPathPatch = "application/fhir+json"
)

// Change is a patch, read.
type Change struct {
	apply func(doc []byte) ([]byte, error)
}

// NewChange reads a patch of one of the media types. It fails with Unsupported
// for any other, and with Invalid for Parameters that cannot be read. Whether it
// is a sound patch shows when it is applied.
func NewChange(media string, body []byte) (Change, error) {
	switch media {
	case JSONPatch:
		return Change{func(doc []byte) ([]byte, error) { return patch.JSON(doc, body) }}, nil
	case FHIRPathPatch:
		params, err := parse("", body)
		if err != nil {
			return Change{}, err
		}
		if params.Type() != "Parameters" {
			return Change{}, fault.New(fault.Invalid, "invalid", "a FHIRPath Patch is a Parameters resource").
				WithHint("send one, or a JSON Patch as " + JSONPatch).At("resourceType")
		}
		return Change{func(doc []byte) ([]byte, error) { return patch.FHIRPath(doc, params) }}, nil
	}
	return Change{}, fault.New(fault.Unsupported, "content-type", "a patch cannot be of this media type").
		WithHint("send " + JSONPatch + " or " + FHIRPathPatch)
}

// Patch changes the current version of a record and stores what comes out as
// the next one (FHIR R4 3.1.0.5). Reading it is decided and logged like any
// other read. What the patch does not touch keeps its bytes.
func (d *Desk) Patch(ctx context.Context, actor identity.Actor, typ, id string, change Change, expect Expect) (Version, error) {
	return d.patch(ctx, actor, typ, change, expect, func() (met, error) { return d.current(ctx, actor, typ, id) })
}

// PatchWhere is Patch of the one record that a condition finds. That it finds
// none is NotFound, that it finds several Precondition.
func (d *Desk) PatchWhere(ctx context.Context, actor identity.Actor, typ string, change Change, c Condition, expect Expect) (Version, error) {
	return d.patch(ctx, actor, typ, change, expect, func() (met, error) { return d.meet(ctx, actor, c) })
}

func (d *Desk) patch(ctx context.Context, actor identity.Actor, typ string, change Change, expect Expect, read func() (met, error)) (Version, error) {
	if err := d.mayWrite(ctx, actor, "patch", typ); err != nil {
		return Version{}, err
	}
	var w *draft
	err := d.repeat(ctx, func() (*batch, error) {
		m, err := read()
		if err != nil {
			return nil, err
		}
		w, err = d.nextPatched(ctx, actor, m, change, expect, nil)
		return single(w, m.holds()...), err
	})
	if err != nil {
		return Version{}, err
	}
	return w.version, nil
}

// current is a met that stands for one record by its id, which is to be changed.
// One that the actor may not see is not found.
func (d *Desk) current(ctx context.Context, actor identity.Actor, typ, id string) (met, error) {
	if err := d.Reach(ctx, actor, Wanted{Interaction: "read", Type: typ, ID: id, Asked: typ + "/" + id}); err != nil {
		return met{}, err
	}
	head, row, err := d.find(ctx, typ, id, 0)
	if fault.Is(err, fault.NotFound) {
		_, logged := d.knows(ctx, actor, "patch", name{typ, id})
		err = cmp.Or(logged, err)
	}
	if err != nil {
		return met{}, err
	}
	m := met{hits: []store.Hit{head}, rows: []*store.Version{row}}
	m.pass, err = d.open(ctx, actor, "read", head, row)
	if fault.Is(err, fault.Refused) {
		err = missing()
	}
	return m, err
}

// nextPatched prepares the version that a patch makes of what was read.
func (d *Desk) nextPatched(ctx context.Context, actor identity.Actor, m met, change Change, expect Expect, with *among) (*draft, error) {
	if len(m.hits) == 0 {
		return nil, missing()
	}
	have := m.hits[0]
	if err := expect.check(have.Version, true); err != nil {
		return nil, err
	}
	was, err := d.show(ctx, m)
	if err != nil {
		return nil, err
	}
	raw, err := change.apply(was.Raw)
	if err != nil {
		return nil, inapplicable(err)
	}
	doc, err := resource.Parse(raw, resource.Limits{})
	if err != nil {
		return nil, Invalid(err)
	}
	w, err := d.next(ctx, actor, doc, have.ID, Expect{}, with)
	if err != nil {
		return nil, unfit(err)
	}
	if w.expect != have.Version {
		return nil, fasterElsewhere()
	}
	return w, nil
}

// unfit says of what a patch would make that it is no resource.
func unfit(err error) error {
	if many, ok := err.(findings); ok { //nolint:errorlint // only what structure gave
		out := make(findings, len(many))
		for i, one := range many {
			out[i] = unfit(one)
		}
		return out
	}
	f := *fault.As(err)
	if f.Kind == fault.Invalid {
		f.Kind = fault.Unprocessable
	}
	return &f
}

// inapplicable turns an error of the patch room into a fault.
func inapplicable(err error) error {
	var e *patch.Error
	if !errors.As(err, &e) {
		return fault.Wrap(fault.Invalid, "invalid", "the patch cannot be applied", err)
	}
	kind := fault.Unprocessable
	switch e.Reason {
	case patch.Malformed:
		kind = fault.Invalid
	case patch.Costly:
		kind = fault.TooLarge
	}
	return fault.New(kind, e.Code, e.Error()).At(e.Expression)
}
