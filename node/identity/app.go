package identity

import (
	"context"
	"crypto"
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"cairn/fhir/scope"
	"cairn/node/fault"
	"cairn/node/store"
)

// Software is an app of the register, as this station needs it.
type Software struct {
	ID, Name string
	KeyURL   string    // where its public keys are kept, "" for keys that were registered themselves
	Alone    bool      // it may sign in for itself (SMART Backend Services)
	Scopes   scope.Set // that it may have at most
	Purpose  string    // v3-PurposeOfUse code of what it does alone
}

// Register finds the apps that are registered beside the clients of the
// configuration; node/oauth has it.
type Register interface {
	// Software fails with NotFound.
	Software(ctx context.Context, id string) (Software, error)
	// Keys are the public keys by which an app signs assertions. keyID names one
	// that must be among them: where they are kept elsewhere, they are fetched anew
	// if it is not. "" is any.
	Keys(ctx context.Context, id, keyID string) ([]jose.JSONWebKey, error)
}

// Consult has the door know the apps of a register. It is called once, before
// the first request.
func (d *Door) Consult(r Register) { d.register = r }

// software looks an app up, and says whether there is one.
func (d *Door) software(ctx context.Context, id string) (s Software, found bool, err error) {
	if d.register == nil || id == "" {
		return s, false, nil
	}
	s, err = d.register.Software(ctx, id)
	if fault.Is(err, fault.NotFound) {
		return s, false, nil
	}
	return s, err == nil, err
}

// softwareKeys are those of an app that may have signed an assertion with this
// header.
func (d *Door) softwareKeys(ctx context.Context, issuer string, h jose.Header, out *signed) ([]crypto.PublicKey, error) {
	s, found, err := d.software(ctx, issuer)
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, denied("unknown-client", nil)
	}
	// The header may say where the keys are only if that is where they are (SMART
	// App Launch 2.2, 4.3.2).
	if at, named := h.ExtraHeaders["jku"]; named && (s.KeyURL == "" || at != s.KeyURL) {
		return nil, denied("key", errors.New("the header names another place of keys"))
	}
	out.software = &s
	all, err := d.register.Keys(ctx, issuer, h.KeyID)
	if err != nil {
		return nil, err
	}
	var keys []crypto.PublicKey
	for _, k := range all {
		if h.KeyID == "" || k.KeyID == "" || k.KeyID == h.KeyID {
			keys = append(keys, k.Key)
		}
	}
	return keys, nil
}

// alone is the actor of an app that signs in for itself.
func (s signed) alone(home string) (Actor, error) {
	app := s.software
	if !app.Alone {
		return Actor{}, denied("grant", errors.New("the app acts for persons only"))
	}
	a := Actor{kind: System, organisation: home, client: app.ID, name: app.Name, rights: softwareRights, purpose: app.Purpose}
	if b := s.claims.Extensions.B2B; b != nil {
		if b.Version != "1" || b.OrganizationID != home || b.SubjectID != "" || b.SubjectName != "" || b.SubjectRole != "" {
			return Actor{}, denied("person", errors.New("an app of the register vouches for nobody"))
		}
		if len(b.PurposeOfUse) != 1 || b.PurposeOfUse[0] != app.Purpose {
			return Actor{}, denied("purpose", errors.New("an app of the register has the purpose that it was registered for"))
		}
	}
	all := app.Scopes.Only(scope.System)
	if len(all.Scopes()) == 0 {
		return Actor{}, denied("scope", errors.New("the app is registered with no scope for itself"))
	}
	a.scopes = &all
	return a, nil
}

// softwareRights are those of an app of the register; its scopes are narrower.
var softwareRights = []Right{RightRecords}

// clientOf returns the registration of software that signs in for itself, of the
// configuration or of the register.
func (d *Door) clientOf(ctx context.Context, id string) (registered, bool) {
	if c, ok := d.clients[id]; ok {
		return c, true
	}
	s, found, err := d.software(ctx, id)
	if err != nil || !found || !s.Alone {
		return registered{}, false
	}
	return registered{Client: Client{ID: s.ID, Name: s.Name, Rights: softwareRights}}, true
}

// Asserted is software that authenticated itself with a client assertion.
type Asserted struct {
	ID  string
	App bool // it is of the register
	Own bool // it is this hospital's own, of the configuration, and may see records
}

// Assert checks the client assertion (RFC 7523 2.2) with which software
// authenticates itself where it does not sign in. Each assertion is good once. It
// fails with Unauthenticated.
func (d *Door) Assert(ctx context.Context, assertion string) (Asserted, error) {
	s, err := d.verified(ctx, assertion, time.Now())
	if err != nil {
		return Asserted{}, err
	}
	out := Asserted{ID: s.claims.Issuer, App: s.software != nil}
	out.Own = s.client != nil && slices.Contains(s.client.Rights, RightRecords)
	return out, nil
}

// Delegation is what a person let an app do for her.
type Delegation struct {
	App, Name string    // of the app
	Scopes    scope.Set // what it was given
	Context   string    // the patient in the launch context, "" for none
	Family    string    // of what its tokens stand on
	Key       string    // thumbprint of the key that its tokens are bound to, "" for bearer tokens
}

// Delegate returns the actor of an app that acts for a person who is signed in.
// It fails with Refused for anybody else, such as who acts for a patient by a
// mandate, and for another patient in the context of a patient.
func (d *Door) Delegate(a Actor, g Delegation) (Actor, error) {
	if _, err := d.ownerOf(a); err != nil || a.delegated || a.kind != Patient && a.kind != Staff {
		return Actor{}, fault.New(fault.Refused, "policy.app", "only a person who is signed in herself can let an app act for her")
	}
	if a.kind == Patient && g.Context != "" && g.Context != a.patient {
		return Actor{}, fault.New(fault.Refused, "policy.own-records", "a patient's app sees her own records only")
	}
	a.client, a.through, a.scopes, a.context, a.family, a.key = g.App, g.Name, &g.Scopes, g.Context, g.Family, g.Key
	a.delegated, a.session, a.rights = true, "", appRights(a.rights)
	return a, nil
}

// appRights are those of a person's rights that an app of hers may have: to read
// and write records.
func appRights(all []Right) (some []Right) {
	for _, r := range all {
		if r == RightRecords || r == RightRead {
			some = append(some, r)
		}
	}
	return some
}

// standingApp returns an app that acts for a person with the person's rights of
// this moment, unless what its tokens stand on is over.
func (d *Door) standingApp(ctx context.Context, a Actor) (Actor, bool) {
	owner, err := d.ownerOf(a)
	if err != nil || a.organisation != d.member {
		return Actor{}, false
	}
	var f store.Family
	err = d.store.Once(ctx, func(v *store.View) (err error) {
		f, err = v.Family(a.family)
		return err
	})
	if err != nil || f.Over || f.Owner != owner || f.App != a.client || time.Now().UnixMilli() >= f.Ends {
		return Actor{}, false
	}
	if a.kind == Staff {
		var ok bool
		if a, ok = d.standingStaff(a); !ok {
			return Actor{}, false
		}
	}
	a.rights = appRights(a.rights)
	return a, true
}

// appMark begins the access tokens of apps that act for persons.
const appMark = "app."

var appBound = []byte("cairn/app/v1\x00")

// IssueApp makes an access token for an app that acts for a person. It holds all
// it says, sealed; what it stands on is looked up at every use.
func (d *Door) IssueApp(a Actor, life time.Duration) (Token, error) {
	if !a.delegated {
		return Token{}, fault.New(fault.Broken, "token", "this token is for apps that act for persons")
	}
	plain, err := json.Marshal(mintUntil(a, time.Now().Add(life).UnixMilli()))
	if err != nil {
		return Token{}, fault.Wrap(fault.Broken, "token", "an access token cannot be made", err)
	}
	return Token{Access: appMark + base64.RawURLEncoding.EncodeToString(d.box.Seal(plain, appBound)), Expires: life, Actor: a}, nil
}

// appToken opens the access token of an app.
func (d *Door) appToken(ctx context.Context, access string, now time.Time) (a Actor, ends time.Time, err error) {
	m, ok := d.opened.open(d.box, strings.TrimPrefix(access, appMark), appBound)
	if !ok || !m.Delegated || now.UnixMilli() >= m.Expires {
		return Actor{}, ends, badToken()
	}
	if a, ok = d.stands(ctx, m.actor()); !ok {
		return Actor{}, ends, badToken()
	}
	return a, time.UnixMilli(m.Expires), nil
}

// softwareToken opens the access token of software that signed in for itself.
func (d *Door) softwareToken(ctx context.Context, access string) (Actor, time.Time, error) {
	a, ends, err := d.sessions.find(ctx, access, time.Now())
	if err != nil {
		return a, ends, err
	}
	if _, known := d.clientOf(ctx, a.client); a.kind == System && !known {
		return Actor{}, ends, badToken() // an app that is not registered any more
	}
	return a, ends, nil
}

// Inspect returns whose an access token is, and until when it works: of software,
// or of an app that acts for a person. Whoever asks need not prove that the token is
// his. It fails with Unauthenticated for any other token.
func (d *Door) Inspect(ctx context.Context, access string) (Actor, time.Time, error) {
	switch {
	case strings.HasPrefix(access, appMark):
		return d.appToken(ctx, access, time.Now())
	case strings.HasPrefix(access, bearerMark):
		return Actor{}, time.Time{}, badToken()
	}
	return d.softwareToken(ctx, access)
}

// Forget ends an access token of software that signed in for itself, at once and at
// every process. One that is over, or not that software's, is no error.
func (d *Door) Forget(ctx context.Context, access, client string) error {
	a, ends, err := d.softwareToken(ctx, access)
	if fault.Is(err, fault.Unauthenticated) || err == nil && a.client != client {
		return nil
	}
	if err != nil {
		return err
	}
	return d.sessions.forget(ctx, access, ends, time.Now())
}

func familyBound(family string) []byte { return append([]byte("cairn/family/v1\x00"), family...) }

// KeepApp seals an app that acts for a person, so that it can go on without her:
// what a refresh token stands for.
func (d *Door) KeepApp(a Actor) ([]byte, error) {
	plain, err := json.Marshal(mintUntil(a, 0))
	if err != nil || !a.delegated {
		return nil, fault.Wrap(fault.Broken, "standing", "an app's sign-in cannot be kept", err)
	}
	return d.box.Seal(plain, familyBound(a.family)), nil
}

// KeptApp opens what KeepApp sealed for a family: the app as it stands at this
// moment. It fails with Unauthenticated when the family is over, or the person
// could not sign in any more (InForce).
func (d *Door) KeptApp(ctx context.Context, sealed []byte, family string) (Actor, error) {
	plain, err := d.box.Open(sealed, familyBound(family))
	if err != nil {
		return Actor{}, brokenStanding(err)
	}
	var m minted
	if err := json.Unmarshal(plain, &m); err != nil || m.Family != family {
		return Actor{}, brokenStanding(err)
	}
	a, ok := d.stands(ctx, m.actor())
	if !ok {
		return Actor{}, badToken()
	}
	return a, d.InForce(ctx, a)
}

// Owner returns how the store names a person who is signed in, or for whom an app
// acts, as the owner of what is hers.
func (d *Door) Owner(a Actor) (string, error) { return d.ownerOf(a) }

// FHIRUser returns the reference to the resource that stands for the person
// (fhirUser, SMART App Launch 2.2, 3.1.4), "" if there is none.
func (a Actor) FHIRUser() string {
	if a.kind == Patient {
		return "Patient/" + a.patient
	}
	parties := a.Parties()
	if i := slices.IndexFunc(parties, func(ref string) bool { return strings.HasPrefix(ref, "Practitioner/") }); i >= 0 {
		return parties[i]
	}
	return ""
}

// Derive returns a secret of the hospital for a use: the same at every process, and
// nowhere in the clear.
func (d *Door) Derive(use string) [32]byte { return [32]byte(d.keyed("derive", use)) }

// Pairwise returns the identifier of a person for one app: it is the same each
// time, and says nothing to anybody else (OpenID Connect Core 1.0, 8.1).
func (d *Door) Pairwise(owner, app string) string {
	return base64.RawURLEncoding.EncodeToString(d.keyed("pairwise", app+"\x00"+owner))
}

// Seal seals something small that a browser carries from page to page, for a use.
func (d *Door) Seal(use string, plain []byte) string {
	return base64.RawURLEncoding.EncodeToString(d.box.Seal(plain, append([]byte("cairn/carried/v1\x00"), use...)))
}

// Unseal opens what Seal sealed for the same use. It fails with Invalid.
func (d *Door) Unseal(use, text string) ([]byte, error) {
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err == nil {
		raw, err = d.box.Open(raw, append([]byte("cairn/carried/v1\x00"), use...))
	}
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, "carried", "what the page sent is not what it was given", err).WithHint("start again")
	}
	return raw, nil
}

// Narrow returns an app that acts for a person, held to scopes within those that it
// has.
func (d *Door) Narrow(a Actor, to scope.Set) (Actor, error) {
	if !a.delegated || a.scopes == nil {
		return Actor{}, fault.New(fault.Broken, "narrow", "only an app that acts for a person is narrowed")
	}
	both := scope.Intersect(to, *a.scopes)
	a.scopes = &both
	return a, nil
}

// Bind returns an app that acts for a person, whose tokens are bound to a key.
func (d *Door) Bind(a Actor, thumbprint string) (Actor, error) {
	if !a.delegated || a.key != "" && a.key != thumbprint {
		return Actor{}, fault.New(fault.Broken, "bind", "a sign-in keeps the key that it was bound to")
	}
	a.key = thumbprint
	return a, nil
}
