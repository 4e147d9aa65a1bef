package record

import (
	"bytes"
	"context"
	"fmt"

	"cairn/consent"
	"cairn/node/evidence"
	"cairn/node/fault"
	"cairn/node/gate"
	"cairn/node/identity"
	"cairn/node/store"
	"cairn/node/vault"
)

// Read returns the current version of a record (FHIR R4 3.1.0.2).
func (d *Desk) Read(ctx context.Context, actor identity.Actor, typ, id string) (Version, error) {
	out, err := d.one(ctx, actor, "read", typ, id, 0)
	return out.Version, err
}

// ReadVersion returns a given version of a record (FHIR R4 3.1.0.3).
func (d *Desk) ReadVersion(ctx context.Context, actor identity.Actor, typ, id string, version uint64) (Version, error) {
	if version == 0 {
		return Version{}, missing()
	}
	out, err := d.one(ctx, actor, "vread", typ, id, version)
	return out.Version, err
}

// Evidence is a record version with what its proof needs.
type Evidence struct {
	Version
	vault.Opened
	Entry uint64 // index of the log entry that stored it
}

// Evidence opens a record version for a proof. It is a read like any other:
// decided by the gate, in the log first.
func (d *Desk) Evidence(ctx context.Context, actor identity.Actor, typ, id string, version uint64) (Evidence, error) {
	return d.one(ctx, actor, "evidence", typ, id, version)
}

// one reads one version; 0 means the current one.
func (d *Desk) one(ctx context.Context, actor identity.Actor, interaction, typ, id string, version uint64) (Evidence, error) {
	if err := d.Reach(ctx, actor, Wanted{Interaction: interaction, Type: typ, ID: id, Asked: typ + "/" + id}); err != nil {
		return Evidence{}, err
	}
	head, row, err := d.find(ctx, typ, id, version)
	if err != nil {
		return Evidence{}, err
	}
	pass, err := d.open(ctx, actor, interaction, head, row)
	if err != nil {
		return Evidence{}, err
	}
	opened, err := d.vault.Open(ctx, pass, pass.Refs()[0], row)
	if err != nil {
		return Evidence{}, err
	}
	return Evidence{Version: versionOf(row, opened.Raw, pass.Receipts()[0]), Opened: opened, Entry: row.Entry}, nil
}

// open asks the gate for one version that was found, and refuses one that says
// that the record was deleted.
func (d *Desk) open(ctx context.Context, actor identity.Actor, interaction string, head store.Hit, row *store.Version) (gate.Pass, error) {
	ask := gate.Ask{Interaction: interaction, Action: consent.Access, Type: row.Type, Subject: head.Subject, Query: fmt.Sprintf("%s/%s/_history/%d", row.Type, row.ID, row.Version)}
	shown := false
	pass, err := d.gate.Open(ctx, actor, ask, func(_ context.Context, allow gate.Allow) ([]gate.Record, error) {
		shown = false
		// An older version must be allowed by what it says itself and by what
		// the record says today: a later closure reaches it too.
		current := row.Version == head.Version || row.Deleted
		if !allow(nil, gate.Found(&head)) || !current && !allow(nil, gate.Older(row.Subject, row.Facets)) {
			return nil, nil
		}
		if head.Deleted && actor.Kind() == identity.Peer {
			return nil, nil
		}
		shown = true
		if row.Deleted {
			return nil, nil // there is nothing to open
		}
		return records(row)
	})
	if err != nil {
		return gate.Pass{}, unseen(actor, err)
	}
	if len(pass.Refs()) == 0 && shown {
		return gate.Pass{}, fault.New(fault.Gone, "deleted", "this record was deleted")
	}
	if len(pass.Refs()) == 0 {
		return gate.Pass{}, missing()
	}
	return pass, nil
}

// find looks a record up, with the sealed row of one version, 0 for the current
// one.
func (d *Desk) find(ctx context.Context, typ, id string, version uint64) (head store.Hit, row *store.Version, err error) {
	look := d.store.View
	if version == 0 {
		look = d.store.Once
	}
	err = look(ctx, func(v *store.View) error {
		if version == 0 {
			if head, row, err = v.CurrentVersion(typ, id); err != nil {
				return err
			}
			return agree(head, row)
		}
		if head, err = v.Current(typ, id); err != nil {
			return err
		}
		if row, err = v.Version(typ, id, version); err != nil {
			return err
		}
		return agree(head, row)
	})
	if fault.Is(err, fault.NotFound) {
		err = missing()
	}
	return head, row, err
}

// agree refuses a version whose row says another subject, or for the current
// version other facets, than the record's row, by which it was found.
func agree(head store.Hit, row *store.Version) error {
	same := head.Subject == row.Subject
	if row.Version == head.Version && !row.Deleted {
		same = same && bytes.Equal(head.Encoded, row.Encoded)
	}
	if !same {
		return fault.New(fault.Broken, "record-damaged", "this record was altered or damaged in the hospital's database, so it is not shown").
			WithHint("the operator should run `cairn scrub`, which names the row")
	}
	return nil
}

func records(row *store.Version) ([]gate.Record, error) {
	r, err := recordOf(row)
	if err != nil {
		return nil, err
	}
	return []gate.Record{r}, nil
}

// recordOf is what the gate has to know of a version.
func recordOf(row *store.Version) (gate.Record, error) {
	commitment, err := vault.Commitment(row.Body)
	return gate.Record{Ref: gate.Ref{Type: row.Type, ID: row.ID, Version: row.Version}, Subject: row.Subject, Facets: row.Facets, Commitment: commitment}, err
}

func versionOf(row *store.Version, raw []byte, receipt evidence.Receipt) Version {
	return Version{Type: row.Type, ID: row.ID, Version: row.Version, Updated: row.Updated, Raw: raw, Deleted: row.Deleted, Receipt: receipt}
}

// unseen hides from another hospital, and from another patient, whether a
// record that they may not see exists: the answer is that of a record that is
// not there.
func unseen(actor identity.Actor, err error) error {
	if f := fault.As(err); f != nil && f.Code == gate.RuleContext {
		return missing()
	}
	if (actor.Kind() == identity.Peer || actor.Kind() == identity.Patient) && fault.Is(err, fault.Refused) {
		return missing()
	}
	return err
}

func missing() error {
	return fault.New(fault.NotFound, "not-found", "there is no such record, or none that you may see")
}
