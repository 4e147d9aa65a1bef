package keys

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
)

type logSigner struct {
	name string
	key  ed25519.PrivateKey
}

func (s logSigner) Name() string { return s.name }

// KeyHash is the first four bytes of SHA-256(name, newline, 0x01, public key).
func (s logSigner) KeyHash() uint32 {
	in := append([]byte(s.name), '\n', 1)
	sum := sha256.Sum256(append(in, public(s.key)...))
	return binary.BigEndian.Uint32(sum[:4])
}

func (s logSigner) Sign(msg []byte) ([]byte, error) { return ed25519.Sign(s.key, msg), nil }
