// Package account is the desk for how people get in: sign-in with a passkey or at
// the hospital's OpenID provider, the passkeys and sessions of a person. It is the
// same for patients and staff. What is done here is an event in the log, in the
// transaction in which it is done.
package account

import (
	"context"
	"errors"
	"net/http"
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
	door    *identity.Door
	journal *evidence.Journal
	store   *store.Store
	locks   Locks
}

// Locks keeps back a passkey of somebody who had passkeys before. A nil one keeps
// back none.
type Locks interface {
	Invited(tx *store.Tx, subject string, f identity.Fresh) (waits bool, err error)
}

// New makes the desk.
func New(door *identity.Door, j *evidence.Journal, st *store.Store, locks Locks) *Desk {
	return &Desk{door: door, journal: j, store: st, locks: locks}
}

// Entrance is where and how somebody comes in.
type Entrance struct {
	Device  string                // what it calls itself, for her list of sessions
	Instead func(*store.Tx) error // ends what the browser was signed in with before; nil for none
}

// also is what is written with a session: what Entrance asks for, that the
// passkey was used, and the event.
func (d *Desk) also(p *identity.Proven, e Entrance) ([]func(*store.Tx) error, error) {
	draft, err := d.journal.Draft(d.event(proof.KindSignIn, p.Actor, "signin", how(p.Actor.Assurance())))
	if err != nil {
		return nil, err
	}
	also := []func(*store.Tx) error{p.Touch, draft.Append}
	if e.Instead != nil {
		also = append(also, e.Instead)
	}
	return also, nil
}

// how says in the log how somebody signed in.
func how(a identity.Assurance) string {
	return strings.TrimSpace(a.Level.String() + " " + a.Method)
}

// SignIn checks a passkey and opens a browser session. It returns the session's
// secret, which Door.Cookie puts into an answer. It fails with Unauthenticated, in
// the same words whatever the reason.
func (d *Desk) SignIn(ctx context.Context, at identity.Attempt, e Entrance) (secret string, who identity.Actor, err error) {
	p, err := d.prove(ctx, at)
	if err != nil {
		return "", identity.Actor{}, err
	}
	return d.Enter(ctx, p, e)
}

// Enter opens a browser session for somebody who proved who she is.
func (d *Desk) Enter(ctx context.Context, p *identity.Proven, e Entrance) (secret string, who identity.Actor, err error) {
	also, err := d.also(p, e)
	if err != nil {
		return "", identity.Actor{}, err
	}
	secret, err = d.door.OpenSession(ctx, p.Actor, e.Device, also...)
	return secret, p.Actor, err
}

// Vouched opens a browser session for somebody for whom the hospital's OpenID
// provider vouches, in the request with which her browser comes back. Her account
// is made, or brought to what the provider says of her.
func (d *Desk) Vouched(r *http.Request, e Entrance) (secret string, errand identity.Errand, err error) {
	p, errand, err := d.door.FinishProvider(r)
	if err != nil {
		return "", errand, d.notLetIn(r.Context(), err)
	}
	if p.Unkept() {
		acc := p.Account()
		draft, err := d.journal.Draft(proof.Event{Kind: proof.KindStaffChanged, Time: time.Now().UnixMilli(), Actor: gate.Describe(p.Actor), Action: "provider",
			Allowed: true, Rule: "policy.provider", Detail: "account " + acc.ID + ", roles " + strings.Join(acc.Roles, " ") + ", as the hospital's OpenID provider says"})
		if err != nil {
			return "", errand, err
		}
		err = d.store.Update(r.Context(), func(tx *store.Tx) error {
			if err := p.Keep(tx); err != nil {
				return err
			}
			return draft.Append(tx)
		})
		if err != nil {
			return "", errand, err
		}
	}
	secret, _, err = d.Enter(r.Context(), p, e)
	return secret, errand, err
}

// Token checks a patient's passkey and opens a session for software of hers.
func (d *Desk) Token(ctx context.Context, at identity.Attempt, e Entrance) (identity.Token, error) {
	p, err := d.prove(ctx, at)
	if err != nil {
		return identity.Token{}, err
	}
	if p.Actor.Kind() != identity.Patient && p.Actor.Kind() != identity.Representative {
		return identity.Token{}, fault.New(fault.Refused, "policy.staff-token", "staff sign in to the hospital's software, not here").
			WithHint("sign in at /signin")
	}
	also, err := d.also(p, e)
	if err != nil {
		return identity.Token{}, err
	}
	return d.door.OpenToken(ctx, p.Actor, e.Device, also...)
}

// prove checks a passkey.
func (d *Desk) prove(ctx context.Context, at identity.Attempt) (*identity.Proven, error) {
	p, err := d.door.Prove(ctx, at)
	if err != nil {
		return nil, d.notLetIn(ctx, err)
	}
	return p, nil
}

// notLetIn logs who proved who she is and was not let in, and returns err. What
// strangers try is not logged: they could fill the log.
func (d *Desk) notLetIn(ctx context.Context, err error) error {
	if !errors.Is(err, identity.ErrAccount) {
		return err
	}
	draft, bad := d.journal.Draft(proof.Event{Kind: proof.KindSignInRefused, Time: time.Now().UnixMilli(), Actor: proof.Actor{Kind: proof.ActorStaff},
		Action: "signin", Rule: "account", Explanation: "The account is disabled, or has not the role."})
	if bad == nil {
		bad = d.store.Update(ctx, draft.Append)
	}
	if bad != nil {
		return bad
	}
	return err
}

// Register keeps the passkey of who holds a one-time code, using the code up. It
// returns the local id of a patient, "" for staff, and whether the passkey has to
// wait: that of a patient who had passkeys before counts when the time lock of her
// recovery has ended, so that who can issue codes cannot be her at once.
func (d *Desk) Register(ctx context.Context, response []byte, name string) (patient string, waits bool, err error) {
	checked, err := d.door.Register(response, name)
	if err != nil {
		return "", false, err
	}
	if d.locks != nil {
		checked.Wait = func(tx *store.Tx, subject string, f identity.Fresh) (bool, error) {
			var err error
			waits, err = d.locks.Invited(tx, subject, f)
			return waits, err
		}
	}
	var owner string
	err = d.store.Update(ctx, func(tx *store.Tx) error {
		if owner, err = checked.Keep(tx); err != nil {
			return err
		}
		if waits {
			return nil
		}
		return d.log(tx, registered(owner, checked))
	})
	if fault.Is(err, fault.Gone) || fault.Is(err, fault.NotFound) {
		return "", false, fault.Wrap(fault.Unauthenticated, "invitation", "this code is unknown, used or expired", err).WithHint("ask the hospital for a new one")
	}
	if strings.HasPrefix(owner, identity.StaffOwner("")) || identity.IsRelated(owner) {
		return "", false, err
	}
	return owner, waits, err
}

// registered is the event of a passkey that came with a code: whoever had it.
func registered(owner string, r *identity.Registration) proof.Event {
	ev := proof.Event{Kind: proof.KindPasskeyRegistered, Time: time.Now().UnixMilli(), Action: "register", Allowed: true, Rule: "policy.subject",
		Detail: kindOfKey(r)}
	if id, staff := strings.CutPrefix(owner, identity.StaffOwner("")); staff {
		ev.Actor, ev.Detail = proof.Actor{Kind: proof.ActorStaff}, "account "+id+", "+ev.Detail
		return ev
	}
	if identity.IsRelated(owner) {
		ev.Actor = proof.Actor{Kind: proof.ActorRepresentative}
		return ev
	}
	ev.Actor, ev.Subject = proof.Actor{Kind: proof.ActorPatient}, gate.PatientReference(owner)
	return ev
}

func kindOfKey(r *identity.Registration) string {
	if r.Synced() {
		return "may be copied between devices"
	}
	return "bound to its device"
}

// Add keeps one more passkey of a person who signed in with one just now.
func (d *Desk) Add(ctx context.Context, a identity.Actor, response []byte, name string) error {
	checked, err := d.door.RegisterMore(a, response, name)
	if err != nil {
		return err
	}
	return d.act(ctx, proof.KindPasskeyRegistered, a, "register", kindOfKey(checked), func(tx *store.Tx) error {
		_, err := checked.Keep(tx)
		return err
	})
}

// Rename gives a passkey of the person another name.
func (d *Desk) Rename(ctx context.Context, a identity.Actor, id, name string) error {
	return d.act(ctx, proof.KindPasskeyChanged, a, "rename", "", func(tx *store.Tx) error { return d.door.RenamePasskey(tx, a, id, name) })
}

// Remove removes a passkey of a person who signed in with one just now. The last
// one stays: it fails with Conflict.
func (d *Desk) Remove(ctx context.Context, a identity.Actor, id string) error {
	return d.act(ctx, proof.KindPasskeyRemoved, a, "remove", "", func(tx *store.Tx) error { return d.door.RemovePasskey(tx, a, id) })
}

// End ends a session of the person, such as the one in which she asks.
func (d *Desk) End(ctx context.Context, a identity.Actor, id string) error {
	return d.act(ctx, proof.KindSessionEnded, a, "end", "", func(tx *store.Tx) error { return d.door.EndSessionIn(tx, a, id) })
}

// EndOthers ends every session of the person but the one in which she asks.
func (d *Desk) EndOthers(ctx context.Context, a identity.Actor) error {
	return d.act(ctx, proof.KindSessionEnded, a, "end", "all others", func(tx *store.Tx) error { return d.door.EndOthersIn(tx, a) })
}

// act does something with what is hers, and logs it.
func (d *Desk) act(ctx context.Context, kind string, a identity.Actor, action, detail string, do func(*store.Tx) error) error {
	draft, err := d.journal.Draft(d.event(kind, a, action, detail))
	if err != nil {
		return err
	}
	return d.store.Update(ctx, func(tx *store.Tx) error {
		if err := do(tx); err != nil {
			return err
		}
		return draft.Append(tx)
	})
}

func (d *Desk) log(tx *store.Tx, ev proof.Event) error {
	draft, err := d.journal.Draft(ev)
	if err != nil {
		return err
	}
	return draft.Append(tx)
}

func (d *Desk) event(kind string, a identity.Actor, action, detail string) proof.Event {
	return proof.Event{
		Kind: kind, Time: time.Now().UnixMilli(), Actor: gate.Describe(a), Subject: gate.PatientReference(a.Patient()), Purpose: a.Purpose(),
		Action: action, Allowed: true, Rule: "policy.subject", Detail: detail,
	}
}
