package oauth

import (
	"context"
	"encoding/json"
	"time"

	"cairn/fhir/scope"
	"cairn/node/fault"
	"cairn/node/identity"
	"cairn/node/oauth/registration"
	"cairn/node/store"
	"cairn/proof"
)

// approved is what of an approval is sealed.
type approved struct {
	Scopes string `json:"scopes"`
}

// approval makes the row that remembers what a person allowed: all that was asked
// for, so that she is asked again for anything else.
func (d *Desk) approval(ctx context.Context, owner string, o *Offer, given scope.Set) (*store.Approval, error) {
	plain, err := json.Marshal(approved{given.String()})
	if err != nil {
		return nil, err
	}
	app := o.Asked.App.ID
	body, err := d.seal(ctx, "approval", owner+"\x00"+app, plain)
	return &store.Approval{Owner: owner, App: app, Body: body, Given: time.Now().UnixMilli()}, err
}

func (d *Desk) openApproval(ctx context.Context, row *store.Approval) (scope.Set, error) {
	plain, err := d.open(ctx, "approval", row.Owner+"\x00"+row.App, row.Body)
	if err != nil {
		return scope.Set{}, err
	}
	var a approved
	if err := json.Unmarshal(plain, &a); err != nil {
		return scope.Set{}, fault.Wrap(fault.Broken, "approval", "what was allowed to an app was altered or damaged", err)
	}
	return scope.Parse(a.Scopes)
}

// known tells whether a person allowed an app all of some scopes before. Apps that
// others on the same device could pass themselves off as are asked about each time
// (RFC 8252, 8.6).
func (d *Desk) known(ctx context.Context, a *Asked, who identity.Actor, asked scope.Set) (bool, error) {
	if a.Prompt == "consent" || a.app.Auth == registration.AuthNone && !secure(a.query.Get("redirect_uri")) {
		return false, nil
	}
	owner, err := d.Door.Owner(who)
	if err != nil {
		return false, err
	}
	all, err := d.approvals(ctx, owner)
	if err != nil {
		return false, err
	}
	for _, row := range all {
		if row.App != a.App.ID {
			continue
		}
		before, err := d.openApproval(ctx, row)
		return err == nil && scope.Intersect(asked, before).Normal() == asked.Normal(), err
	}
	return false, nil
}

func secure(redirect string) bool { return len(redirect) > 8 && redirect[:8] == "https://" }

func (d *Desk) approvals(ctx context.Context, owner string) (all []*store.Approval, err error) {
	err = d.Store.View(ctx, func(v *store.View) (err error) {
		all, err = v.Approvals(owner)
		return err
	})
	return all, err
}

// Allowed is an app that a person has let act for her.
type Allowed struct {
	App    registration.App
	Scopes scope.Set
	Given  time.Time
	Used   time.Time // when it had a token last; zero if it has no sign-in that lasts
	Until  time.Time // when it is over if it is not used; zero likewise
}

// Mine lists the apps that the person who asks has let act for her.
func (d *Desk) Mine(ctx context.Context, who identity.Actor) ([]Allowed, error) {
	owner, err := d.Door.Owner(who)
	if err != nil {
		return nil, err
	}
	all, err := d.approvals(ctx, owner)
	if err != nil {
		return nil, err
	}
	var families []store.Family
	err = d.Store.View(ctx, func(v *store.View) (err error) {
		families, err = v.Families(owner)
		return err
	})
	if err != nil {
		return nil, err
	}
	out := make([]Allowed, 0, len(all))
	for _, row := range all {
		app, err := d.find(ctx, row.App)
		if fault.Is(err, fault.NotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		one := Allowed{App: app.App, Given: time.UnixMilli(row.Given)}
		if one.Scopes, err = d.openApproval(ctx, row); err != nil {
			return nil, err
		}
		one.last(families)
		out = append(out, one)
	}
	return out, nil
}

// last notes when the app was used last, and until when it may go on.
func (a *Allowed) last(families []store.Family) {
	for _, f := range families {
		if f.App != a.App.ID || f.Over || f.Ends <= time.Now().UnixMilli() {
			continue
		}
		if t := time.UnixMilli(f.Used); t.After(a.Used) {
			a.Used = t
		}
		if t := time.UnixMilli(f.Ends); t.After(a.Until) {
			a.Until = t
		}
	}
}

// Stop takes back what the person who asks has let an app do: all its tokens are
// over at once. It fails with NotFound when there is nothing.
func (d *Desk) Stop(ctx context.Context, who identity.Actor, app string) error {
	owner, err := d.Door.Owner(who)
	if err != nil {
		return err
	}
	draft, err := d.note(proof.KindAppStopped, who, "stop", "app "+app)
	if err != nil {
		return err
	}
	return d.Store.Update(ctx, func(tx *store.Tx) error {
		there, err := tx.DeleteApproval(owner, app)
		if err == nil && !there {
			err = fault.New(fault.NotFound, "not-found", "there is no such app of yours")
		}
		if err != nil {
			return err
		}
		if err := tx.EndFamiliesOf(owner, app); err != nil {
			return err
		}
		return draft.Append(tx)
	})
}
