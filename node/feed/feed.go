// Package feed is the desk for HL7 version 2 messages: it takes one, finds the
// sender and the patient, has FHIR made of it and written through the desk for
// records, and says how to acknowledge it. What it refuses it keeps, sealed,
// until a person has looked at it.
//
// # What is promised
//
// AA: what the message says is durable, with its entries in the log. The same
// message once more, by sender, control id and bytes, is answered AA again and
// stores nothing; another under the same control id is refused. AE: the message
// was not understood and is kept in the queue, durable. AR: nothing of it is
// here, and the sender still has it. Messages of one sender that come one after
// the other are taken in that order.
//
// Whose message it is, is looked up by the identifiers in it, in the hospital's
// index and whatever consents say: matching is no read, shows nothing, and must
// not make a second record of a patient who closed the first. Every byte that
// is read for it passes the gate.
//
// # Trust
//
// A thief of the store sees of a refused message its sender, type, time, size,
// for whom it is, and why and where it was refused; with the key-encryption key
// as well, everything. The ids of what messages make depend on a secret of the
// hospital: who does not have it cannot try out identifiers against them.
package feed

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"

	"cairn/fhir/er7"
	"cairn/fhir/er7/mapping"
	"cairn/node/evidence"
	"cairn/node/fault"
	"cairn/node/gate"
	"cairn/node/identity"
	"cairn/node/record"
	"cairn/node/store"
)

// Sender is a system that may send messages.
type Sender struct {
	mapping.Sender
	Application string        // MSH-3.1
	Facility    string        // MSH-4.1; "" any
	Certificate string        // name in the certificate of its connection; "" any, also none
	Feed        identity.Feed // in whose name it writes
	Charset     er7.Charset   // of messages without MSH-18
	NewPatients []string      // message types that may bring a patient who is not known
}

// Config is what the desk needs to know.
type Config struct {
	Senders    []Sender
	Processing string // MSH-11 of the messages that are meant for here: P, T or D
	Limit      store.RefusedLimit
	Key        string // name of the data key of refused messages
}

// Chest seals what is kept; node/keys has it.
type Chest interface {
	Seal(ctx context.Context, name string, plain, bound []byte) ([]byte, error)
	Open(ctx context.Context, name string, sealed, bound []byte) ([]byte, error)
}

// Desk does the work. Its methods are safe for concurrent use.
type Desk struct {
	cfg     Config
	door    *identity.Door
	records *record.Desk
	gate    *gate.Gate
	journal *evidence.Journal
	store   *store.Store
	chest   Chest
	log     *slog.Logger
	secret  []byte
	counts  counts
	kept    atomic.Uint32   // counts messages that were named
	turns   [256]sync.Mutex // by a hash of the patient's first identifier
}

// counts are of messages since the node started.
type counts struct{ accepted, repeated, refused, rejected atomic.Uint64 }

// New makes the desk. The first of a hospital makes its secret, durable before
// it is used.
func New(ctx context.Context, cfg Config, door *identity.Door, records *record.Desk, g *gate.Gate, j *evidence.Journal, st *store.Store, chest Chest, log *slog.Logger) (*Desk, error) {
	d := &Desk{cfg: cfg, door: door, records: records, gate: g, journal: j, store: st, chest: chest, log: log}
	return d, d.openSecret(ctx)
}

// secretAt is where the secret is kept, and what it is sealed for.
const secretAt = "feed.secret"

func (d *Desk) openSecret(ctx context.Context) error {
	sealed, err := d.sealedSecret(ctx)
	if err == nil && sealed == nil {
		sealed, err = d.makeSecret(ctx)
	}
	if err != nil {
		return fmt.Errorf("opening the secret of feeds: %w", err)
	}
	d.secret, err = d.chest.Open(ctx, d.cfg.Key, sealed, []byte(secretAt))
	return err
}

func (d *Desk) sealedSecret(ctx context.Context) (sealed []byte, err error) {
	err = d.store.View(ctx, func(v *store.View) error {
		sealed, err = v.Meta(secretAt)
		return err
	})
	return sealed, err
}

// makeSecret keeps a new secret, or returns the one that another process kept
// meanwhile.
func (d *Desk) makeSecret(ctx context.Context) ([]byte, error) {
	raw := make([]byte, sha256.Size)
	rand.Read(raw) // never fails: crypto/rand, Go 1.24
	sealed, err := d.chest.Seal(ctx, d.cfg.Key, raw, []byte(secretAt))
	if err != nil {
		return nil, err
	}
	err = d.store.Update(ctx, func(tx *store.Tx) error {
		have, err := tx.Meta(secretAt)
		if err != nil || have != nil {
			sealed = have
			return err
		}
		return tx.SetMeta(secretAt, sealed)
	})
	return sealed, err
}

// mac is a keyed hash of parts, under a label.
func (d *Desk) mac(label string, parts ...string) (out [32]byte) {
	h := hmac.New(sha256.New, d.secret)
	for _, p := range append([]string{"cairn/feed/v1/" + label}, parts...) {
		var size [8]byte
		binary.BigEndian.PutUint64(size[:], uint64(len(p)))
		h.Write(size[:])
		h.Write([]byte(p))
	}
	return [32]byte(h.Sum(nil))
}

// id makes a resource id in the form of a UUID of version 8 (RFC 9562 5.8).
func (d *Desk) id(typ string, parts ...string) string {
	sum := d.mac("id/"+typ, parts...)
	sum[6] = sum[6]&0x0f | 0x80
	sum[8] = sum[8]&0x3f | 0x80
	s := hex.EncodeToString(sum[:16])
	return s[:8] + "-" + s[8:12] + "-" + s[12:16] + "-" + s[16:20] + "-" + s[20:]
}

// Source is what is known of where a message comes from.
type Source struct {
	Certificates []string // names in the certificate that the connection proved to have
}

// sender finds who sent a message, nil if it is nobody who may.
func (d *Desk) sender(h *er7.Header, from Source) *Sender {
	for i := range d.cfg.Senders {
		s := &d.cfg.Senders[i]
		switch {
		case s.Application != h.Application,
			s.Facility != "" && s.Facility != h.Facility,
			s.Certificate != "" && !slices.Contains(from.Certificates, s.Certificate):
		default:
			return s
		}
	}
	return nil
}

// named finds a sender by its name.
func (d *Desk) named(name string) (*Sender, error) {
	for i := range d.cfg.Senders {
		if d.cfg.Senders[i].Name == name {
			return &d.cfg.Senders[i], nil
		}
	}
	return nil, fault.New(fault.Conflict, "feed.sender", "the sender of this message is not in the configuration any more")
}
