// Package nonce makes the challenges that passkeys and proofs of possession answer,
// and knows its own again without remembering them. Whether one was used before is
// for others to remember: each nonce is good until its end.
package nonce

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"time"
)

// Life is how long a nonce is good: as long as a passkey may take to sign.
const Life = 5 * time.Minute

// Maker makes nonces and knows its own again without remembering them, so
// that nobody fills a table by asking: a nonce carries its end, what it is
// about, and a MAC under Key.
type Maker struct{ Key [32]byte }

const (
	random = 16
	begin  = random + 8 // where what it is about begins, after the end in Unix milliseconds
)

// New makes a maker with a key that nobody else has.
func New() (m Maker) {
	rand.Read(m.Key[:]) // never fails: crypto/rand, Go 1.24
	return m
}

// Issue makes a nonce: 16 random bytes, its end, about, a MAC.
func (m *Maker) Issue(purpose string, about []byte, now time.Time) []byte {
	nonce := make([]byte, random, begin+len(about)+sha256.Size)
	rand.Read(nonce)                                                                // as above
	nonce = binary.BigEndian.AppendUint64(nonce, uint64(now.Add(Life).UnixMilli())) //nolint:gosec // after 1970
	nonce = append(nonce, about...)
	return append(nonce, m.mac(purpose, nonce)...)
}

// About returns what a nonce of ours is about; ok is false for another's, one
// for another purpose and one that has ended.
func (m *Maker) About(purpose string, nonce []byte, now time.Time) (about []byte, ok bool) {
	if len(nonce) < begin+sha256.Size {
		return nil, false
	}
	body, mac := nonce[:len(nonce)-sha256.Size], nonce[len(nonce)-sha256.Size:]
	if !hmac.Equal(mac, m.mac(purpose, body)) {
		return nil, false
	}
	end := time.UnixMilli(int64(binary.BigEndian.Uint64(body[random:]))) //nolint:gosec // we made it
	return body[begin:], now.Before(end)
}

func (m *Maker) mac(purpose string, body []byte) []byte {
	h := hmac.New(sha256.New, m.Key[:])
	h.Write([]byte(purpose + "\x00"))
	h.Write(body)
	return h.Sum(nil)
}
