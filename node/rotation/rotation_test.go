package rotation

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"cairn/ledger/member"
	"cairn/node/keys"
)

// ledger is what a replica could say; the ledger itself is outside this room.
type ledger struct {
	height  uint64
	member  member.Member
	reached map[uint64]time.Time
}

func (l *ledger) Height() uint64                                 { return l.height }
func (l *ledger) Member(string) (member.Member, bool)            { return l.member, true }
func (l *ledger) Submit(context.Context, []byte) (uint64, error) { return l.height, nil }
func (l *ledger) Changed() <-chan struct{}                       { return nil }
func (l *ledger) Reached(height uint64) (int64, bool, error) {
	at, found := l.reached[height]
	return at.UnixMilli(), found, nil
}

var founded = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func open(t *testing.T) (*Desk, *ledger, *keys.Ring) {
	t.Helper()
	dir := t.TempDir()
	if err := keys.Create(dir); err != nil {
		t.Fatal(err)
	}
	ring, err := keys.Open(t.Context(), dir, "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ring.Close() })
	l := &ledger{height: 100, member: member.Member{ID: "north", Active: true, Keys: ring.Public()}, reached: make(map[uint64]time.Time)}
	cfg := Config{Home: "north", Genesis: founded.UnixMilli(), MaxAge: 365 * 24 * time.Hour}
	return New(cfg, ring, keys.NewPen(ring, l, "north"), nil, l, nil, nil, slog.New(slog.DiscardHandler)), l, ring
}

// follow puts a next key of a use into the book.
func (l *ledger) follow(k member.Key) {
	for i := range l.member.Keys {
		if l.member.Keys[i].Use == k.Use && l.member.Keys[i].Until == 0 {
			l.member.Keys[i].Until = k.From
		}
	}
	l.member.Keys = append(l.member.Keys, k)
}

// TestWarnings: thirty days before a key's time is up it is warned of, until the
// next one is announced; and an announced key that is not here is warned of.
func TestWarnings(t *testing.T) {
	d, l, ring := open(t)
	warned := func(when string, now time.Time, want ...string) {
		t.Helper()
		all, err := d.Warnings(now)
		if err != nil || len(all) != len(want) {
			t.Fatalf("%s: %v, %v", when, all, err)
		}
		for i, w := range all {
			if !strings.Contains(w.Text, want[i]) {
				t.Errorf("%s: %q", when, w.Text)
			}
		}
	}
	due := founded.Add(365 * 24 * time.Hour)
	warned("31 days before", due.Add(-31*24*time.Hour))
	soon := due.Add(-30*24*time.Hour + time.Second)
	warned("30 days before", soon, "seal", "cosign", "client", "validator key")
	warned("when it is over", due.Add(time.Hour), "before 2027-01-01: cairn keys rotate --use seal", "cosign", "client", "validator")
	made, err := ring.Make(member.UseSeal)
	if err != nil {
		t.Fatal(err)
	}
	warned("one is made", soon, "seal", "cosign", "client", "validator")
	l.follow(member.Key{Use: member.UseSeal, Public: made.Public, From: 120})
	warned("one is announced", soon, "cosign", "client", "validator")
	l.height = 121 // no block since has changed a book
	warned("one is just in force", soon, "cosign", "client", "validator")
	l.reached[120] = soon
	warned("one is in force", soon, "cosign", "client", "validator")
	l.follow(member.Key{Use: member.UseCosign, Public: []byte("somebody's"), From: 140})
	warned("another's is announced", soon, "next cosign key", "client", "validator")
}

// TestList shows how keys stand, and what a rotation would do.
func TestList(t *testing.T) {
	d, l, ring := open(t)
	made, err := ring.Make(member.UseClient)
	if err != nil {
		t.Fatal(err)
	}
	if p, err := d.plan(Ask{Use: member.UseClient}); err != nil || p.spare == nil || p.line.Next != keys.Fingerprint(made.Public) || !p.line.Resumed {
		t.Errorf("a key that was made is left: %+v, %v", p, err)
	}
	if p, err := d.plan(Ask{Use: member.UseClient, Fresh: true}); err != nil || p.spare != nil || p.line.Next != "" {
		t.Errorf("a key that was made is taken: %+v, %v", p, err)
	}
	l.follow(member.Key{Use: member.UseClient, Public: made.Public, From: 120})
	if p, err := d.plan(Ask{Use: member.UseClient, Fresh: true}); err != nil || p.next == nil || p.line.From != 120 {
		t.Errorf("an announced key is forgotten: %+v, %v", p, err)
	}
	if _, err := ring.Make(member.UseSeal); err != nil {
		t.Fatal(err)
	}
	l.reached[120] = founded.Add(time.Hour)
	for height, want := range map[uint64]string{
		119: "seal in-force, seal spare, cosign in-force, client in-force, client next, validator in-force",
		120: "seal in-force, seal spare, cosign in-force, client followed, client in-force, validator in-force",
	} {
		l.height = height
		all, err := d.List()
		if err != nil {
			t.Fatal(err)
		}
		var have []string
		for _, k := range all {
			have = append(have, k.Use.String()+" "+string(k.State))
		}
		if got := strings.Join(have, ", "); got != want {
			t.Errorf("at %d: %s", height, got)
		}
	}
	if _, err := Use("lock"); err == nil {
		t.Error("a use that there is not")
	}
}
