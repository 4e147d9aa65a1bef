package evidence

import (
	"context"
	"crypto/cipher"
	"crypto/rand"
	"encoding/hex"
	"fmt"

	"github.com/google/uuid"

	"cairn/node/fault"
	"cairn/node/store"
	"cairn/proof"
)

// Keys gives the data key that seals the log's entries; node/keys has it.
type Keys interface {
	Key(ctx context.Context, name string, create bool) (cipher.AEAD, error)
}

// Journal writes and opens entries of the hospital's log. An entry is blinded
// (its leaf says nothing without the salt) and sealed (its body opens only
// with the hospital's log key). Its methods are safe for concurrent use.
type Journal struct {
	member string
	aead   cipher.AEAD
}

// NewJournal opens the journal of a member under the data key of that name.
func NewJournal(ctx context.Context, member string, keys Keys, name string) (*Journal, error) {
	aead, err := keys.Key(ctx, name, true)
	if err != nil {
		return nil, fmt.Errorf("opening the log's key: %w", err)
	}
	return &Journal{member: member, aead: aead}, nil
}

// Receipt is a promise: this event is durable in this hospital's log, at this
// index. It becomes a proof when a seal covers it.
type Receipt struct {
	Member string
	Index  uint64
	ID     string // of the event
}

// String returns the receipt as it stands in the header Cairn-Receipt.
func (r Receipt) String() string { return fmt.Sprintf("%s/%d/%s", r.Member, r.Index, r.ID) }

// Draft is an event ready for the log: encoded, blinded and sealed outside the
// store's transaction, so that the one writer only writes.
type Draft struct {
	entry store.Entry
	event proof.Event
}

// Draft prepares an event. It gives the event its id and the journal's member.
// An event of which a field is too long is refused with Invalid.
func (j *Journal) Draft(ev proof.Event) (*Draft, error) {
	id := uuid.Must(uuid.NewV7()) // ordered by time, so that entries stand together on disk
	ev.ID, ev.Member = id.String(), j.member
	raw, err := ev.Encode()
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, "event", "this request is too large to be logged, so it is refused", err)
	}
	var salt [32]byte
	rand.Read(salt[:]) // never fails: crypto/rand, Go 1.24
	body := make([]byte, j.aead.NonceSize(), j.aead.NonceSize()+len(salt)+len(raw)+j.aead.Overhead())
	rand.Read(body)
	plain := append(salt[:], raw...)
	body = j.aead.Seal(body, body, plain, id[:])
	return &Draft{event: ev, entry: store.Entry{
		ID: id, Kind: ev.Kind, Time: ev.Time, Subject: localID(ev.Subject), Leaf: proof.Leaf(salt, ev.Kind, ev.ID, raw), Body: body,
	}}, nil
}

// Append writes the draft in a store transaction. The receipt holds once that
// transaction is durable.
func (d *Draft) Append(tx *store.Tx) error { return tx.Append(&d.entry) }

// Enter writes drafts of events that describe nothing stored, such as reads: all
// of them or none. The receipts hold when it returns nil. check is that of
// store.Log.
func Enter(ctx context.Context, st *store.Store, drafts []*Draft, check func(epoch uint64) error) error {
	entries := make([]*store.Entry, len(drafts))
	for i, d := range drafts {
		entries[i] = &d.entry
	}
	return st.Log(ctx, entries, check)
}

// ID returns the id of the draft's event.
func (d *Draft) ID() string { return d.event.ID }

// Receipt returns the promise for a draft that was appended.
func (d *Draft) Receipt() Receipt {
	return Receipt{Member: d.event.Member, Index: d.entry.Index, ID: d.event.ID}
}

// Entry names the entry of a draft that was appended, as a statement to another
// member does.
func (d *Draft) Entry() proof.Entry {
	return proof.Entry{Index: d.entry.Index, Event: d.event.ID, Leaf: d.entry.Leaf}
}

// Opened is an entry with its content.
type Opened struct {
	Index uint64
	Event proof.Event
	Raw   []byte // the event's exact bytes
	Salt  [32]byte
	Leaf  [32]byte
}

// Open decrypts an entry and checks it against its leaf. An entry that was
// altered in the database is Broken, one of which only the leaf was left Gone.
func (j *Journal) Open(e *store.Entry) (Opened, error) {
	n := j.aead.NonceSize()
	if len(e.Body) == 0 {
		return Opened{}, fault.New(fault.Gone, "entry-erased", fmt.Sprintf("of entry %d of the log only the fingerprint is left: a patient was erased", e.Index))
	}
	if len(e.Body) < n {
		return Opened{}, altered(e.Index, nil)
	}
	plain, err := j.aead.Open(nil, e.Body[:n], e.Body[n:], e.ID[:])
	if err != nil || len(plain) < 32 {
		return Opened{}, altered(e.Index, err)
	}
	out := Opened{Index: e.Index, Salt: [32]byte(plain[:32]), Raw: plain[32:], Leaf: e.Leaf}
	ev, err := proof.DecodeEvent(out.Raw)
	if err != nil {
		return Opened{}, altered(e.Index, err)
	}
	out.Event = *ev
	switch {
	case out.Leaf != proof.Leaf(out.Salt, ev.Kind, ev.ID, out.Raw):
		return Opened{}, altered(e.Index, fmt.Errorf("the leaf %s is of other bytes", hex.EncodeToString(e.Leaf[:4])))
	case e.Kind != ev.Kind, e.Time != ev.Time, e.Subject != localID(ev.Subject), uuid.UUID(e.ID).String() != ev.ID:
		return Opened{}, altered(e.Index, fmt.Errorf("the columns beside it say something else"))
	}
	return out, nil
}

func altered(index uint64, cause error) error {
	return fault.Wrap(fault.Broken, "entry-altered", fmt.Sprintf("entry %d of the log was altered in the database", index), cause).
		WithHint("keep a copy of the data directory as evidence, then run `cairn scrub`")
}

// localID returns the id of a local reference "Patient/ID", or "".
func localID(reference string) string {
	const prefix = "Patient/"
	if len(reference) > len(prefix) && reference[:len(prefix)] == prefix {
		return reference[len(prefix):]
	}
	return ""
}
