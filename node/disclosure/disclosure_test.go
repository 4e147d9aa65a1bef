package disclosure

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"log/slog"
	"maps"
	"path/filepath"
	"testing"
	"time"

	"cairn/ledger/member"
	"cairn/node/evidence"
	"cairn/node/fault"
	"cairn/node/identity"
	"cairn/node/keys"
	"cairn/node/store"
	"cairn/proof"
)

var bg = context.Background()

// book is a member book as the ledger could say it.
type book map[string]member.Member

func (b book) Member(id string) (member.Member, bool) { m, ok := b[id]; return m, ok }
func (b book) Height() uint64                         { return 7 }

type pen struct{ key *ecdsa.PrivateKey }

func (p pen) Client() (*ecdsa.PrivateKey, uint64, error) { return p.key, 7, nil }

// wire is the network between two hospitals: what one hands over, the other's
// desk takes, unless the wire is cut.
type wire struct {
	to  *Desk
	cut bool
	n   int
}

func (w *wire) Deliver(ctx context.Context, _ member.Member, text string) error {
	if w.n++; w.cut {
		return fault.New(fault.Busy, "cut", "cut")
	}
	if err := w.to.Acknowledge(ctx, text); err != nil {
		return fault.Wrap(fault.Refused, "refused", "refused", err)
	}
	return nil
}

// site is one hospital's room with all that it stands on.
type site struct {
	*Desk
	key  *ecdsa.PrivateKey
	line *wire
}

func open(t *testing.T, home string, members book) *site {
	t.Helper()
	dir := t.TempDir()
	st, err := store.Open(filepath.Join(dir, "store"), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	if err := keys.Create(filepath.Join(dir, "keys")); err != nil {
		t.Fatal(err)
	}
	ring, err := keys.Open(bg, filepath.Join(dir, "keys"), "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ring.Close() })
	chest := keys.NewChest(ring, st)
	j, err := evidence.NewJournal(bg, home, chest, keys.ChestLog)
	if err != nil {
		t.Fatal(err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	members[home] = member.Member{ID: home, Active: true, Keys: []member.Key{{Use: member.UseClient, Public: public}}}
	line := &wire{}
	return &site{New(home, [32]byte{1}, pen{key}, members, line, chest, j, st, slog.New(slog.DiscardHandler)), key, line}
}

// pair is a hospital that asks and one that answers.
func pair(t *testing.T) (asks, answers *site, members book) {
	members = make(book)
	asks, answers = open(t, "south", members), open(t, "north", members)
	asks.line.to = answers.Desk
	return asks, answers, members
}

// exchange asks and answers, and keeps the asking half; silent leaves the answer
// out.
func (s *site) exchange(t *testing.T, to *site, silent bool) *proof.Signed[proof.Request] {
	t.Helper()
	now := time.Now().UnixMilli()
	request, err := proof.Request{
		Party: proof.Party{Network: s.network, From: s.home, To: to.home, Height: 7, Time: now}, ID: rand.Text(), Method: "GET", Target: "/fhir/Observation",
		Actor: proof.Actor{Kind: proof.ActorStaff, Organisation: s.home, Person: s.home + "/p-1"}, Purpose: "TREAT",
	}.Sign(s.key)
	if err != nil {
		t.Fatal(err)
	}
	var answer *proof.Signed[proof.Answer]
	if !silent {
		entry := to.entry(t, proof.KindDisclosureSent)
		text, err := to.answer(bg, request, []identity.Left{{Entry: entry.Entry(), Subject: "1", Shown: true}}, 200, "", []byte("{}"))
		if err != nil {
			t.Fatal(err)
		}
		if answer, err = proof.ParseAnswer(text); err != nil || len(answer.Statement.Entries) != 1 {
			t.Fatalf("%+v, %v", answer, err)
		}
	}
	draft, err := s.journal.Draft(proof.Event{Kind: proof.KindDisclosureReceived, Time: now})
	if err != nil {
		t.Fatal(err)
	}
	half, err := s.Asked(bg, "2", draft, request, answer)
	if err != nil {
		t.Fatal(err)
	}
	err = s.store.Update(bg, func(tx *store.Tx) error {
		if err := draft.Append(tx); err != nil {
			return err
		}
		return half(tx)
	})
	if err != nil {
		t.Fatal(err)
	}
	return request
}

func (s *site) entry(t *testing.T, kind string) *evidence.Draft {
	t.Helper()
	draft, err := s.journal.Draft(proof.Event{Kind: kind, Time: time.Now().UnixMilli(), Subject: "Patient/1"})
	if err == nil {
		err = s.store.Update(bg, func(tx *store.Tx) error { return draft.Append(tx) })
	}
	if err != nil {
		t.Fatal(err)
	}
	return draft
}

// all returns the exchanges of a patient as she would see them.
func (s *site) all(t *testing.T, subject string, late time.Duration) []Exchange {
	t.Helper()
	page, err := s.page(bg, "", 100, late, func(v *store.View, at store.After) ([]*store.Half, error) { return v.HalvesOf(subject, at, 100) })
	if err != nil {
		t.Fatal(err)
	}
	return page.Exchanges
}

// soon makes what is due later due at once.
func (s *site) soon(t *testing.T) {
	t.Helper()
	err := s.store.Update(bg, func(tx *store.Tx) error {
		return tx.EachHalf(func(h *store.Half) error {
			if h.Due > 0 {
				h.Due = 1
				return tx.SaveHalf(h)
			}
			return nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestDelivery: the acknowledgement waits while the other hospital is away, and
// is handed over once.
func TestDelivery(t *testing.T) {
	asks, answers, _ := pair(t)
	asks.line.cut = true
	asks.exchange(t, answers, false)
	if _, err := asks.round(bg); err != nil {
		t.Fatal(err)
	}
	if e := asks.all(t, "2", 0)[0]; e.State != Whole || !e.Owed {
		t.Errorf("the asking half: %+v", e)
	}
	if e := answers.all(t, "1", 0)[0]; e.State != OneSided || e.Other != "south" || e.Event == "" {
		t.Errorf("the answering half: %+v", e)
	}
	if _, err := asks.round(bg); err != nil || asks.line.n != 1 {
		t.Errorf("%d attempts at once, %v", asks.line.n, err)
	}
	asks.line.cut = false
	asks.soon(t)
	if _, err := asks.round(bg); err != nil {
		t.Fatal(err)
	}
	if e := asks.all(t, "2", 0)[0]; e.State != Whole || e.Owed {
		t.Errorf("the asking half: %+v", e)
	}
	if e := answers.all(t, "1", 0)[0]; e.State != Whole {
		t.Errorf("the answering half: %+v", e)
	}
	asks.soon(t)
	if _, err := asks.round(bg); err != nil || asks.line.n != 2 {
		t.Errorf("%d attempts, %v", asks.line.n, err)
	}
}

// TestSilence: a request that nobody answered is one-sided after a while.
func TestSilence(t *testing.T) {
	asks, answers, _ := pair(t)
	asks.exchange(t, answers, true)
	if _, err := asks.round(bg); err != nil || asks.line.n != 0 {
		t.Errorf("%d acknowledgements of nothing, %v", asks.line.n, err)
	}
	if e := asks.all(t, "2", time.Hour)[0]; e.State != Waiting || e.Status != 0 {
		t.Errorf("%+v", e)
	}
	if e := asks.all(t, "2", -time.Second)[0]; e.State != OneSided || e.Owed {
		t.Errorf("%+v", e)
	}
}

// TestMemberThatLeft: what a member signs after it left counts for nothing, and
// nothing is handed to one.
func TestMemberThatLeft(t *testing.T) {
	asks, answers, members := pair(t)
	there := maps.Clone(members)
	asks.book = there
	asks.exchange(t, answers, false)
	gone := members["south"]
	gone.Active = false
	members["south"] = gone
	if _, err := asks.round(bg); err != nil {
		t.Fatal(err)
	}
	if e := answers.all(t, "1", -time.Second)[0]; e.State != OneSided {
		t.Errorf("the acknowledgement of a member that left counts: %+v", e)
	}
	if e := asks.all(t, "2", 0)[0]; !e.Owed {
		t.Errorf("a refused acknowledgement is not told: %+v", e)
	}
	asks.exchange(t, answers, false)
	gone = there["north"]
	gone.Active = false
	there["north"] = gone
	if _, err := asks.round(bg); err != nil || asks.line.n != 1 {
		t.Errorf("%d attempts, %v", asks.line.n, err)
	}
}

// TestAltered: a row that the database's administrator changed is not shown.
func TestAltered(t *testing.T) {
	for name, change := range map[string]func(h *store.Half){
		"its body":     func(h *store.Half) { h.Body[len(h.Body)-1] ^= 1 },
		"its twin":     func(h *store.Half) { h.Twin = !h.Twin },
		"another body": func(h *store.Half) { h.Body = nil },
	} {
		asks, answers, _ := pair(t)
		asks.exchange(t, answers, false)
		scrub := func() error { return asks.store.View(bg, func(v *store.View) error { return asks.Scrub(bg, v) }) }
		if err := scrub(); err != nil {
			t.Fatal(err)
		}
		err := asks.store.Update(bg, func(tx *store.Tx) error {
			return tx.EachHalf(func(h *store.Half) error { change(h); return tx.SaveHalf(h) })
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := scrub(); !fault.Is(err, fault.Broken) {
			t.Errorf("%s: scrub says %v", name, err)
		}
		if _, err := asks.round(bg); !fault.Is(err, fault.Broken) || asks.line.n != 0 {
			t.Errorf("%s: %d acknowledgements, %v", name, asks.line.n, err)
		}
	}
}

// TestPages reads three exchanges by two.
func TestPages(t *testing.T) {
	asks, answers, _ := pair(t)
	want := make(map[[32]byte]bool)
	for range 3 {
		want[asks.exchange(t, answers, true).ID] = true
	}
	from := ""
	for _, n := range []int{2, 1} {
		page, err := asks.page(bg, from, 2, 0, func(v *store.View, at store.After) ([]*store.Half, error) { return v.Halves(false, at, 2) })
		if err != nil || len(page.Exchanges) != n {
			t.Fatalf("%d exchanges: %v", len(page.Exchanges), err)
		}
		for _, e := range page.Exchanges {
			delete(want, e.ID)
		}
		from = page.Next
	}
	if len(want) != 0 || from != "" {
		t.Errorf("%d are missing, next %q", len(want), from)
	}
	for _, bad := range []string{"x", "1-", "1-00", "-"} {
		if _, err := place(bad); !fault.Is(err, fault.Invalid) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}
