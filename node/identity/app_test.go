package identity

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/google/uuid"

	"cairn/fhir/scope"
	"cairn/node/fault"
	"cairn/node/store"
)

// apps is a register as node/oauth keeps one.
type apps map[string]appKeys

type appKeys struct {
	Software
	keys []jose.JSONWebKey
}

func (a apps) Software(_ context.Context, id string) (Software, error) {
	s, ok := a[id]
	if !ok {
		return Software{}, fault.New(fault.NotFound, "no-app", "no such app")
	}
	return s.Software, nil
}

func (a apps) Keys(_ context.Context, id, _ string) ([]jose.JSONWebKey, error) {
	return a[id].keys, nil
}

func scopes(t testing.TB, text string) scope.Set {
	t.Helper()
	s, err := scope.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// let has a patient or one of the staff let an app act for her.
func let(t testing.TB, d *Door, who Actor, family string) Actor {
	return letFor(t, d, who, family, "7")
}

func letFor(t testing.TB, d *Door, who Actor, family, context string) Actor {
	t.Helper()
	a, err := d.Delegate(who, Delegation{App: "app", Name: "Chart", Scopes: scopes(t, "patient/*.rs"), Context: context, Family: family})
	if err != nil {
		t.Fatal(err)
	}
	owner, err := d.Owner(who)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now().UnixMilli()
	if err := d.store.Update(bg, func(tx *store.Tx) error {
		return tx.AddFamily(&store.Family{ID: family, Owner: owner, App: "app", Begun: now, Used: now, Ends: now + 60_000})
	}); err != nil {
		t.Fatal(err)
	}
	return a
}

func bearing(access string) *http.Request {
	r, _ := http.NewRequest(http.MethodGet, "http://x/fhir/Patient/7", nil)
	r.Header.Set("Authorization", "Bearer "+access)
	return r
}

// TestAppTokens: the token of an app is its person, limited; it is over with what
// it stands on, at once.
func TestAppTokens(t *testing.T) {
	d := doors(t)(book{"north": {ID: "north", Active: true}})
	who := her("7")
	a := let(t, d, who, "f1")
	token, err := d.IssueApp(a, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	back, err := d.Scoped(bearing(token.Access))
	if err != nil || !same(back, a) || back.Through() != "Chart" || back.Client() != "app" || back.Kind() != Patient || back.Session() != "" {
		t.Errorf("comes back as %+v: %v", back, err)
	}
	if _, err := d.Actor(bearing(token.Access)); !fault.Is(err, fault.Refused) {
		t.Errorf("an app's token where no scopes count: %v", err)
	}
	if _, err := d.Delegate(back, Delegation{App: "other"}); !fault.Is(err, fault.Refused) {
		t.Errorf("an app lets an app act: %v", err)
	}
	if _, err := d.Delegate(who, Delegation{App: "app", Context: "8"}); !fault.Is(err, fault.Refused) {
		t.Errorf("a patient's app for another patient: %v", err)
	}
	for _, wrong := range []string{token.Access[:len(token.Access)-2], "app.", "app.x", strings.TrimPrefix(token.Access, "app."), token.Access + "A"} {
		if _, err := d.Scoped(bearing(wrong)); !fault.Is(err, fault.Unauthenticated) {
			t.Errorf("%q: %v", wrong, err)
		}
	}
	if ended, err := d.IssueApp(a, -time.Second); err != nil {
		t.Fatal(err)
	} else if _, err := d.Scoped(bearing(ended.Access)); !fault.Is(err, fault.Unauthenticated) {
		t.Errorf("an ended token: %v", err)
	}
	other := letFor(t, d, her("8a"), "f2", "")
	stolen, err := d.IssueApp(Actor{kind: Patient, organisation: "north", patient: "7", delegated: true, client: "app", family: "f2", assurance: who.assurance}, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Scoped(bearing(stolen.Access)); !fault.Is(err, fault.Unauthenticated) {
		t.Errorf("a token on another's family (%s): %v", other.Family(), err)
	}
	if err := d.store.Update(bg, func(tx *store.Tx) error { return tx.EndFamily("f1") }); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Scoped(bearing(token.Access)); !fault.Is(err, fault.Unauthenticated) {
		t.Errorf("after the family's end: %v", err)
	}
}

// TestTokenOfAnotherNode: what one hospital gave is nothing at another.
func TestTokenOfAnotherNode(t *testing.T) {
	north, south := doors(t)(book{"north": {ID: "north", Active: true}}), doors(t)(book{"north": {ID: "north", Active: true}})
	a := let(t, north, her("7"), "f1")
	let(t, south, her("7"), "f1")
	token, err := north.IssueApp(a, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := south.Scoped(bearing(token.Access)); !fault.Is(err, fault.Unauthenticated) {
		t.Errorf("%v", err)
	}
}

// assertions are client assertions of an app as it, or somebody else, makes them.
type assertions struct {
	t    *testing.T
	door *Door
	ec   *ecdsa.PrivateKey
	rsa  *rsa.PrivateKey
}

func (m assertions) claims(id string) string {
	now := time.Now().Unix()
	return fmt.Sprintf(`{"iss":%q,"sub":%q,"aud":"http://x/auth/token","iat":%d,"exp":%d,"jti":%q}`, id, id, now, now+60, uuid.NewString())
}

func (m assertions) sign(alg jose.SignatureAlgorithm, key any, header map[jose.HeaderKey]any, payload string) string {
	m.t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, &jose.SignerOptions{ExtraHeaders: header})
	if err != nil {
		m.t.Fatal(err)
	}
	signed, err := signer.Sign([]byte(payload))
	if err != nil {
		m.t.Fatal(err)
	}
	out, err := signed.CompactSerialize()
	if err != nil {
		m.t.Fatal(err)
	}
	return out
}

// TestAssertionsOfApps: what an app signs is taken, with either algorithm, once;
// everything else is not.
func TestAssertionsOfApps(t *testing.T) {
	ec, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	big, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	thief, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	d := doors(t)(book{"north": {ID: "north", Active: true}})
	d.Consult(apps{
		"app": {Software{ID: "app", Name: "Chart", KeyURL: "https://app.example/jwks"}, []jose.JSONWebKey{{Key: &ec.PublicKey, KeyID: "e"}, {Key: &big.PublicKey, KeyID: "r"}}},
		"bot": {Software{ID: "bot", Name: "Bot", Alone: true, Scopes: scopes(t, "system/Observation.rs patient/*.rs"), Purpose: "HOPERAT"}, []jose.JSONWebKey{{Key: &ec.PublicKey}}},
	})
	m := assertions{t, d, ec, big}
	good := m.sign(jose.ES384, ec, nil, m.claims("app"))
	if s, err := d.Assert(bg, good); s != (Asserted{ID: "app", App: true}) || err != nil {
		t.Fatal(err)
	}
	for name, a := range map[string]string{
		"rs384":        m.sign(jose.RS384, big, map[jose.HeaderKey]any{"kid": "r"}, m.claims("app")),
		"its own jku":  m.sign(jose.ES384, ec, map[jose.HeaderKey]any{"jku": "https://app.example/jwks", "kid": "e"}, m.claims("app")),
		"another kind": m.sign(jose.ES384, ec, map[jose.HeaderKey]any{"typ": "JWT"}, m.claims("app")),
	} {
		if s, err := d.Assert(bg, a); s.ID != "app" || err != nil {
			t.Errorf("%s: %q %v", name, s.ID, err)
		}
	}
	pem := fmt.Sprintf("%x", must(ec.PublicKey.Bytes())) // as an attacker would take it
	none := func(payload string) string {
		b := base64.RawURLEncoding
		return b.EncodeToString([]byte(`{"alg":"none"}`)) + "." + b.EncodeToString([]byte(payload)) + "."
	}
	now := time.Now().Unix()
	for name, a := range map[string]string{
		"replayed":                       good,
		"alg none":                       none(m.claims("app")),
		"a public key as an HMAC secret": m.sign(jose.HS256, []byte(pem), nil, m.claims("app")),
		"the thief's key":                m.sign(jose.ES384, thief, nil, m.claims("app")),
		"the thief's jku":                m.sign(jose.ES384, thief, map[jose.HeaderKey]any{"jku": "https://thief.example/jwks"}, m.claims("app")),
		"another jku":                    m.sign(jose.ES384, ec, map[jose.HeaderKey]any{"jku": "https://thief.example/jwks"}, m.claims("app")),
		"the thief's jwk":                m.sign(jose.ES384, thief, map[jose.HeaderKey]any{"jwk": jose.JSONWebKey{Key: &thief.PublicKey}}, m.claims("app")),
		"another kid":                    m.sign(jose.ES384, ec, map[jose.HeaderKey]any{"kid": "other"}, m.claims("app")),
		"the other key's kid":            m.sign(jose.ES384, ec, map[jose.HeaderKey]any{"kid": "r"}, m.claims("app")),
		"unknown":                        m.sign(jose.ES384, ec, nil, m.claims("nobody")),
		"milliseconds":                   m.sign(jose.ES384, ec, nil, fmt.Sprintf(`{"iss":"app","sub":"app","aud":"http://x/auth/token","iat":%d000,"exp":%d000,"jti":"ms"}`, now, now+60)),
		"exp in milliseconds":            m.sign(jose.ES384, ec, nil, fmt.Sprintf(`{"iss":"app","sub":"app","aud":"http://x/auth/token","iat":%d,"exp":%d000,"jti":"ms2"}`, now, now+60)),
		"a claim twice":                  m.sign(jose.ES384, ec, nil, strings.Replace(m.claims("app"), `"sub":"app"`, `"sub":"bot","sub":"app"`, 1)),
		"a claim in two cases":           m.sign(jose.ES384, ec, nil, strings.Replace(m.claims("app"), `"sub":"app"`, `"sub":"app","SUB":"bot"`, 1)),
		"a claim in another case":        m.sign(jose.ES384, ec, nil, strings.Replace(m.claims("app"), `"sub"`, `"Sub"`, 1)),
		"two audiences":                  m.sign(jose.ES384, ec, nil, strings.Replace(m.claims("app"), `"aud":"http://x/auth/token"`, `"aud":["http://x/auth/token","http://y"]`, 1)),
		"for another node":               m.sign(jose.ES384, ec, nil, strings.Replace(m.claims("app"), "http://x", "http://y", 1)),
		"no jti":                         m.sign(jose.ES384, ec, nil, strings.Replace(m.claims("app"), `"jti"`, `"jtj"`, 1)),
		"before the start":               m.sign(jose.ES384, ec, nil, fmt.Sprintf(`{"iss":"app","sub":"app","aud":"http://x/auth/token","iat":%d,"exp":%d,"jti":"old"}`, now-3600, now+60)),
		"not an object":                  m.sign(jose.ES384, ec, nil, `[]`),
	} {
		if s, err := d.Assert(bg, a); err == nil || s.ID != "" || !fault.Is(err, fault.Unauthenticated) {
			t.Errorf("%s: taken for %q: %v", name, s.ID, err)
		}
	}
	aloneApp(t, m)
}

// TestAssertionWithoutIAT: SMART asks for no iat. An assertion without one is good
// once, after a restart too.
func TestAssertionWithoutIAT(t *testing.T) {
	ec, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	open := doors(t)
	start := func() *Door {
		d := open(book{"north": {ID: "north", Active: true}})
		d.Consult(apps{"app": {Software{ID: "app", Name: "Chart"}, []jose.JSONWebKey{{Key: &ec.PublicKey}}}})
		return d
	}
	d := start()
	m := assertions{t, d, ec, nil}
	plain := regexp.MustCompile(`"iat":\d+,`).ReplaceAllString(m.claims("app"), "")
	for _, aud := range []string{"http://x/auth/token", "http://x"} {
		once := m.sign(jose.ES384, ec, nil, strings.Replace(strings.Replace(plain, "http://x/auth/token", aud, 1), `"jti":"`, `"jti":"`+aud, 1))
		if _, err := d.Assert(bg, once); err != nil {
			t.Errorf("%s: %v", aud, err)
		}
		for name, door := range map[string]*Door{"again": d, "after a restart": start()} {
			if _, err := door.Assert(bg, once); !fault.Is(err, fault.Unauthenticated) {
				t.Errorf("%s, %s: %v", aud, name, err)
			}
		}
	}
}

// aloneApp: an app that was registered for it signs in for itself, with its scopes
// at most, and vouches for nobody.
func aloneApp(t *testing.T, m assertions) {
	d := m.door
	if _, err := d.SignIn(bg, m.sign(jose.ES384, m.ec, nil, m.claims("app")), nil, nil); !fault.Is(err, fault.Unauthenticated) {
		t.Errorf("an app for persons signs in for itself: %v", err)
	}
	token, err := d.SignIn(bg, m.sign(jose.ES384, m.ec, nil, m.claims("bot")), nil, nil)
	if err != nil || token.Actor.Kind() != System || token.Actor.Scopes() == nil || token.Actor.Scopes().String() != "system/Observation.rs" || token.Actor.Purpose() != "HOPERAT" {
		t.Fatalf("%+v %v", token.Actor, err)
	}
	more := scopes(t, "system/*.cruds")
	if token, err := d.SignIn(bg, m.sign(jose.ES384, m.ec, nil, m.claims("bot")), nil, &more); err != nil || token.Actor.Scopes().String() != "system/Observation.rs" {
		t.Errorf("asking for more: %v %v", token.Actor.Scopes(), err)
	}
	other := scopes(t, "system/Patient.r")
	if _, err := d.SignIn(bg, m.sign(jose.ES384, m.ec, nil, m.claims("bot")), nil, &other); !fault.Is(err, fault.Invalid) {
		t.Errorf("asking for another: %v", err)
	}
	person := strings.Replace(m.claims("bot"), `"jti"`, `"extensions":{"hl7-b2b":{"version":"1","organization_id":"north","subject_id":"1","subject_name":"Dr. A","subject_role":"physician","purpose_of_use":["HOPERAT"]}},"jti"`, 1)
	if _, err := d.SignIn(bg, m.sign(jose.ES384, m.ec, nil, person), nil, nil); !fault.Is(err, fault.Unauthenticated) {
		t.Errorf("it vouches for a person: %v", err)
	}
	d.Consult(apps{})
	if _, err := d.Scoped(bearing(token.Access)); !fault.Is(err, fault.Unauthenticated) {
		t.Errorf("after it was removed: %v", err)
	}
}

// BenchmarkAppToken is the check of an app's access token, with the look at what it
// stands on.
func BenchmarkAppToken(b *testing.B) {
	for name, text := range map[string]string{
		"few":  "patient/*.rs launch/patient openid fhirUser offline_access",
		"many": "patient/Patient.rs patient/Observation.rs?category=laboratory patient/Observation.rs?category=vital-signs patient/Condition.rs patient/MedicationRequest.rs patient/AllergyIntolerance.rs patient/Procedure.rs patient/Immunization.rs patient/DiagnosticReport.rs patient/Encounter.rs",
	} {
		b.Run(name, func(b *testing.B) {
			d := doors(b)(book{"north": {ID: "north", Active: true}})
			a := let(b, d, her("7"), "f1")
			set := scopes(b, text)
			a.scopes = &set
			token, err := d.IssueApp(a, time.Hour)
			if err != nil {
				b.Fatal(err)
			}
			r := bearing(token.Access)
			for b.Loop() {
				if _, err := d.Scoped(r); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkSignIn is a sign-in of software: the check of its assertion, and a token.
func BenchmarkSignIn(b *testing.B) {
	ec, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	d := doors(b)(book{"north": {ID: "north", Active: true}})
	d.Consult(apps{"bot": {Software{ID: "bot", Name: "Bot", Alone: true, Scopes: scopes(b, "system/*.rs"), Purpose: "HOPERAT"}, []jose.JSONWebKey{{Key: &ec.PublicKey}}}})
	now := time.Now()
	assertions := make([]string, b.N)
	for i := range assertions {
		assertions[i], err = SignAssertion(ec, Claims{Issuer: "bot", Subject: "bot", Audience: jwt.Audience{"http://x/auth/token"}, IssuedAt: jwt.NewNumericDate(now),
			Expiry: jwt.NewNumericDate(now.Add(4 * time.Minute)), ID: uuid.NewString()})
		if err != nil {
			b.Fatal(err)
		}
	}
	b.ResetTimer()
	for i := range b.N {
		if _, err := d.SignIn(bg, assertions[i], nil, nil); err != nil {
			b.Fatal(err)
		}
	}
}

func must(raw []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return raw
}
