package oauth

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/uuid"
	"github.com/ory/fosite"

	"cairn/node/fault"
	"cairn/node/gate"
	"cairn/node/identity"
	"cairn/node/oauth/registration"
	"cairn/node/store"
	"cairn/proof"
)

// maxApps bounds the register.
const maxApps = 10_000

// Add registers an app for the operator. It returns the app and its secret, "" for
// one that needs none; the secret is shown once.
func (d *Desk) Add(ctx context.Context, a identity.Actor, app registration.App) (registration.App, string, error) {
	if err := mayOperate(a); err != nil {
		return registration.App{}, "", err
	}
	app.Registrant = "the operator of this hospital"
	return d.add(ctx, gate.Describe(a), app)
}

// add keeps a new app under an id of its own.
func (d *Desk) add(ctx context.Context, who proof.Actor, app registration.App) (registration.App, string, error) {
	if err := app.Validate(); err != nil {
		return registration.App{}, "", err
	}
	if app.KeyURL != "" {
		if err := d.Fetch.Check(app.KeyURL); err != nil {
			return registration.App{}, "", registration.Bad("jwks_uri cannot be reached from here", "it is an https URL on the internet")
		}
	}
	now := time.Now()
	app.ID, app.Issued = uuid.NewString(), now.Unix()
	r, secret := &record{App: app}, ""
	if app.Auth == registration.AuthSecret {
		secret = rand.Text() + rand.Text() // 256 bits
		sum := hashOf(secret)
		r.Secret = sum[:]
	}
	plain, err := json.Marshal(r)
	if err != nil {
		return registration.App{}, "", fault.Wrap(fault.Broken, "app", "an app cannot be kept", err)
	}
	body, err := d.seal(ctx, "app", app.ID, plain)
	if err != nil {
		return registration.App{}, "", err
	}
	draft, err := d.Journal.Draft(proof.Event{Kind: proof.KindAppRegistered, Time: millis(now), Actor: who, Action: "register", Allowed: true, Rule: "policy.app",
		Detail: "app " + app.ID + " " + app.Name})
	if err != nil {
		return registration.App{}, "", err
	}
	err = d.Store.Update(ctx, func(tx *store.Tx) error {
		all, err := tx.Apps()
		if err != nil {
			return err
		}
		if len(all) >= maxApps {
			return fault.New(fault.Full, "too-many", "there are as many apps as can be registered").WithHint("remove those that nobody uses")
		}
		if err := tx.PutApp(&store.App{ID: app.ID, Body: body, Changed: millis(now)}); err != nil {
			return err
		}
		return draft.Append(tx)
	})
	return app, secret, err
}

// Remove takes an app out of the register. Whatever it was allowed is over at once.
func (d *Desk) Remove(ctx context.Context, a identity.Actor, id string) error {
	if err := mayOperate(a); err != nil {
		return err
	}
	draft, err := d.note(proof.KindAppRemoved, a, "remove", "app "+id)
	if err != nil {
		return err
	}
	return d.Store.Update(ctx, func(tx *store.Tx) error {
		there, err := tx.DeleteApp(id)
		if err == nil && !there {
			err = noApp()
		}
		if err != nil {
			return err
		}
		return draft.Append(tx)
	})
}

// Apps lists the register for the operator, by name.
func (d *Desk) Apps(ctx context.Context, a identity.Actor) ([]registration.App, error) {
	if err := mayOperate(a); err != nil {
		return nil, err
	}
	return d.all(ctx)
}

// all returns the register, by name.
func (d *Desk) all(ctx context.Context) ([]registration.App, error) {
	var rows []*store.App
	err := d.Store.View(ctx, func(v *store.View) (err error) {
		rows, err = v.Apps()
		return err
	})
	if err != nil {
		return nil, err
	}
	out := make([]registration.App, 0, len(rows))
	for _, row := range rows {
		r, err := d.unseal(ctx, row)
		if err != nil {
			return nil, err
		}
		out = append(out, r.App)
	}
	slices.SortFunc(out, func(a, b registration.App) int { return strings.Compare(a.Name+a.ID, b.Name+b.ID) })
	return out, nil
}

// find returns an app. It fails with NotFound.
func (d *Desk) find(ctx context.Context, id string) (*record, error) {
	var row *store.App
	err := d.Store.Once(ctx, func(v *store.View) (err error) {
		row, err = v.App(id)
		return err
	})
	if fault.Is(err, fault.NotFound) {
		return nil, noApp()
	}
	if err != nil {
		return nil, err
	}
	return d.unseal(ctx, row)
}

func noApp() error { return fault.New(fault.NotFound, "not-found", "there is no such app here") }

func (d *Desk) unseal(ctx context.Context, row *store.App) (*record, error) {
	plain, err := d.open(ctx, "app", row.ID, row.Body)
	if err != nil {
		return nil, err
	}
	r := new(record)
	if err := json.Unmarshal(plain, r); err != nil || r.ID != row.ID {
		return nil, fault.Wrap(fault.Broken, "app", "a registered app was altered or damaged", err)
	}
	return r, nil
}

// register is the desk as the door consults it.
type register struct{ desk *Desk }

// Software is identity.Register's.
func (r register) Software(ctx context.Context, id string) (identity.Software, error) {
	app, err := r.desk.find(ctx, id)
	if err != nil {
		return identity.Software{}, err
	}
	return identity.Software{ID: app.ID, Name: app.Name, KeyURL: app.KeyURL, Alone: app.Alone(), Scopes: app.Allowed(), Purpose: app.Purpose}, nil
}

// Keys is identity.Register's.
func (r register) Keys(ctx context.Context, id, keyID string) ([]jose.JSONWebKey, error) {
	app, err := r.desk.find(ctx, id)
	if err != nil {
		return nil, err
	}
	return r.desk.keysOf(ctx, app, keyID)
}

// errClient is the one answer to an app that did not authenticate itself, whatever
// the reason is.
var errClient = fosite.ErrInvalidClient.WithHint("authenticate as the app is registered: client_id alone, HTTP Basic, or a client assertion")

// authenticate is identify for the token endpoint.
func (d *Desk) authenticate(ctx context.Context, r *http.Request, form url.Values) (fosite.Client, error) {
	c, err := d.identify(ctx, r, form)
	if err != nil {
		return nil, err
	}
	if c.app == nil || !c.app.ForPersons() {
		return nil, errClient
	}
	return client{c.app}, nil
}

// caller is who sent a request, as it has proved.
type caller struct {
	id  string
	app *record // nil: it is software of this hospital
	own bool    // it is this hospital's own, and may see records
}

// identify finds who sends a request, and has it prove that it is the one: an app in
// one way, and in the one that it is registered for.
func (d *Desk) identify(ctx context.Context, r *http.Request, form url.Values) (caller, error) {
	id, secret, basic := r.BasicAuth()
	assertion := form.Get("client_assertion")
	method := registration.AuthNone
	switch {
	case basic && assertion != "" || form.Get("client_secret") != "" || len(form["client_assertion"]) > 1:
		return caller{}, errClient
	case assertion != "":
		if form.Get("client_assertion_type") != AssertionType {
			return caller{}, errClient
		}
		asserted, err := d.Door.Assert(ctx, assertion)
		if fault.Is(err, fault.Unauthenticated) {
			return caller{}, errClient.WithWrap(err)
		}
		if err != nil {
			return caller{}, err
		}
		if !asserted.App {
			return caller{id: asserted.ID, own: asserted.Own}, nil
		}
		id, method = asserted.ID, registration.AuthKey
	case basic:
		var err error
		if id, secret, err = unescaped(id, secret); err != nil {
			return caller{}, errClient
		}
		method = registration.AuthSecret
	case form.Get("client_id") == "" && form.Get("grant_type") == registration.GrantRefresh:
		var err error
		if id, err = d.namedBy(ctx, form.Get("refresh_token")); err != nil {
			return caller{}, err
		}
	default:
		id = form.Get("client_id")
	}
	if named := form.Get("client_id"); named != "" && named != id {
		return caller{}, errClient
	}
	app, err := d.find(ctx, id)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return caller{}, err
	}
	if err != nil {
		app = &record{Secret: make([]byte, 32)} // as much work for one that is not there
	}
	sum := hashOf(secret)
	same := subtle.ConstantTimeCompare(app.Secret, sum[:]) == 1
	if err != nil || app.Auth != method || method == registration.AuthSecret && !same {
		return caller{}, errClient
	}
	return caller{id: app.ID, app: app}, nil
}

// namedBy returns the id of the app that a refresh token was given to, "" for none:
// apps without a secret need not say who they are when they refresh (RFC 6749,
// 3.2.1), and some do not.
func (d *Desk) namedBy(ctx context.Context, refresh string) (string, error) {
	_, signature, _ := strings.Cut(refresh, ".")
	request, _, err := storage{d}.getRequest(ctx, ticketRefresh, signature)
	if errors.Is(err, fosite.ErrNotFound) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	return request.GetClient().GetID(), nil
}

// AssertionType is the client_assertion_type of RFC 7523, 2.2.
const AssertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// unescaped reads what HTTP Basic carries (RFC 6749, 2.3.1).
func unescaped(id, secret string) (string, string, error) {
	a, err := url.QueryUnescape(id)
	if err != nil {
		return "", "", err
	}
	b, err := url.QueryUnescape(secret)
	return a, b, err
}
