// Package staff is the desk for the hospital's own people: accounts (who may sign
// in here, in which roles, and by what records name her, her units and her teams)
// and claims (who says that she treats a patient). Every change is an event in the
// log; one of an account ends its sessions.
//
// Trust: who may change accounts can make himself one, and then reads what its
// role reads. He cannot do so unseen: the log says who made it, and it is not his
// own that he may change.
package staff

import (
	"context"
	"strings"
	"time"

	"cairn/node/evidence"
	"cairn/node/fault"
	"cairn/node/gate"
	"cairn/node/identity"
	"cairn/node/store"
	"cairn/proof"
)

// Desk does the work. Its methods are safe for concurrent use.
type Desk struct {
	home    string
	door    *identity.Door
	gate    *gate.Gate
	journal *evidence.Journal
	store   *store.Store
}

// New makes the desk of the member home.
func New(home string, door *identity.Door, g *gate.Gate, j *evidence.Journal, st *store.Store) *Desk {
	return &Desk{home: home, door: door, gate: g, journal: j, store: st}
}

// signedInWithin is how long ago a person who changes accounts may have signed in.
const signedInWithin = 15 * time.Minute

// may refuses who is neither the hospital's operator nor an administrator who
// signed in, just now, with a passkey that is bound to its device.
func (d *Desk) may(a identity.Actor) error {
	if a.Personal() && a.Has(identity.RightOperate) {
		if err := a.Assured(identity.LevelBound, signedInWithin); err != nil {
			return err
		}
	}
	if !a.May(identity.RightOperate) {
		return fault.New(fault.Refused, "policy.operate", "this needs the right to operate the node")
	}
	return nil
}

// Put makes an account, if its Changed is 0, or changes the one that was read as it
// was then. It fails with Conflict when there is one already, with Precondition
// when somebody else changed it since.
func (d *Desk) Put(ctx context.Context, actor identity.Actor, acc identity.Account) (identity.Account, error) {
	if err := d.may(actor); err != nil {
		return identity.Account{}, err
	}
	if err := acc.Validate(); err != nil {
		return identity.Account{}, err
	}
	if actor.Person() == d.home+"/"+acc.ID {
		return identity.Account{}, fault.New(fault.Refused, "policy.own-account", "nobody changes her own account").WithHint("another administrator does")
	}
	draft, err := d.journal.Draft(d.event(proof.KindStaffChanged, actor, said(acc)))
	if err != nil {
		return identity.Account{}, err
	}
	err = d.store.Update(ctx, func(tx *store.Tx) error {
		if err := d.as(tx, acc); err != nil {
			return err
		}
		if err := d.door.KeepAccount(tx, acc, time.Now()); err != nil {
			return err
		}
		return draft.Append(tx)
	})
	if err != nil {
		return identity.Account{}, err
	}
	return d.account(ctx, acc.ID)
}

// as compares an account with the one that is kept.
func (d *Desk) as(tx *store.Tx, acc identity.Account) error {
	old, err := d.door.AccountIn(&tx.View, acc.ID)
	switch {
	case fault.Is(err, fault.NotFound) && acc.Changed == 0:
		return nil
	case fault.Is(err, fault.NotFound):
		return noAccount()
	case err != nil:
		return err
	case acc.Changed == 0:
		return fault.New(fault.Conflict, "account-exists", "there is an account with this id already")
	case acc.Changed != old.Changed:
		return fault.New(fault.Precondition, "account-changed", "somebody else changed this account in the meantime").WithHint("read it again and repeat the change")
	}
	return nil
}

// said is what the log keeps of a change: the account as it is after it.
func said(a identity.Account) string {
	out := "account " + a.ID + ", roles " + strings.Join(a.Roles, " ")
	for _, part := range []struct {
		name string
		refs []string
	}{{"known as", a.Practitioner}, {"units", a.Units}, {"teams", a.Teams}} {
		if len(part.refs) > 0 {
			out += ", " + part.name + " " + strings.Join(part.refs, " ")
		}
	}
	if a.Provider != "" {
		out += ", of the hospital's OpenID provider"
	}
	if a.Disabled {
		out += ", disabled"
	}
	return out
}

// Entry is an account with the passkeys that it has.
type Entry struct {
	identity.Account
	Passkeys []identity.Passkey
}

// pageLength is how many accounts a List gives at once.
const pageLength = 100

// List returns accounts in the order of their ids, those above one.
func (d *Desk) List(ctx context.Context, actor identity.Actor, after string) (out []Entry, err error) {
	if err := d.may(actor); err != nil {
		return nil, err
	}
	err = d.store.View(ctx, func(v *store.View) error {
		rows, err := v.Accounts(after, pageLength)
		if err != nil {
			return err
		}
		for _, row := range rows {
			acc, err := d.door.OpenAccount(row)
			if err != nil {
				return err
			}
			keys, err := d.door.PasskeysIn(v, identity.StaffOwner(acc.ID))
			if err != nil {
				return err
			}
			out = append(out, Entry{acc, keys})
		}
		return nil
	})
	return out, err
}

func (d *Desk) account(ctx context.Context, id string) (acc identity.Account, err error) {
	err = d.store.View(ctx, func(v *store.View) (err error) {
		acc, err = d.door.AccountIn(v, id)
		return err
	})
	return acc, err
}

// Code makes a one-time code with which the person of an account registers a
// passkey. Whoever asks has seen that it is she.
func (d *Desk) Code(ctx context.Context, actor identity.Actor, id string) (in identity.Invitation, err error) {
	err = d.change(ctx, proof.KindInvitationIssued, actor, id, func(tx *store.Tx) (err error) {
		in, err = d.door.Invite(tx, identity.StaffOwner(id), time.Now())
		return err
	})
	return in, err
}

// End takes all passkeys, sessions and unused codes of an account away.
func (d *Desk) End(ctx context.Context, actor identity.Actor, id string) (passkeys int, err error) {
	err = d.change(ctx, proof.KindPasskeyRemoved, actor, id, func(tx *store.Tx) (err error) {
		passkeys, err = d.door.Shut(tx, identity.StaffOwner(id))
		return err
	})
	return passkeys, err
}

// change does something about an account that is there, and logs it.
func (d *Desk) change(ctx context.Context, kind string, actor identity.Actor, id string, do func(*store.Tx) error) error {
	if err := d.may(actor); err != nil {
		return err
	}
	draft, err := d.journal.Draft(d.event(kind, actor, "account "+id))
	if err != nil {
		return err
	}
	return d.store.Update(ctx, func(tx *store.Tx) error {
		acc, err := d.door.AccountIn(&tx.View, id)
		if fault.Is(err, fault.NotFound) {
			return noAccount()
		}
		if err != nil {
			return err
		}
		if acc.Disabled && kind == proof.KindInvitationIssued {
			return fault.New(fault.Conflict, "account-disabled", "this account is disabled")
		}
		if err := do(tx); err != nil {
			return err
		}
		return draft.Append(tx)
	})
}

func noAccount() error { return fault.New(fault.NotFound, "not-found", "there is no such account") }

func (d *Desk) event(kind string, actor identity.Actor, detail string) proof.Event {
	return proof.Event{
		Kind: kind, Time: time.Now().UnixMilli(), Actor: gate.Describe(actor), Action: "staff", Allowed: true, Rule: "policy.operate", Detail: detail,
	}
}
