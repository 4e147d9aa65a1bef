package identity

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"time"

	"cairn/node/fault"
	"cairn/node/identity/provider"
	"cairn/node/store"
)

// Errand is what a browser is sent to the provider for.
type Errand struct {
	Return string // where it goes afterwards
	Role   string // in which of her roles; "" for her first
	Again  bool   // she is to sign in there anew
}

// errandLife is how long somebody may take to sign in at the provider.
const errandLife = 10 * time.Minute

// errand is what goes with the browser meanwhile, sealed.
type errand struct {
	provider.Pending
	Errand
	Until int64 `json:"until"` // Unix milliseconds
}

var errandBound = []byte("cairn/errand/v1\x00")

// ProviderReturn is the path to which the provider sends a browser back.
const ProviderReturn = "/signin/provider/return"

// HasProvider tells whether the hospital has an OpenID provider.
func (d *Door) HasProvider() bool { return d.provider != nil }

func (d *Door) errandName() string { return d.cookieName() + "-provider" }

// BeginProvider returns where to send a browser so that somebody signs in at the
// provider, and the cookie that it has to come back with.
func (d *Door) BeginProvider(ctx context.Context, e Errand) (to string, c *http.Cookie, err error) {
	if d.provider == nil {
		return "", nil, fault.New(fault.Unsupported, "provider-none", "this hospital has no other sign-in").WithHint("sign in with a passkey")
	}
	to, pending, err := d.provider.Begin(ctx, e.Again)
	if err != nil {
		return "", nil, err
	}
	plain, err := json.Marshal(errand{pending, e, time.Now().Add(errandLife).UnixMilli()})
	if err != nil {
		return "", nil, fault.Wrap(fault.Broken, "provider", "a sign-in cannot be begun", err)
	}
	c = d.Cookie(encode(d.box.Seal(plain, errandBound)))
	c.Name, c.MaxAge = d.errandName(), int(errandLife.Seconds())
	return to, c, nil
}

// NoErrand returns the cookie that takes that of BeginProvider away.
func (d *Door) NoErrand() *http.Cookie {
	c := d.NoCookie()
	c.Name = d.errandName()
	return c
}

// FinishProvider takes the request with which a browser comes back, once. It fails
// with Unauthenticated, in the same words whatever the reason, and with Busy when
// the provider does not answer.
func (d *Door) FinishProvider(r *http.Request) (*Proven, Errand, error) {
	if d.provider == nil {
		return nil, Errand{}, provider.Refused(errors.New("there is no provider"))
	}
	e, err := d.errandOf(r, time.Now())
	if err != nil {
		return nil, Errand{}, provider.Refused(err)
	}
	if first, err := d.first(r.Context(), &d.answered, "provider "+e.State, time.UnixMilli(e.Until), time.Now()); err != nil {
		return nil, Errand{}, err
	} else if !first {
		return nil, Errand{}, provider.Refused(errors.New("it came back twice"))
	}
	person, err := d.provider.Finish(r.Context(), e.Pending, r.URL.Query())
	if err != nil {
		return nil, Errand{}, err
	}
	p, err := d.vouchedByProvider(r.Context(), person, e.Role)
	return p, e.Errand, err
}

// errandOf opens the cookie that a browser comes back with.
func (d *Door) errandOf(r *http.Request, now time.Time) (e errand, err error) {
	cookies := r.CookiesNamed(d.errandName())
	if len(cookies) != 1 {
		return e, errors.New("another browser comes back")
	}
	sealed, err := decode(cookies[0].Value)
	if err != nil {
		return e, err
	}
	plain, err := d.box.Open(sealed, errandBound)
	if err == nil {
		err = json.Unmarshal(plain, &e)
	}
	if err == nil && now.UnixMilli() >= e.Until {
		err = errors.New("it took too long")
	}
	return e, err
}

// vouchedByProvider finds or makes the account of a person of the provider, as the
// provider says she is at this moment. Keep writes what is different.
func (d *Door) vouchedByProvider(ctx context.Context, person provider.Person, role string) (*Proven, error) {
	var old *Account
	err := d.store.View(ctx, func(v *store.View) (err error) {
		old, err = d.accountOf(v, person)
		return err
	})
	if err != nil {
		return nil, err
	}
	acc := described(person)
	p := &Proven{door: d, acc: &acc, at: time.Now(), unkept: true}
	if old != nil {
		acc.ID, acc.Disabled, acc.Changed = old.ID, old.Disabled, old.Changed
		p.unkept = !sameAccount(&acc, old)
	}
	if err := acc.Validate(); err != nil {
		return nil, provider.Refused(errors.Join(ErrAccount, err))
	}
	as := Assurance{Level: LevelProvider, At: p.at, Method: person.Method()}
	if !person.At.IsZero() && person.At.Before(p.at) {
		as.At = person.At
	}
	var ok bool
	if p.Actor, ok = d.staff(&acc, role, as); !ok {
		return nil, provider.Refused(ErrAccount)
	}
	return p, nil
}

// accountOf returns the account of a person of the provider, nil if there is none.
// It fails when the id that it would have is another's.
func (d *Door) accountOf(v *store.View, person provider.Person) (*Account, error) {
	row, err := v.AccountOf(d.providerHash(person.Issuer, person.Subject))
	if err == nil {
		acc, err := d.OpenAccount(row)
		return &acc, err
	}
	if !fault.Is(err, fault.NotFound) {
		return nil, err
	}
	switch _, err := v.Account(person.AccountID(validAccount)); {
	case fault.Is(err, fault.NotFound):
		return nil, nil
	case err != nil:
		return nil, err
	}
	return nil, provider.Refused(errors.New("her account's id is somebody else's"))
}

// described is the account that the provider's words make.
func described(person provider.Person) Account {
	acc := Account{ID: person.AccountID(validAccount), Name: clip(person.Name), Roles: person.Roles, Units: person.Units, Teams: person.Teams,
		Provider: person.Issuer, Subject: person.Subject}
	if acc.Name == "" {
		acc.Name = acc.ID
	}
	for _, ref := range person.Practitioner {
		if isReference(ref, "Practitioner", "PractitionerRole") {
			acc.Practitioner = append(acc.Practitioner, ref)
		}
	}
	return acc
}

func sameAccount(a, b *Account) bool {
	return a.Name == b.Name && slices.Equal(a.Roles, b.Roles) && slices.Equal(a.Units, b.Units) && slices.Equal(a.Teams, b.Teams) &&
		slices.Equal(a.Practitioner, b.Practitioner)
}

// Unkept tells whether the provider says of the person what her account does not.
func (p *Proven) Unkept() bool { return p.unkept }

// Account returns the account of one of the staff, nil for a patient.
func (p *Proven) Account() *Account { return p.acc }

// Keep writes the account as the provider says it is, which ends its sessions. It
// refuses when the account has changed since it was looked at.
func (p *Proven) Keep(tx *store.Tx) error {
	old, err := p.door.AccountIn(&tx.View, p.acc.ID)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return err
	}
	if old.Changed != p.acc.Changed { // 0 if there is none
		return provider.Refused(errors.New("her account changed meanwhile"))
	}
	kept, err := p.door.keepAccount(tx, *p.acc, p.at)
	if err == nil {
		p.kept = kept.Changed
	}
	return err
}

func encode(raw []byte) string { return base64.RawURLEncoding.EncodeToString(raw) }

func decode(text string) ([]byte, error) { return base64.RawURLEncoding.DecodeString(text) }
