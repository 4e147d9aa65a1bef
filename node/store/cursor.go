package store

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"

	"cairn/fhir/search"
	"cairn/node/fault"
)

// place is where a page of a search ended.
type place struct {
	rid   int64 // of the last hit; below 2^40
	total uint32
}

// cursors turns places into opaque text and back. A cursor is one AES block
// over rid, total and a check of the query, under a key of this database: rids
// count all records of the hospital, so the steps between those that a reader
// sees would tell how many he does not see.
type cursors struct{ block cipher.Block }

const cursorKey = "store.cursor-key"

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
	return &cursors{block}, nil
}

func (k *cursors) seal(q search.Query, p place) string {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], uint64(p.rid)<<24)
	binary.BigEndian.PutUint32(b[5:9], p.total)
	copy(b[9:], queryCheck(q))
	k.block.Encrypt(b[:], b[:])
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// open returns the place of a query's cursor, the start if it has none.
func (k *cursors) open(q search.Query) (place, error) {
	if q.Cursor == "" {
		return place{}, nil
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(q.Cursor)
	if err != nil || len(b) != 16 {
		return place{}, badCursor()
	}
	k.block.Decrypt(b, b)
	if string(b[9:]) != string(queryCheck(q)) {
		return place{}, badCursor()
	}
	return place{int64(binary.BigEndian.Uint64(b[:8]) >> 24), binary.BigEndian.Uint32(b[5:9])}, nil
}

// queryCheck is seven bytes that depend on everything the query asks for but
// its place and page size.
func queryCheck(q search.Query) []byte {
	q.Cursor, q.Count = "", 0
	sum := sha256.Sum256(fmt.Appendf(nil, "%#v", q))
	return sum[:7]
}

func badCursor() error {
	return fault.New(fault.Invalid, "store.cursor", "This link to the next page does not belong to this search.").
		WithHint("Start the search again from its first page.")
}
