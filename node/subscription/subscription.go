// Package subscription is the desk for subscriptions: who wants to be told of
// changes of records, and the telling (HL7 Subscriptions R5 Backport 1.1 on FHIR
// R4: topics, rest-hook, handshake, heartbeat, three kinds of payload).
//
// The hospital's own log is the outbox. A subscription is a position in it: what
// was stored, changed or deleted after that position is judged, numbered, sent,
// and only then the position moves. So nothing is lost when the node is killed
// or the endpoint is down; what is sent again bears the number that it had, and
// the numbers of a subscription only grow.
//
// Every notification passes the gate when it is sent, and again each time it is
// sent again, on behalf of whom the subscriber's software vouched for, with the
// rights that the software has at that moment. The entry in the log is durable
// before a byte leaves. What the gate hides is no event and has no number.
//
// A subscription belongs to the software, or the member, that made it. Nobody
// else can see it.
//
// # Trust
//
// What is asked for, the endpoint, its headers and whom the software vouched
// for are sealed. A thief of the store sees whose subscriptions there are, their
// state, and which entries of the log each was told of. A forger can delete one,
// or set it back, so that things are told twice; he cannot make one, or change
// what it asks for, on whose behalf, or where it is sent.
package subscription

import (
	"context"
	"log/slog"
	"time"

	"cairn/node/evidence"
	"cairn/node/gate"
	"cairn/node/hook"
	"cairn/node/identity"
	"cairn/node/store"
	"cairn/node/vault"
)

// Door keeps on whose behalf notifications are sent; node/identity has it.
type Door interface {
	Keep(a identity.Actor, thing string) ([]byte, error)
	Standing(sealed []byte, thing string) (identity.Actor, error)
}

// Keys seals what is kept; node/keys has it.
type Keys interface {
	Seal(ctx context.Context, name string, plain, bound []byte) ([]byte, error)
	Open(ctx context.Context, name string, sealed, bound []byte) ([]byte, error)
}

// sealKey names the data key of subscriptions (keys.ChestSubscriptions).
const sealKey = "~subscriptions"

// Poster sends notifications; node/hook has it.
type Poster interface {
	Check(endpoint string) error
	Reach(ctx context.Context, endpoint string) error
	Post(ctx context.Context, r hook.Request) error
}

// Config says for whom the desk works and how patient it is. Zero fields have
// their defaults.
type Config struct {
	Base     string        // FHIR service base URL, as the answers name it
	Software string        // User-Agent of notifications
	First    time.Duration // pause after a first failure, doubled with each further one; 0: a second
	Most     time.Duration // longest pause; 0: five minutes
	Failures uint64        // in a row, after which a subscription is in error; 0: 12
	Rate     int           // notifications a second, of all subscriptions together; 0: 250. What comes faster goes together in one
	Look     time.Duration // how often the log is looked at for entries of other processes, and this one's; 0: 10 ms
}

func (c *Config) fill() {
	set(&c.Software, "cairn")
	set(&c.First, time.Second)
	set(&c.Most, 5*time.Minute)
	set(&c.Failures, 12)
	set(&c.Rate, 250)
	set(&c.Look, 10*time.Millisecond)
}

func set[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Desk does the work. Its methods are safe for concurrent use.
type Desk struct {
	cfg     Config
	home    string
	door    Door
	gate    *gate.Gate
	vault   *vault.Vault
	journal *evidence.Journal
	store   *store.Store
	keys    Keys
	post    Poster
	log     *slog.Logger
	changed chan struct{} // a subscription was changed here
	turns   turns
}

// New makes the desk of the member `home`. Nothing is sent before Run.
func New(cfg Config, home string, door Door, g *gate.Gate, v *vault.Vault, j *evidence.Journal, st *store.Store, keys Keys, post Poster, log *slog.Logger) *Desk {
	cfg.fill()
	return &Desk{
		cfg: cfg, home: home, door: door, gate: g, vault: v, journal: j, store: st, keys: keys, post: post, log: log,
		changed: make(chan struct{}, 1), turns: turns{every: time.Second / time.Duration(cfg.Rate)},
	}
}

// Bounds of what is kept.
const (
	maxOfOwner = 500
	maxOfAll   = 2000
	keptEvents = 1000                 // numbers of a subscription that $events can still ask for
	maxLag     = 1 << 20              // entries of the log that a subscription in error may fall behind and still be told of all
	longest    = 366 * 24 * time.Hour // that a subscription lasts before its owner must renew it
)

// Statuses of a subscription (http://hl7.org/fhir/subscription-status).
const (
	requested = "requested"
	active    = "active"
	inError   = "error"
	off       = "off"
)

// Resource is a subscription as the desk answers.
type Resource struct {
	ID      string
	Version uint64
	Updated int64 // Unix milliseconds
	Raw     []byte
	Created bool // by this request
	Receipt evidence.Receipt
}

// ownerOf returns whose subscriptions an actor sees: those of the software that
// carries the request.
func ownerOf(a identity.Actor) string { return a.Organisation() + " " + a.Client() }

// nudge lets the dispatcher of this process look at once.
func (d *Desk) nudge() {
	select {
	case d.changed <- struct{}{}:
	default:
	}
}
