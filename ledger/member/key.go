package member

import (
	"bytes"
	"crypto/ecdh"

	"github.com/oasisprotocol/curve25519-voi/curve"

	"cairn/ledger/wire"
)

// Use says what a key is for. A key is never used for anything else.
type Use uint8

// The uses of a key and the form that its public half has.
const (
	UseSeal      Use = 1 // signs seals: Ed25519, 32 bytes
	UseCosign    Use = 2 // cosigns checkpoints: Ed25519, 32 bytes
	UseClient    Use = 3 // signs requests to other hospitals: ECDSA P-384, PKIX DER with an uncompressed point, 120 bytes
	UseValidator Use = 4 // votes on blocks: Ed25519, 32 bytes
)

// String returns the use in one word.
func (u Use) String() string {
	switch u {
	case UseSeal:
		return "seal"
	case UseCosign:
		return "cosign"
	case UseClient:
		return "client"
	case UseValidator:
		return "validator"
	}
	return "unknown"
}

// Key is a public key and the heights at which it counts: From and every later height below Until; Until 0 leaves the end
// open. A signature that was good at its height stays good when the key has ended.
type Key struct {
	Use         Use
	Public      []byte
	From, Until uint64
}

// At reports whether the key counts at a height.
func (k Key) At(height uint64) bool {
	return k.From <= height && (k.Until == 0 || height < k.Until)
}

func (k Key) overlaps(o Key) bool {
	return (k.Until == 0 || o.From < k.Until) && (o.Until == 0 || k.From < o.Until)
}

func (k Key) validate() error {
	if k.Until != 0 && k.Until <= k.From {
		return ErrKeySpan
	}
	switch k.Use {
	case UseSeal, UseCosign, UseValidator:
		return checkEd25519(k.Public)
	case UseClient:
		return checkP384(k.Public)
	}
	return ErrKeyForm
}

// checkEd25519 refuses what is no point of the curve, and points of small order, under which anyone can sign.
func checkEd25519(public []byte) error {
	var compressed curve.CompressedEdwardsY
	if _, err := compressed.SetBytes(public); err != nil {
		return ErrKeyForm
	}
	var point curve.EdwardsPoint
	if _, err := point.SetCompressedY(&compressed); err != nil || point.IsSmallOrder() {
		return ErrKeyForm
	}
	return nil
}

// p384Prefix is what stands before the uncompressed point in the SubjectPublicKeyInfo of a P-384 key (RFC 5480 2).
var p384Prefix = []byte{
	0x30, 0x76, 0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01,
	0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22, 0x03, 0x62, 0x00,
}

// Point returns the uncompressed point (SEC 1, 2.3.3) in the public half of a key for UseClient.
func Point(public []byte) ([]byte, error) {
	point, found := bytes.CutPrefix(public, p384Prefix)
	if !found {
		return nil, ErrKeyForm
	}
	if _, err := ecdh.P384().NewPublicKey(point); err != nil {
		return nil, ErrKeyForm
	}
	return point, nil
}

func checkP384(public []byte) error {
	_, err := Point(public)
	return err
}

func (k Key) write(w *wire.Writer) {
	w.Uint8(uint8(k.Use))
	w.Bytes(k.Public)
	w.Uint64(k.From)
	w.Uint64(k.Until)
}

func readKey(r *wire.Reader) Key {
	return Key{Use: Use(r.Uint8()), Public: r.Bytes(maxKey), From: r.Uint64(), Until: r.Uint64()}
}
