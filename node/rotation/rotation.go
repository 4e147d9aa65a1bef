// Package rotation is the desk that shows the hospital's keys and has others
// follow them, without a stop: it makes a key, has the key in force announce it
// on the ledger, and waits until it counts. Every step is durable before the next
// one, so that a rotation that was interrupted is gone on with by asking again.
//
// Trust: who may call it can change the hospital's keys and cannot learn them. A
// thief of a key in force can announce one of his own; whoever is faster has the
// next one (docs/runbooks/keys.md).
package rotation

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"cairn/ledger/member"
	"cairn/node/evidence"
	"cairn/node/fault"
	"cairn/node/keys"
	"cairn/node/store"
)

// Chain is the ledger as this hospital's replica has it; node/chain has it.
type Chain interface {
	Height() uint64
	Member(id string) (member.Member, bool)
	Reached(height uint64) (time int64, reached bool, err error)
	Submit(ctx context.Context, tx []byte) (uint64, error)
	Changed() <-chan struct{}
}

// Config says whose keys they are.
type Config struct {
	Home    string        // member id
	Network [32]byte      // machine.Genesis.ID()
	Genesis int64         // when the first keys began, Unix milliseconds
	MaxAge  time.Duration // how old a key may become before it should be followed
}

// Ahead is how long before its time is up a key is warned of.
const Ahead = 30 * 24 * time.Hour

// Desk does the work. Its methods are safe for concurrent use.
type Desk struct {
	cfg     Config
	ring    *keys.Ring
	pen     *keys.Pen
	chest   *keys.Chest
	chain   Chain
	journal *evidence.Journal
	store   *store.Store
	log     *slog.Logger

	mu sync.Mutex // one key is made and announced at a time

	times sync.Map // when heights at which keys begin or end were reached: uint64 to time.Time
}

// New makes the desk.
func New(cfg Config, ring *keys.Ring, pen *keys.Pen, chest *keys.Chest, chain Chain, j *evidence.Journal, st *store.Store, log *slog.Logger) *Desk {
	return &Desk{cfg: cfg, ring: ring, pen: pen, chest: chest, chain: chain, journal: j, store: st, log: log}
}

// State says how a key stands.
type State string

// The states.
const (
	InForce  State = "in-force" // what is signed at this moment is signed with it
	Next     State = "next"     // announced on the ledger; it begins at a height to come
	Followed State = "followed" // of the past: what it signed still verifies
	Spare    State = "spare"    // made here and never announced
)

// Key is one key of the hospital.
type Key struct {
	Use    member.Use
	ID     string // the beginning of the SHA-256 of the public half
	Public []byte // as the member book has it
	State  State
	From   uint64    // the first height at which it counts
	Until  uint64    // the first at which it does not any more; 0: open
	Begins time.Time // when From was reached; zero if no block since has changed a book
	Ends   time.Time // when Until was
	Due    time.Time // of a key in force: when its time is up; zero while Begins is
	Held   bool      // this process can sign with it; of keys that are followed it is not asked
}

// uses are the uses of a member's keys, in the order in which they are shown.
var uses = []member.Use{member.UseSeal, member.UseCosign, member.UseClient, member.UseValidator}

// Use returns the use with a name.
func Use(name string) (member.Use, error) {
	at := slices.IndexFunc(uses, func(u member.Use) bool { return u.String() == name })
	if at < 0 {
		return 0, fault.New(fault.Invalid, "key-use", "there is no such use of keys").WithHint("uses are seal, cosign, client and validator")
	}
	return uses[at], nil
}

// List returns all keys of the hospital: those of the ledger, and those that were
// made at this process and never announced.
func (d *Desk) List() (out []Key, err error) {
	m, found := d.chain.Member(d.cfg.Home)
	if !found {
		return nil, fault.New(fault.Broken, "no-member", "the ledger does not know this hospital")
	}
	height := max(1, d.chain.Height())
	for _, k := range m.Keys {
		line, err := d.line(k, height)
		if err != nil {
			return nil, err
		}
		out = append(out, line)
	}
	for _, h := range d.spare(m) {
		out = append(out, Key{Use: h.Use, ID: keys.Fingerprint(h.Public), Public: h.Public, State: Spare, Held: true})
	}
	slices.SortStableFunc(out, func(a, b Key) int {
		return cmp.Or(cmp.Compare(slices.Index(uses, a.Use), slices.Index(uses, b.Use)), cmp.Compare(order[a.State], order[b.State]), cmp.Compare(a.From, b.From))
	})
	return out, nil
}

var order = map[State]int{Followed: 0, InForce: 1, Next: 2, Spare: 3}

// line says how a key of the ledger stands.
func (d *Desk) line(k member.Key, height uint64) (out Key, err error) {
	out = Key{Use: k.Use, ID: keys.Fingerprint(k.Public), Public: k.Public, From: k.From, Until: k.Until, State: Followed}
	if out.Begins, err = d.reached(k.From); err != nil {
		return out, err
	}
	if k.Until != 0 {
		if out.Ends, err = d.reached(k.Until); err != nil {
			return out, err
		}
	}
	switch {
	case k.At(height):
		out.State, out.Held = InForce, d.ring.Holds(k.Use, k.Public)
		if !out.Begins.IsZero() {
			out.Due = out.Begins.Add(d.cfg.MaxAge)
		}
	case k.From > height:
		out.State, out.Held = Next, d.ring.Holds(k.Use, k.Public)
	}
	return out, nil
}

// reached returns when a height was reached, zero if it was not.
func (d *Desk) reached(height uint64) (time.Time, error) {
	if height <= 1 {
		return time.UnixMilli(d.cfg.Genesis), nil
	}
	if at, known := d.times.Load(height); known {
		return at.(time.Time), nil //nolint:forcetypeassert // nothing else is stored
	}
	millis, reached, err := d.chain.Reached(height)
	if err != nil || !reached {
		return time.Time{}, err
	}
	at := time.UnixMilli(millis)
	d.times.Store(height, at) // as many as the hospital has keys
	return at, nil
}

// spare returns the keys that are held and do not stand in the book.
func (d *Desk) spare(m member.Member) []keys.Held {
	return slices.DeleteFunc(d.ring.Held(), func(h keys.Held) bool {
		return slices.ContainsFunc(m.Keys, func(k member.Key) bool { return k.Use == h.Use && bytes.Equal(k.Public, h.Public) })
	})
}

// Warning is something about a key that somebody must see to.
type Warning struct {
	Key
	Text string // what is so, and what to do
}

// Warnings returns what must be seen to: keys in force whose time is up, or is
// within Ahead, and that no announced key follows; and announced keys that this
// process could not sign with.
func (d *Desk) Warnings(now time.Time) (out []Warning, err error) {
	all, err := d.List()
	if err != nil {
		return nil, err
	}
	for _, k := range all {
		use := k.Use.String()
		switch {
		case k.State == InForce && k.Until == 0 && !k.Due.IsZero() && now.Add(Ahead).After(k.Due):
			out = append(out, Warning{k, "the " + use + " key " + k.ID + " should be followed by another before " + k.Due.UTC().Format(time.DateOnly) +
				": cairn keys rotate --use " + use})
		case k.State == Next && !k.Held && (k.Use != member.UseValidator || d.ring.Votes()):
			out = append(out, Warning{k, fmt.Sprintf("the next %s key %s is not here and counts from block %d on: restore its file from the key backup before", use, k.ID, k.From)})
		}
	}
	return out, nil
}
