package identity

import (
	"path/filepath"
	"testing"
	"time"

	"cairn/node/fault"
	"cairn/node/identity/code"
	"cairn/node/identity/passkey"
	"cairn/node/keys"
	"cairn/node/store"
	"cairn/test/postgres"
)

// TestSeveralProcesses has two doors of one hospital on one PostgreSQL database:
// what is opened at one is known at the other, what is ended or used up at one is
// so at the other at once.
func TestSeveralProcesses(t *testing.T) {
	server, err := postgres.Start()
	if err != nil {
		t.Fatal(err)
	}
	defer server.Stop() //nolint:errcheck // a test
	url, err := server.Fresh()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := keys.Create(filepath.Join(dir, "keys")); err != nil {
		t.Fatal(err)
	}
	process := func(name string) *Door {
		st, err := store.Open(filepath.Join(dir, name), store.Options{URL: url})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { st.Close() })
		ring, err := keys.Open(bg, filepath.Join(dir, "keys"), "file:kek.key")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { ring.Close() })
		d, err := New(bg, Config{Member: "north", URL: "http://x"}, northern(), st, keys.NewChest(ring, st), keys.ChestPasskeys)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	a, b := process("a"), process("b")

	c := begin(t, a, her("p"))
	got, err := b.SessionActor(with(c))
	if err != nil || got.Patient() != "p" {
		t.Fatalf("opened at one, at the other: %+v %v", got, err)
	}
	if err := b.EndSession(bg, got, got.Session()); err != nil {
		t.Fatal(err)
	}
	if !over(t, a, c) {
		t.Error("ended at one, it goes on at the other")
	}

	key := newAuthenticator(t, upUV)
	acc := Account{ID: "a.rossi", Name: "Anna Rossi", Roles: []string{"physician"}}
	keepAccount(t, a, acc)
	key.bind(t, b, StaffOwner(acc.ID))
	nonce := a.challenges.Issue(toSignIn, nil, time.Now())
	challenge := SignInChallenge("north", nonce)
	attempt := Attempt{Nonce: nonce, Assertion: key.sign(t, challenge[:])}
	p, err := b.Prove(bg, attempt)
	if err != nil {
		t.Fatalf("a nonce of one, at the other: %v", err)
	}
	if _, err := a.Prove(bg, attempt); !fault.Is(err, fault.Unauthenticated) {
		t.Errorf("used at one, again at the other: %v", err)
	}
	c = begin(t, b, p.Actor)
	acc.Disabled = true
	keepAccount(t, a, acc)
	if !over(t, b, c) {
		t.Error("disabled at one, her session goes on at the other")
	}

	var made Invitation
	if err := a.store.Update(bg, func(tx *store.Tx) (err error) { made, err = a.Invite(tx, "q", time.Now()); return err }); err != nil {
		t.Fatal(err)
	}
	plain, _ := code.Read(made.Code)
	hash := b.codeHash(plain)
	won := make(chan error, 2)
	for i, d := range []*Door{a, b} {
		r := Registration{door: d, code: &hash, at: time.Now(), key: passkey.Key{Row: store.Passkey{Credential: []byte{byte(i), 1, 2, 3}}, Public: []byte("x")}}
		go func() { won <- d.store.Update(bg, func(tx *store.Tx) error { _, err := r.Keep(tx); return err }) }()
	}
	if first, second := <-won, <-won; (first == nil) == (second == nil) {
		t.Errorf("one code at two processes at once: %v, %v", first, second)
	}
}
