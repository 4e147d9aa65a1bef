package identity

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"testing"
	"time"

	"cairn/consent/slip"
	"cairn/node/fault"
	"cairn/node/identity/nonce"
	"cairn/node/identity/passkey"
	"cairn/node/store"
)

// authenticator is one passkey, as its device has it.
type authenticator struct {
	key    *ecdsa.PrivateKey
	id     []byte
	flags  byte
	rp     string
	origin string
}

func newAuthenticator(t testing.TB, flags byte) *authenticator {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return &authenticator{key: key, id: []byte(rand.Text()), flags: flags, rp: "north.example", origin: "https://north.example"}
}

const (
	upUV     = 0x05 // user present, user verified
	upUVBE   = 0x0d // and the passkey may be copied
	upUVBEBS = 0x1d // and is
)

// sign makes an assertion over a challenge (WebAuthn Level 3, 6.3.3).
func (a *authenticator) sign(t testing.TB, challenge []byte) slip.Assertion {
	t.Helper()
	rp := sha256.Sum256([]byte(a.rp))
	data := append(rp[:], a.flags, 0, 0, 0, 0)
	client := fmt.Appendf(nil, `{"type":"webauthn.get","challenge":%q,"origin":%q,"crossOrigin":false}`, base64.RawURLEncoding.EncodeToString(challenge), a.origin)
	hash := sha256.Sum256(client)
	signed := sha256.Sum256(append(append([]byte{}, data...), hash[:]...))
	sig, err := ecdsa.SignASN1(rand.Reader, a.key, signed[:])
	if err != nil {
		t.Fatal(err)
	}
	return slip.Assertion{CredentialID: a.id, AuthenticatorData: data, ClientDataJSON: client, Signature: sig}
}

// bind registers the passkey for an owner, as Keep does.
func (a *authenticator) bind(t testing.TB, d *Door, owner string) {
	t.Helper()
	public, err := x509.MarshalPKIXPublicKey(&a.key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	r := Registration{door: d, owner: owner, at: time.Now(), key: passkey.Key{Public: public, Eligible: a.flags&0x08 != 0, BackedUp: a.flags&0x10 != 0,
		Row: store.Passkey{Credential: a.id, Name: "test"}}}
	if err := d.store.Update(bg, func(tx *store.Tx) error { _, err := r.Keep(tx); return err }); err != nil {
		t.Fatal(err)
	}
}

// in signs in with the passkey.
func (a *authenticator) in(t testing.TB, d *Door, role string, now Actor) (*Proven, error) {
	t.Helper()
	nonce := d.challenges.Issue(toSignIn, nil, time.Now())
	challenge := SignInChallenge("north", nonce)
	return d.Prove(bg, Attempt{Nonce: nonce, Assertion: a.sign(t, challenge[:]), Role: role, Now: now})
}

// northern is a member book with two hospitals that have portals.
func northern() book {
	return book{
		"north": {ID: "north", Name: "North", Active: true, RPID: "north.example", Origins: []string{"https://north.example"}},
		"south": {ID: "south", Name: "South", Active: true, RPID: "south.example", Origins: []string{"https://south.example"}},
	}
}

func keepAccount(t testing.TB, d *Door, a Account) {
	t.Helper()
	if err := d.store.Update(bg, func(tx *store.Tx) error { return d.KeepAccount(tx, a, time.Now()) }); err != nil {
		t.Fatal(err)
	}
}

// TestProve signs in with passkeys of patients and staff, on one door.
func TestProve(t *testing.T) {
	d := doors(t)(northern())
	for name, try := range map[string]func(*testing.T, *Door){
		"elsewhere": proveElsewhere, "the same work": sameWork, "staff": proveStaff, "bound": boundRoles, "provider": providerAccounts, "account": accountRows,
	} {
		t.Run(name, func(t *testing.T) { try(t, d) })
	}
}

// proveElsewhere: what was signed for another hospital's site, on another page, or
// over another hospital's challenge, signs nobody in.
func proveElsewhere(t *testing.T, d *Door) {
	good := newAuthenticator(t, upUVBE)
	good.bind(t, d, "elsewhere")
	p, err := good.in(t, d, "", Actor{})
	if err != nil || p.Actor.Kind() != Patient || p.Actor.Patient() != "elsewhere" || p.Actor.Assurance().Level != LevelSynced {
		t.Fatalf("%+v %v", p, err)
	}
	for name, alter := range map[string]func(a *authenticator){
		"another site": func(a *authenticator) { a.rp = "south.example" },
		"another page": func(a *authenticator) { a.origin = "https://south.example" },
		"both":         func(a *authenticator) { a.rp, a.origin = "south.example", "https://south.example" },
		"unverified":   func(a *authenticator) { a.flags &^= 0x04 },
		"bound now":    func(a *authenticator) { a.flags &^= 0x08 },
	} {
		bad := *good
		alter(&bad)
		if _, err := bad.in(t, d, "", Actor{}); !fault.Is(err, fault.Unauthenticated) {
			t.Errorf("%s: %v", name, err)
		}
	}
	made := d.challenges.Issue(toSignIn, nil, time.Now())
	theirs := SignInChallenge("south", made)
	if _, err := d.Prove(bg, Attempt{Nonce: made, Assertion: good.sign(t, theirs[:])}); !fault.Is(err, fault.Unauthenticated) {
		t.Errorf("another hospital's challenge: %v", err)
	}
	late := d.challenges.Issue(toSignIn, nil, time.Now().Add(-nonce.Life))
	ours := SignInChallenge("north", late)
	if _, err := d.Prove(bg, Attempt{Nonce: late, Assertion: good.sign(t, ours[:])}); !fault.Is(err, fault.Unauthenticated) {
		t.Errorf("a nonce that has ended: %v", err)
	}
	good.flags = upUVBEBS // backed up meanwhile: noted, no more
	p, err = good.in(t, d, "", Actor{})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.store.Update(bg, p.Touch); err != nil {
		t.Fatal(err)
	}
	if list, err := d.Passkeys(bg, p.Actor); err != nil || len(list) != 1 || !list[0].BackedUp || list[0].Used.IsZero() {
		t.Errorf("%+v %v", list, err)
	}
}

// sameWork: a passkey that is not known costs as many comparisons of signatures as
// one that is.
func sameWork(t *testing.T, d *Door) {
	known, unknown := newAuthenticator(t, upUV), newAuthenticator(t, upUV)
	known.bind(t, d, "same-work")
	known.key = unknown.key // so that neither gets in
	count := func(a *authenticator) int64 {
		before := d.checks.Load()
		if _, err := a.in(t, d, "", Actor{}); !fault.Is(err, fault.Unauthenticated) {
			t.Error(err)
		}
		return d.checks.Load() - before
	}
	if k, u := count(known), count(unknown); k != u || k != 1 {
		t.Errorf("%d comparisons for a known passkey, %d for an unknown one", k, u)
	}
}

// proveStaff: staff sign in in one of their roles; a change of the account ends
// their sessions, and a disabled one lets nobody in.
func proveStaff(t *testing.T, d *Door) {
	acc := Account{ID: "a.rossi", Name: "Anna Rossi", Roles: []string{"physician", "researcher"}, Practitioner: []string{"Practitioner/17"},
		Units: []string{"Organization/cardiology"}, Teams: []string{"CareTeam/3"}}
	keepAccount(t, d, acc)
	key := newAuthenticator(t, upUV)
	key.bind(t, d, StaffOwner(acc.ID))
	p, err := key.in(t, d, "", Actor{})
	if err != nil {
		t.Fatal(err)
	}
	a := p.Actor
	if a.Kind() != Staff || a.Person() != "north/a.rossi" || a.Name() != "Anna Rossi" || a.Role() != "physician" || a.Unit() != "Organization/cardiology" || a.Purpose() != "TREAT" ||
		!a.May(RightRecords) || a.May(RightOperate) || !a.Personal() || a.Assurance().Level != LevelBound || fmt.Sprint(a.Parties()) != "[Practitioner/17 Organization/cardiology CareTeam/3]" {
		t.Errorf("%+v", a)
	}
	if p, err = key.in(t, d, "researcher", Actor{}); err != nil || p.Actor.Role() != "researcher" || p.Actor.May(RightRecords) || !p.Actor.May(RightRead) || p.Actor.Purpose() != "HRESCH" {
		t.Errorf("%+v %v", p, err)
	}
	if _, err := key.in(t, d, "administrator", Actor{}); !fault.Is(err, fault.Unauthenticated) {
		t.Errorf("in a role that she has not: %v", err)
	}
	c := begin(t, d, a)
	if back, err := d.SessionActor(with(c)); err != nil || back.Person() != a.Person() || !back.May(RightRecords) || fmt.Sprint(back.Parties()) != fmt.Sprint(a.Parties()) {
		t.Errorf("%+v %v", back, err)
	}
	if err := d.InForce(bg, a); err != nil {
		t.Error(err)
	}
	stale, err := key.in(t, d, "", Actor{})
	if err != nil {
		t.Fatal(err)
	}
	acc.Disabled = true
	keepAccount(t, d, acc)
	if !over(t, d, c) {
		t.Error("the session of a disabled account goes on")
	}
	if err := d.store.Update(bg, stale.Touch); !fault.Is(err, fault.Unauthenticated) {
		t.Errorf("who proved herself just before: %v", err)
	}
	if _, err := key.in(t, d, "", Actor{}); !fault.Is(err, fault.Unauthenticated) {
		t.Errorf("a disabled account: %v", err)
	}
	if err := d.InForce(bg, a); !fault.Is(err, fault.Unauthenticated) {
		t.Errorf("a disabled account is in force: %v", err)
	}
	if _, err := d.Signed(bg, key.sign(t, make([]byte, 32)), make([]byte, 32)); !fault.Is(err, fault.Unauthenticated) {
		t.Errorf("staff sign a consent: %v", err)
	}
}

// boundRoles: the rights of an administrator need a passkey that does not leave
// its device, and one that may be copied cannot be used to add such a one.
func boundRoles(t *testing.T, d *Door) {
	keepAccount(t, d, Account{ID: "admin", Name: "Admin", Roles: []string{"administrator"}})
	synced, bound := newAuthenticator(t, upUVBE), newAuthenticator(t, upUV)
	synced.bind(t, d, StaffOwner("admin"))
	bound.bind(t, d, StaffOwner("admin"))
	weak, err := synced.in(t, d, "", Actor{})
	if err != nil || weak.Actor.May(RightOperate) {
		t.Errorf("%+v %v", weak, err)
	}
	strong, err := bound.in(t, d, "", Actor{})
	if err != nil || !strong.Actor.May(RightOperate) {
		t.Errorf("%+v %v", strong, err)
	}
	if a, err := d.SessionActor(with(begin(t, d, weak.Actor))); err != nil || a.May(RightOperate) {
		t.Errorf("in a session: %+v %v", a, err)
	}
}

// providerAccounts: a passkey of somebody for whom the provider vouches begins no
// session, it strengthens one that the provider began.
func providerAccounts(t *testing.T, d *Door) {
	acc := Account{ID: "p-1", Name: "P", Roles: []string{"nurse"}, Provider: "https://idp.example", Subject: "42"}
	keepAccount(t, d, acc)
	key := newAuthenticator(t, upUV)
	key.bind(t, d, StaffOwner("p-1"))
	if _, err := key.in(t, d, "", Actor{}); !fault.Is(err, fault.Unauthenticated) {
		t.Errorf("the passkey alone: %v", err)
	}
	if _, err := key.in(t, d, "", Actor{person: "north/p-1"}); !fault.Is(err, fault.Unauthenticated) {
		t.Errorf("without a session: %v", err)
	}
	if _, err := key.in(t, d, "", Actor{person: "north/other", session: "s"}); !fault.Is(err, fault.Unauthenticated) {
		t.Errorf("in somebody else's session: %v", err)
	}
	if p, err := key.in(t, d, "", Actor{person: "north/p-1", session: "s"}); err != nil || p.Actor.Assurance().Level != LevelBound {
		t.Errorf("in her own: %v", err)
	}
	acc.ID = "p-2"
	if err := d.store.Update(bg, func(tx *store.Tx) error { return d.KeepAccount(tx, acc, time.Now()) }); !fault.Is(err, fault.Conflict) {
		t.Errorf("two accounts of one person: %v", err)
	}
}

// accountRows: a row that was altered, or given to another, opens for nobody.
func accountRows(t *testing.T, d *Door) {
	keepAccount(t, d, Account{ID: "row", Name: "R", Roles: []string{"nurse"}})
	var row *store.Account
	if err := d.store.View(bg, func(v *store.View) (err error) { row, err = v.Account("row"); return err }); err != nil {
		t.Fatal(err)
	}
	for name, alter := range map[string]func(r *store.Account){
		"another's":   func(r *store.Account) { r.ID = "other" },
		"altered":     func(r *store.Account) { r.Body = append([]byte{}, r.Body...); r.Body[20] ^= 1 },
		"an old date": func(r *store.Account) { r.Changed-- },
	} {
		bad := *row
		alter(&bad)
		if _, err := d.OpenAccount(&bad); !fault.Is(err, fault.Broken) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, bad := range map[string]Account{
		"no id": {Name: "x", Roles: []string{"nurse"}}, "an id that could be another's": {ID: "Patient/1", Name: "x", Roles: []string{"nurse"}},
		"no role": {ID: "x", Name: "x"}, "an unknown role": {ID: "x", Name: "x", Roles: []string{"king"}}, "no name": {ID: "x", Roles: []string{"nurse"}},
		"a patient as a unit": {ID: "x", Name: "x", Roles: []string{"nurse"}, Units: []string{"Patient/1"}},
		"a control character": {ID: "x", Name: "x\n", Roles: []string{"nurse"}},
	} {
		if err := bad.Validate(); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func BenchmarkProve(b *testing.B) {
	d := doors(b)(northern())
	key := newAuthenticator(b, upUV)
	key.bind(b, d, "p")
	challenge := make([]byte, 32)
	a := key.sign(b, challenge)
	for b.Loop() {
		if _, err := d.Signed(bg, a, challenge); err != nil {
			b.Fatal(err)
		}
	}
}
