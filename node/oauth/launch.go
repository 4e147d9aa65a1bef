package oauth

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"time"

	"github.com/ory/fosite"

	"cairn/fhir/resource"
	"cairn/node/fault"
	"cairn/node/identity"
	"cairn/node/oauth/registration"
	"cairn/node/store"
)

// Launch is what an EHR starts an app with (SMART App Launch 2.2, 2.0.4).
type Launch struct {
	App       string `json:"app,omitempty"`  // the app that it is for, "" for any
	User      string `json:"user,omitempty"` // the person that it is for, as the log names her; "" for any
	Patient   string `json:"patient,omitempty"`
	Encounter string `json:"encounter,omitempty"`
	Banner    bool   `json:"need_patient_banner"`
}

// Launch makes a launch for software of this hospital with the right to records. It
// is opaque, good once, for five minutes.
func (d *Desk) Launch(ctx context.Context, a identity.Actor, l Launch) (string, time.Duration, error) {
	own := a.Kind() == identity.System || a.Kind() == identity.Staff && !a.Personal()
	if !own || !a.May(identity.RightRecords) {
		return "", 0, fault.New(fault.Refused, "policy.launch", "only software that this hospital registered with the right `records` starts apps")
	}
	if err := d.sound(ctx, l); err != nil {
		return "", 0, err
	}
	return d.ticket(ctx, l)
}

// ticket keeps a launch.
func (d *Desk) ticket(ctx context.Context, l Launch) (string, time.Duration, error) {
	plain, err := json.Marshal(l)
	if err != nil {
		return "", 0, err
	}
	secret := rand.Text() + rand.Text()
	err = storage{d}.put(ctx, ticketLaunch, secret, "", time.Now().Add(launchLife), plain)
	return secret, launchLife, err
}

// maxStartable is how many apps a person is shown.
const maxStartable = 100

// Startable lists the apps that one of the staff who signed in here can start for a
// patient, by name: those that are registered with where an EHR starts them.
func (d *Desk) Startable(ctx context.Context, who identity.Actor) ([]registration.App, error) {
	if err := mayStart(who); err != nil {
		return nil, err
	}
	all, err := d.all(ctx)
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(a registration.App) bool { return a.Launch == "" || !a.ForPersons() })
	return all[:min(len(all), maxStartable)], nil
}

// Start starts an app for a patient, for the person who asks and nobody else, and
// returns where her browser goes (SMART App Launch 2.2, 2.0.4). The caller has read
// the patient's record in her name; what the app then reads is judged on its own.
func (d *Desk) Start(ctx context.Context, who identity.Actor, app, patient string) (string, error) {
	if err := mayStart(who); err != nil {
		return "", err
	}
	r, err := d.find(ctx, app)
	if err != nil {
		return "", err
	}
	to, err := url.Parse(r.Launch)
	if err != nil || r.Launch == "" || !r.ForPersons() {
		return "", noApp()
	}
	l := Launch{App: r.ID, User: who.Person(), Patient: patient, Banner: true}
	if err := d.sound(ctx, l); err != nil {
		return "", err
	}
	launch, _, err := d.ticket(ctx, l)
	if err != nil {
		return "", err
	}
	q := to.Query()
	q.Set("iss", d.Base())
	q.Set("launch", launch)
	to.RawQuery = q.Encode()
	return to.String(), nil
}

func mayStart(who identity.Actor) error {
	if who.Kind() != identity.Staff || !who.Personal() || who.Delegated() || !who.May(identity.RightRecords) {
		return fault.New(fault.Refused, "policy.launch", "apps are started by staff who see records, and who signed in here themselves")
	}
	return nil
}

// sound refuses a launch for what is not there.
func (d *Desk) sound(ctx context.Context, l Launch) error {
	for typ, id := range map[string]string{"Patient": l.Patient, "Encounter": l.Encounter} {
		if id == "" {
			continue
		}
		if !resource.ValidID(id) {
			return fault.New(fault.Invalid, "value", "an id has 1 to 64 letters, digits, hyphens and dots")
		}
		var head store.Head
		err := d.Store.View(ctx, func(v *store.View) (err error) {
			head, err = v.Head(typ, id)
			return err
		})
		if fault.Is(err, fault.NotFound) || err == nil && (head.Deleted || typ == "Encounter" && head.Subject != l.Patient) {
			return fault.New(fault.Invalid, "not-found", "the launch names a patient or an encounter that is not there, or not hers")
		}
		if err != nil {
			return err
		}
	}
	if l.App != "" {
		if _, err := d.find(ctx, l.App); err != nil {
			return err
		}
	}
	if len(l.User) > 200 {
		return fault.New(fault.Invalid, "value", "the user of a launch is named in at most 200 characters")
	}
	return nil
}

// launched returns the context of a launch, for the app and the person that it is
// for. It stays good until the app is let in.
func (d *Desk) launched(ctx context.Context, a *Asked, who identity.Actor) (Context, error) {
	t, plain, err := d.get(ctx, ticketLaunch, a.Launch)
	if errors.Is(err, fosite.ErrNotFound) || err == nil && t.Spent {
		return Context{}, d.refusal(a, "invalid_request", "The launch is unknown, used or over.")
	}
	if err != nil {
		return Context{}, err
	}
	var l Launch
	if err := json.Unmarshal(plain, &l); err != nil {
		return Context{}, err
	}
	if l.App != "" && l.App != a.App.ID || l.User != "" && l.User != who.Person() {
		return Context{}, d.refusal(a, "access_denied", "The launch is for another app or another person.")
	}
	return Context{Patient: l.Patient, Encounter: l.Encounter, Banner: l.Banner}, nil
}
