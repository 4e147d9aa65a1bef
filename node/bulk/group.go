package bulk

import (
	"context"
	"slices"

	"cairn/consent"
	"cairn/fhir/resource"
	"cairn/node/fault"
	"cairn/node/gate"
	"cairn/node/identity"
	"cairn/node/store"
	"cairn/node/vault"
)

// whose settles, when an export is asked for, whose records it is about: the
// members that the group has then, or those of them who are named.
func (d *Desk) whose(ctx context.Context, actor identity.Actor, r *Request) error {
	if r.Level == System && len(r.Patients) > 0 {
		return fault.New(fault.Invalid, "not-supported", "an export of everything does not name patients").
			WithHint("ask for Patient/$export or Group/[id]/$export").At("patient")
	}
	if r.Level != Group {
		return nil
	}
	ids, err := d.members(ctx, actor, r.Group)
	if err != nil {
		return err
	}
	for _, id := range r.Patients {
		if !slices.Contains(ids, id) {
			return fault.New(fault.Invalid, "value", "patient names somebody who is no member of the group").At("patient")
		}
	}
	if len(r.Patients) == 0 {
		r.Patients = ids
	}
	return nil
}

// members reads who is in the group, which is a read like any other.
func (d *Desk) members(ctx context.Context, actor identity.Actor, group string) ([]string, error) {
	var row *store.Version
	ask := gate.Ask{Interaction: "export", Action: consent.Access, Type: "Group", Query: "Group/" + group}
	pass, err := d.gate.Open(ctx, actor, ask, func(ctx context.Context, allow gate.Allow) (found []gate.Record, err error) {
		err = d.store.View(ctx, func(v *store.View) error {
			h, err := v.Current("Group", group)
			if err != nil || h.Deleted || !allow(v, gate.Found(&h)) {
				return err
			}
			if row, err = v.Version(h.Type, h.ID, h.Version); err != nil {
				return err
			}
			commitment, err := vault.Commitment(row.Body)
			found = []gate.Record{{Ref: gate.Ref{Type: row.Type, ID: row.ID, Version: row.Version}, Subject: row.Subject, Facets: row.Facets, Commitment: commitment}}
			return err
		})
		return found, err
	})
	if fault.Is(err, fault.NotFound) || err == nil && len(pass.Refs()) == 0 {
		return nil, fault.New(fault.NotFound, "not-found", "there is no such Group, or none that you may see")
	}
	if err != nil {
		return nil, err
	}
	opened, err := d.vault.Open(ctx, pass, pass.Refs()[0], row)
	if err != nil {
		return nil, err
	}
	doc, err := resource.Parse(opened.Raw, resource.Limits{})
	if err != nil {
		return nil, fault.Wrap(fault.Broken, "record-damaged", "the Group cannot be read", err)
	}
	return membersOf(doc), nil
}

// membersOf lists the local patients who are active members of a group, each
// once.
func membersOf(group *resource.Doc) []string {
	ids := []string{}
	for m := range group.Root().Get("member").Items() {
		reference, _ := m.Get("entity").Get("reference").Text()
		typ, id, local, ok := resource.Target(reference)
		if ok && local && typ == "Patient" && string(m.Get("inactive").Raw()) != "true" && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids
}
