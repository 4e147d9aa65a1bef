package identity

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"testing"
	"time"

	"cairn/fhir/scope"
	"cairn/ledger/member"
	"cairn/node/fault"
	"cairn/node/keys"
	"cairn/node/store"
)

// book is a member book as the ledger could say it; the ledger itself is
// outside this room.
type book map[string]member.Member

func (b book) Member(id string) (member.Member, bool) { m, ok := b[id]; return m, ok }
func (b book) Members() (out []member.Member) {
	for _, m := range b {
		out = append(out, m)
	}
	return out
}
func (b book) Key(id string, use member.Use) (member.Key, bool) {
	m, ok := b[id]
	return member.Key{Use: use}, ok && m.Active
}

func (b book) Height() uint64                      { return 1 }
func (b book) Reached(uint64) (int64, bool, error) { return 0, false, nil }

// doors returns a function that opens the door of "north" over one store with
// the clients and members that are given, as after a restart.
func doors(t testing.TB) func(members book, clients ...Client) *Door {
	t.Helper()
	ctx, dir := context.Background(), t.TempDir()
	st, err := store.Open(filepath.Join(dir, "store"), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	if err := keys.Create(filepath.Join(dir, "keys")); err != nil {
		t.Fatal(err)
	}
	ring, err := keys.Open(ctx, filepath.Join(dir, "keys"), "file:kek.key")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ring.Close() })
	key, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	public := filepath.Join(dir, "client.pem")
	if err := os.WriteFile(public, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return func(members book, clients ...Client) *Door {
		for i := range clients {
			clients[i].PublicKey = public
		}
		d, err := New(ctx, Config{Member: "north", URL: "http://x", Clients: clients}, members, st, keys.NewChest(ring, st), keys.ChestPasskeys)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
}

// TestStanding keeps actors and asks for them after what vouches for them has
// changed.
func TestStanding(t *testing.T) {
	open := doors(t)
	members := book{"south": {ID: "south", Active: true}, "north": {ID: "north", Active: true}}
	ehr := Client{ID: "ehr", Name: "EHR", Rights: []Right{RightRecords}}
	d := open(members, ehr)
	doctor := Actor{kind: Staff, organisation: "north", client: "ehr", person: "north/p-1", name: "Dr. Test", role: "physician", unit: "ward", purpose: "TREAT", rights: ehr.Rights}
	program := Actor{kind: System, organisation: "north", client: "ehr", name: "EHR", purpose: "TREAT", rights: ehr.Rights}
	other := Actor{kind: Peer, organisation: "south", client: "south", person: "south/p-2", name: "Dr. South", role: "physician", purpose: "TREAT"}
	few, err := scope.Parse("system/Observation.rs?code=a")
	if err != nil {
		t.Fatal(err)
	}
	held := program
	held.scopes = &few
	if body, err := d.Keep(held, "x"); err != nil {
		t.Fatal(err)
	} else if back, err := d.Standing(body, "x"); err != nil || !same(back, held) {
		t.Errorf("what is held to scopes comes back as %+v: %v", back, err)
	}
	app := doctor
	app.scopes, app.context, app.delegated = &few, "7", true
	if _, err := d.Keep(app, "x"); !fault.Is(err, fault.Refused) {
		t.Errorf("an app was kept: %v", err)
	}
	sealed := make(map[Kind][]byte)
	for _, a := range []Actor{doctor, program, other} {
		body, err := d.Keep(a, "subscription 1")
		if err != nil {
			t.Fatal(err)
		}
		sealed[a.kind] = body
		back, err := d.Standing(body, "subscription 1")
		if err != nil || !same(back, a) {
			t.Errorf("%s comes back as %+v: %v", a.kind, back, err)
		}
		if _, err := d.Standing(body, "subscription 2"); !fault.Is(err, fault.Broken) {
			t.Errorf("%s serves another thing: %v", a.kind, err)
		}
		body = append([]byte{}, body...)
		body[len(body)-1] ^= 1
		if _, err := d.Standing(body, "subscription 1"); !fault.Is(err, fault.Broken) {
			t.Errorf("%s was altered: %v", a.kind, err)
		}
	}
	for _, a := range []Actor{{}, {kind: Patient, patient: "1"}, {kind: Operator, organisation: "north", client: "op"}} {
		if _, err := d.Keep(a, "x"); !fault.Is(err, fault.Refused) {
			t.Errorf("%q was kept: %v", a.kind, err)
		}
	}
	for name, later := range map[string]struct {
		members book
		clients []Client
		fallen  []Kind
	}{
		"the software is gone":         {members, nil, []Kind{Staff, System}},
		"it only operates":             {members, []Client{{ID: "ehr", Rights: []Right{RightOperate}}}, []Kind{Staff, System}},
		"the member has left":          {book{"south": {ID: "south"}}, []Client{ehr}, []Kind{Peer}},
		"the member is struck out":     {book{}, []Client{ehr}, []Kind{Peer}},
		"another client took the name": {members, []Client{{ID: "ehr2", Rights: ehr.Rights}}, []Kind{Staff, System}},
	} {
		d := open(later.members, later.clients...)
		for kind, body := range sealed {
			_, err := d.Standing(body, "subscription 1")
			gone := false
			for _, k := range later.fallen {
				gone = gone || k == kind
			}
			if gone != fault.Is(err, fault.Refused) || !gone && err != nil {
				t.Errorf("%s: %s: %v", name, kind, err)
			}
		}
	}
	d = open(members, Client{ID: "ehr", Name: "EHR", Rights: []Right{RightInvite}})
	a, err := d.Standing(sealed[Staff], "subscription 1")
	if err != nil || a.May(RightRecords) || !a.May(RightInvite) {
		t.Errorf("rights are not those of this moment: %+v, %v", a, err)
	}
}

// TestSession keeps a patient's session, for one thing and for as long as a token
// works.
func TestSession(t *testing.T) {
	d := doors(t)(book{"north": {ID: "north", Active: true}})
	her := Actor{kind: Patient, organisation: "north", patient: "1", person: "north/Patient/1", name: "the patient", purpose: "PATRQT"}
	body, err := d.KeepSession(her, "export 1")
	if err != nil {
		t.Fatal(err)
	}
	if back, err := d.Session(body, "export 1"); err != nil || !same(back, her) {
		t.Errorf("she comes back as %+v: %v", back, err)
	}
	if _, err := d.Session(body, "export 2"); !fault.Is(err, fault.Broken) {
		t.Errorf("it serves another thing: %v", err)
	}
	if _, err := d.Standing(body, "export 1"); !fault.Is(err, fault.Broken) {
		t.Errorf("it is a standing: %v", err)
	}
	old, err := mint(her, time.Now().Add(-lifetime-time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Session(d.box.Seal(old, sessionBound("export 1")), "export 1"); !fault.Is(err, fault.Refused) {
		t.Errorf("a session that has ended: %v", err)
	}
	for _, a := range []Actor{{}, {kind: Staff, organisation: "north", client: "ehr", person: "p"}, {kind: Operator, organisation: "north", client: "op"}} {
		if _, err := d.KeepSession(a, "x"); !fault.Is(err, fault.Refused) {
			t.Errorf("%q was kept: %v", a.kind, err)
		}
	}
}

func same(a, b Actor) bool {
	rights := len(a.rights) == len(b.rights)
	for _, r := range a.rights {
		rights = rights && b.May(r)
	}
	scopes := (a.scopes == nil) == (b.scopes == nil) && (a.scopes == nil || a.scopes.String() == b.scopes.String())
	return rights && scopes && a.InContext() == b.InContext() && a.Delegated() == b.Delegated() && a.Kind() == b.Kind() && a.Organisation() == b.Organisation() && a.Client() == b.Client() && a.Person() == b.Person() &&
		a.Name() == b.Name() && a.Role() == b.Role() && a.Unit() == b.Unit() && a.Purpose() == b.Purpose() && a.Patient() == b.Patient()
}

// TestTokensKeepLimits: what an actor is held to is in the tokens of several
// processes too.
func TestTokensKeepLimits(t *testing.T) {
	d := doors(t)(book{"north": {ID: "north", Active: true}}, Client{ID: "ehr", Name: "EHR", Rights: []Right{RightRecords}})
	few, err := scope.Parse("patient/Observation.rs?code=a launch/patient")
	if err != nil {
		t.Fatal(err)
	}
	a := Actor{kind: Staff, organisation: "north", client: "ehr", person: "north/p-1", name: "Dr. Test", role: "physician", purpose: "TREAT",
		rights: []Right{RightRecords}, scopes: &few, context: "7"}
	for _, all := range []tokens{sealedTokens{d}, &sessions{}} {
		token, err := all.issue(a, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		if back, _, err := all.find(t.Context(), token.Access, time.Now()); err != nil || !same(back, a) {
			t.Errorf("%T: comes back as %+v: %v", all, back, err)
		}
	}
}
