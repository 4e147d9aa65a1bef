package proof

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
)

// Domains keep the hashes of this package apart from each other and from all
// others.
const (
	leafDomain   = "cairn/leaf/v1\x00"
	recordDomain = "cairn/record/v1\x00"
)

// Leaf returns the blinded hash of an event: the 32 bytes that are the data of
// its log entry. raw is the event's encoding, kind and id are its own.
//
//	HMAC-SHA-256(salt, "cairn/leaf/v1" 0x00
//	  || uint32 len(kind) || kind || uint32 len(id) || id || SHA-256(raw))
//
// with big-endian lengths. A fresh random salt hides the event; who has the
// salt and the event can open the leaf, and in one way only.
func Leaf(salt [32]byte, kind, id string, raw []byte) [32]byte {
	m := make([]byte, 0, 192)
	m = append(m, leafDomain...)
	m = appendPrefixed(m, kind)
	m = appendPrefixed(m, id)
	return blind(salt, m, raw)
}

// Commitment returns the blinded hash of a record's stored bytes.
//
//	HMAC-SHA-256(salt, "cairn/record/v1" 0x00
//	  || uint32 len(typ) || typ || uint32 len(id) || id || uint64 version || SHA-256(raw))
//
// with big-endian numbers.
func Commitment(salt [32]byte, typ, id string, version uint64, raw []byte) [32]byte {
	m := make([]byte, 0, 192)
	m = append(m, recordDomain...)
	m = appendPrefixed(m, typ)
	m = appendPrefixed(m, id)
	m = binary.BigEndian.AppendUint64(m, version)
	return blind(salt, m, raw)
}

func appendPrefixed(b []byte, s string) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(len(s)))
	return append(b, s...)
}

func blind(salt [32]byte, m, raw []byte) (out [32]byte) {
	sum := sha256.Sum256(raw)
	mac := hmac.New(sha256.New, salt[:])
	mac.Write(m)
	mac.Write(sum[:])
	mac.Sum(out[:0])
	return out
}
