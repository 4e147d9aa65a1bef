package store

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"time"

	"cairn/fhir/search"
	"cairn/node/fault"
)

// place is where a page ended: after the record rid of the search part, which
// has these sort keys.
type place struct {
	part  int
	rid   int64
	total int      // what the first page counted; -1 if it did not
	seq   uint64   // of a sorted search: the newest version that there was at its first page; 0: not kept
	keys  [][]byte // one for each sort rule; nil where the record has no value
}

// cursors turns places into opaque text and back. A cursor holds values of
// records, and numbers that count records which its reader may not see, so it is
// encrypted under a key of this database, bound to the question that it
// belongs to.
type cursors struct {
	aead cipher.AEAD
	now  func() time.Time
}

const (
	cursorKey  = "store.cursor-key"
	cursorLife = 24 * time.Hour
	cursorForm = "cairn/cursor/2\x00" // of what is in a cursor: one in another form belongs to no search
)

// loadCursors reads the key from the database, or makes it.
func loadCursors(c *conn) (*cursors, error) {
	fresh := make([]byte, 32)
	_, _ = rand.Read(fresh) // crypto/rand.Read does not return an error
	if _, err := c.exec("INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT DO NOTHING", cursorKey, fresh); err != nil {
		return nil, err
	}
	var key []byte
	_, err := c.one("SELECT value FROM meta WHERE key = ?", func(r row) error { key = r.blob(0); return nil }, cursorKey)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, corrupt(fmt.Errorf("the key of cursors: %w", err))
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, corrupt(fmt.Errorf("the key of cursors: %w", err))
	}
	return &cursors{aead, time.Now}, nil
}

// seal makes the cursor of a place. question says what was asked.
func (k *cursors) seal(question []byte, p place) string {
	b := binary.AppendVarint(nil, k.now().Unix())
	b = binary.AppendUvarint(b, uint64(p.part)) //nolint:gosec // an index
	b = binary.AppendVarint(b, p.rid)
	b = binary.AppendVarint(b, int64(p.total))
	b = binary.AppendUvarint(b, p.seq)
	for _, key := range p.keys {
		if key == nil {
			b = append(b, 0)
			continue
		}
		b = append(binary.AppendUvarint(b, uint64(len(key))+1), key...)
	}
	return base64.RawURLEncoding.EncodeToString(k.aead.Seal(nil, nil, b, question))
}

// open returns the place of a cursor that seal made for the same question.
func (k *cursors) open(question []byte, text string) (place, error) {
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil {
		return place{}, badCursor()
	}
	b, err := k.aead.Open(nil, nil, sealed, question)
	if err != nil {
		return place{}, badCursor()
	}
	r := facetReader{raw: b, text: string(b)}
	made := time.Unix(r.varint(), 0)
	p := place{part: int(r.uvarint()), rid: r.varint(), total: int(r.varint()), seq: r.uvarint()} //nolint:gosec // what seal wrote
	for !r.bad && r.at < len(b) {
		var key []byte
		if n := r.uvarint(); n > 0 {
			key = []byte(r.take(n - 1))
		}
		p.keys = append(p.keys, key)
	}
	if r.bad {
		return place{}, badCursor()
	}
	if k.now().Sub(made) > cursorLife {
		return place{}, fault.New(fault.Invalid, "store.cursor-old", "This link to the next page is more than a day old.").
			WithHint("Start the search again from its first page.")
	}
	return p, nil
}

// questionOf is a hash of everything that queries ask for but their place and
// the size of their pages.
func questionOf(queries []search.Query) ([]byte, error) {
	all := append([]search.Query(nil), queries...)
	for i := range all {
		all[i].Cursor, all[i].Count = "", 0
	}
	text, err := json.Marshal(all)
	if err != nil {
		return nil, fmt.Errorf("naming a search: %w", err)
	}
	sum := sha256.Sum256(append([]byte(cursorForm), text...))
	return sum[:], nil
}

func badCursor() error {
	return fault.New(fault.Invalid, "store.cursor", "This link to the next page does not belong to this search.").
		WithHint("Start the search again from its first page.")
}
