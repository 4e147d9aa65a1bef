package identity

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"sync"

	"cairn/node/identity/box"
)

// openedLimit bounds how many tokens are remembered: at about a kilobyte each.
const openedLimit = 4096

// opened remembers what sealed access tokens say, by their hashes, so that one
// that comes with many requests is opened once. What a token says never changes;
// whether it still counts is another question, asked at every use.
type opened struct {
	mu   sync.RWMutex
	says map[[32]byte]minted
}

// open returns what an access token says that is sealed for a use, and false for
// anything that is no such token. Nobody may change what is returned.
func (o *opened) open(b box.Box, access string, bound []byte) (minted, bool) {
	key := sha256.Sum256(append(bound[:len(bound):len(bound)], access...))
	o.mu.RLock()
	m, known := o.says[key]
	o.mu.RUnlock()
	if known {
		return m, true
	}
	raw, ok := spelled(access)
	if !ok {
		return minted{}, false
	}
	plain, err := b.Open(raw, bound)
	if err != nil || json.Unmarshal(plain, &m) != nil {
		return minted{}, false
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.says == nil || len(o.says) >= openedLimit {
		o.says = make(map[[32]byte]minted)
	}
	o.says[key] = m
	return m, true
}

// spelled decodes base64url in its one spelling (RFC 4648, 3.5): what was ended is
// known by the text of it.
func spelled(text string) ([]byte, bool) {
	raw, err := base64.RawURLEncoding.DecodeString(text)
	return raw, err == nil && base64.RawURLEncoding.EncodeToString(raw) == text
}
