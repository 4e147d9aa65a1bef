package gate

import (
	"context"
	"encoding/hex"
	"maps"
	"slices"

	"cairn/consent"
	"cairn/node/evidence"
	"cairn/node/store"
)

// use is a slip of which an access takes one use, and how many there are.
type use struct {
	commitment [32]byte
	limit      int64
}

// precise are the interactions that show records which the request names: what is
// missing tells nothing, so they take uses of what permits these alone.
var precise = []string{"read", "vread", "history-instance", "evidence", "explain"}

// uses adds the uses that an access takes about one patient, and says in which
// consent the first of them is.
func (v *verdicts) uses(d *consent.Decision, group group, into map[string]use) (first string) {
	var items []consent.Item
	if slices.Contains(precise, v.ask.Interaction) {
		items = make([]consent.Item, 0, len(group.records))
		for i := range group.records {
			items = append(items, Item(group.records[i].Facets))
		}
	}
	if !d.Allowed {
		return ""
	}
	refs := d.Filter.Counted(items)
	for _, ref := range refs {
		into[ref] = v.limits[ref]
	}
	if len(refs) == 0 {
		return ""
	}
	return refs[0]
}

// passedOn points each consent that is passed on to the one above it, if that is
// here.
func passedOn(grants []consent.Grant) {
	for i := range grants {
		ref, _ := grants[i].Terms.Under()
		if at := slices.IndexFunc(grants, func(g consent.Grant) bool { return g.Ref == ref }); at >= 0 && at != i {
			grants[i].Under = &grants[at]
		}
	}
}

// used notes how many uses of a slip are taken, and how many there are.
func (v *verdicts) used(view *store.View, h *held) (n int64, err error) {
	if h.terms.Uses() == 0 {
		return 0, nil
	}
	var commitment [32]byte
	if _, err := hex.Decode(commitment[:], []byte(h.ref)); err != nil {
		return 0, err
	}
	v.limits[h.ref] = use{commitment, h.terms.Uses()}
	err = within(v.ctx, v.gate.store.Once, view, func(view *store.View) (err error) {
		n, err = view.Used(commitment)
		return err
	})
	return n, err
}

// take appends entries of an access and takes its uses, in one transaction. It
// does neither when one of the consents has no use left, or when consents
// changed: then it is decided anew. So of accesses at the same time, in whichever
// processes of the hospital, just as many are allowed as there are uses; and a use
// whose answer is lost stays taken.
func (g *Gate) take(ctx context.Context, drafts []*evidence.Draft, v *verdicts, uses map[string]use) error {
	refs := slices.Sorted(maps.Keys(uses))
	return g.store.Update(ctx, func(tx *store.Tx) error {
		if v.outdated(tx.Epoch()) {
			return errChanged
		}
		for _, ref := range refs {
			if n, err := tx.Used(uses[ref].commitment); err != nil {
				return err
			} else if n >= uses[ref].limit {
				return errChanged
			}
		}
		for _, ref := range refs {
			if err := tx.TakeUse(uses[ref].commitment); err != nil {
				return err
			}
		}
		for _, d := range drafts {
			if err := d.Append(tx); err != nil {
				return err
			}
		}
		return nil
	})
}
