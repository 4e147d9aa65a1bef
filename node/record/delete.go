package record

import (
	"context"
	"time"

	"cairn/node/identity"
	"cairn/proof"
)

// Delete stores a version that says the record is deleted (FHIR R4 3.1.0.7).
// Deleting what is not there, or is deleted already, succeeds.
func (d *Desk) Delete(ctx context.Context, actor identity.Actor, typ, id string, expect Expect) (Version, error) {
	if err := d.mayWrite(ctx, actor, "delete", typ); err != nil {
		return Version{}, err
	}
	out := Version{Type: typ, ID: id, Deleted: true}
	var w *draft
	err := d.repeat(ctx, func() (_ *batch, err error) {
		w, err = d.nextDeleted(ctx, actor, typ, id, expect)
		return single(w), err
	})
	if err == nil && w != nil {
		out = w.version
	}
	return out, err
}

// DeleteWhere deletes what a condition finds: nothing, one record, or as many
// as Rules.DeleteMany lets it, all or none of them (FHIR R4 3.1.0.7.1). More
// are refused with Precondition. The answer holds a version for each.
func (d *Desk) DeleteWhere(ctx context.Context, actor identity.Actor, typ string, c Condition, expect Expect) ([]Version, error) {
	if err := d.mayWrite(ctx, actor, "delete", typ); err != nil {
		return nil, err
	}
	limit := max(1, d.rules.DeleteMany)
	var drafts []*draft
	err := d.repeat(ctx, func() (*batch, error) {
		drafts = nil
		m, err := d.meetUpTo(ctx, actor, c, limit)
		if err == nil && len(m.hits) > limit {
			err = severalMatch()
		}
		if err != nil || len(m.hits) == 0 {
			return nil, err
		}
		for _, h := range m.hits {
			w, err := d.nextDeleted(ctx, actor, typ, h.ID, expect)
			if err != nil {
				return nil, err
			}
			drafts = append(drafts, w)
		}
		return &batch{drafts: drafts, holds: []hold{m.still}}, nil
	})
	if err != nil {
		return nil, err
	}
	var out []Version
	for _, w := range drafts {
		if w != nil {
			out = append(out, w.version)
		}
	}
	return out, nil
}

// nextDeleted prepares the version that says deleted; nil if there is nothing
// to delete, or nothing that the actor may know of.
func (d *Desk) nextDeleted(ctx context.Context, actor identity.Actor, typ, id string, expect Expect) (*draft, error) {
	if known, err := d.knows(ctx, actor, "delete", name{typ, id}); err != nil || !known {
		return nil, err
	}
	head, err := d.head(ctx, typ, id)
	if err != nil {
		return nil, err
	}
	if head.Deleted {
		return nil, fasterElsewhere()
	}
	if err := expect.check(head.Version, true); err != nil {
		return nil, err
	}
	w := &draft{subject: head.Subject, expect: head.Version, version: Version{
		Type: typ, ID: id, Version: head.Version + 1, Updated: time.Now().UnixMilli(), Deleted: true,
	}}
	return w, d.seal(ctx, actor, w, proof.KindRecordDeleted, "delete")
}
